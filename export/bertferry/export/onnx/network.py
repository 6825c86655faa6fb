"""Writes the network of a task step by step, each in the operations of `plain.py` or `fused.py`."""

from bertferry.convert import Checkpoint
from bertferry.core.graph_names import graph_names, graph_task
from bertferry.core.sentence import Sentence
from bertferry.core.tasks import HEADS, POSITIONS_INPUT, SENTENCE_OUTPUTS, TaskSpec
from bertferry.export.onnx.builder import GraphBuilder
from bertferry.export.onnx.draft import Draft
from bertferry.export.onnx.embedding import write_embedding
from bertferry.export.onnx.fused import FusedSteps
from bertferry.export.onnx.options import DEFAULT_OPSET, OnnxOptions
from bertferry.export.onnx.plain import PlainSteps
from bertferry.export.onnx.questions import with_questions

STEPS: dict[str, type[PlainSteps]] = {"none": PlainSteps, "ort": FusedSteps}
"""By the option `optimize`."""


def draft_network(source: Checkpoint, options: OnnxOptions) -> Draft:
    """The graph of a task over the source's parameters.

    The tensors at which a verifier may cut it are named: `embeddings`, `layer_0/attention`, …, `pooler`.
    """
    graph = GraphBuilder(source, options.between, options.opset or DEFAULT_OPSET)
    naming = options.names or "tensorflow"
    spec = graph_task(source.task(options.task), naming, source.config)
    names = graph_names(spec, naming)
    attentions = "attentions" in source.inner
    steps = STEPS[options.optimize](graph, source.config, attentions=attentions, segments=spec.segments)
    inputs = [name for name in spec.input_names if name in names]
    positions = POSITIONS_INPUT if POSITIONS_INPUT in inputs else None
    sentence = source.sentence if spec.poolings else None
    outputs = _outputs(steps, spec, positions, sentence)
    for name, values in (outputs | {inner.name: inner.point for inner in spec.inner}).items():
        if graph.floats == options.floats == "float32":
            graph.add("Identity", [values], name)
        else:  # in half precision, some have 16 bits and some 32
            graph.cast(values, options.floats, name)
    draft = graph.draft(inputs, spec.output_names, options.integers, options.floats).renamed(names)
    return with_questions(draft) if spec.grouped else draft


def _outputs(
    steps: PlainSteps, spec: TaskSpec, positions: str | None, sentence: Sentence | None
) -> dict[str, str]:
    """Writes the network; returns the tensor of each output."""
    sequence = _encode(steps)
    pooled = steps.pool(sequence, "pooler") if spec.needs_pooler else ""
    outputs = {"sequence_output": sequence} if spec.encoder else {}
    if spec.encoder and spec.pooler:
        outputs["pooled_output"] = pooled
    for head in spec.heads:
        outputs |= _head_outputs(steps, head, sequence, pooled, positions)
    if sentence is not None:
        outputs[SENTENCE_OUTPUTS[0].name] = write_embedding(steps.graph, sentence, sequence, pooled)
    return outputs


def _encode(steps: PlainSteps) -> str:
    mask = steps.mask()
    hidden = steps.embed("embeddings")
    for layer in range(steps.config.num_layers):
        place, point = steps.config.block(layer), f"layer_{layer}"
        context = steps.attend(hidden, mask, f"{place}/attention", f"{point}/probabilities")
        normed = steps.dense_add_norm(
            context,
            f"{place}/attention/output",
            hidden,
            f"{place}/attention/norm",
            (f"{point}/attention", f"{point}/attention_norm"),
        )
        inner = steps.dense_activate(normed, f"{place}/intermediate")
        hidden = steps.dense_add_norm(
            inner, f"{place}/output", normed, f"{place}/output/norm", ("", f"{point}/output")
        )
    return hidden


def _head_outputs(
    steps: PlainSteps, head: str, sequence: str, pooled: str, positions: str | None
) -> dict[str, str]:
    """The tensors of a head's outputs; words are predicted at `positions`, or at all."""
    spec = HEADS[head]
    names = [output.name for output in spec.outputs]
    if spec.reads == "predictions":
        return {names[0]: steps.predict_tokens(sequence, positions)}
    vectors = pooled if spec.reads == "pooled" else sequence
    if spec.inner:
        vectors = steps.dense_activate(vectors, spec.inner)
    scores = steps.dense(vectors, head)
    columns = steps.columns(scores, len(names)) if spec.returns_columns else [scores]
    return dict(zip(names, columns, strict=True))
