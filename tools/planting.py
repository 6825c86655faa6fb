"""Sound artefacts of every kind from one random BERT, and the same with a fault planted."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import onnx
from code_faults import CodeFault, code_faults, planted
from onnx import helper, numpy_helper
from random_checkpoint import values, write
from weight_faults import CONFIG, Values, WeightFault, weight_faults

from bertferry.convert import convert_checkpoint, open_checkpoint
from bertferry.core.errors import DataError
from bertferry.core.tasks import ENCODER_INPUTS
from bertferry.export import export_hub_module, export_onnx
from bertferry.verify.artefact import (
    Artefact,
    checkpoint_artefact,
    golden_artefact,
    huggingface_artefact,
    onnx_artefact,
    saved_model_artefact,
)
from bertferry.verify.execution import Execution
from bertferry.verify.golden import write_golden
from bertferry.verify.probes import standard_probes
from bertferry.verify.report import Report
from bertferry.verify.side_by_side import Judgement, compare_artefacts, loosest
from bertferry.verify.stored_report import rejudged
from bertferry.verify.tolerance import PROFILES, Tolerance

FAMILIES = ("network", "module", "onnx", "pytorch")
"""A checkpoint and what is stored of it; a Hub module as a layer and by signature; an ONNX file; a Hugging Face
directory in somebody else's implementation, which needs the extra `torch`."""
SPREAD = 0.25
"""Standard deviation of the weights: wide enough that no part of the network is nearly linear."""


@dataclass(frozen=True)
class OutputFault:
    """Changes finished outputs: by name as TensorFlow's tensors, or in an ONNX graph."""

    name: str
    tensors: Callable[[dict[str, Any]], dict[str, Any]]
    graph: Callable[[onnx.GraphProto], None]
    culprit: str = ""


@dataclass(frozen=True)
class ShapeFault:
    """Freezes a dimension of the inputs: 0 is the batch, 1 the length."""

    name: str
    axis: int
    size: int
    culprit: str = ""


@dataclass(frozen=True)
class VocabularyFault:
    """Exchanges two words of the vocabulary."""

    name: str = "two words of the vocabulary swapped"
    culprit: str = ""


Fault = WeightFault | CodeFault | OutputFault | ShapeFault | VocabularyFault


def parameters() -> Values:
    """Those of the random BERT."""
    return dict(values(CONFIG, seed=1, spread=SPREAD))


def write_checkpoint(folder: Path, fault: Fault | None = None) -> Path:
    """The random BERT as a tf1 checkpoint, with the fault where it is one of the weights or the vocabulary."""
    config, drawn = CONFIG, parameters()
    if isinstance(fault, WeightFault):
        config = fault.change(drawn) or CONFIG
    write(folder, config, drawn.items())
    (folder / "tokenizer_config.json").write_text('{"do_lower_case": true}\n')
    if isinstance(fault, VocabularyFault):
        words = (folder / "vocab.txt").read_text().splitlines()
        words[7], words[8] = words[8], words[7]
        (folder / "vocab.txt").write_text("\n".join(words) + "\n")
    return folder


def plantable(family: str, fault: Fault | None) -> bool:
    """Whether a family's artefacts can have the fault."""
    if family == "network":
        return not isinstance(fault, ShapeFault)
    if family == "onnx":
        return not isinstance(fault, VocabularyFault)
    return family != "pytorch" or isinstance(fault, WeightFault | VocabularyFault | None)


def artefacts(family: str, fault: Fault | None, folder: Path, precision: str = "fp32") -> list[Artefact]:
    """The artefacts of a family, made in `folder`, with the fault."""
    checkpoint = write_checkpoint(folder / "checkpoint", fault)
    with planted(fault) if isinstance(fault, CodeFault) else nullcontext():
        return list(_MAKERS[family](checkpoint, fault, folder, precision))


def _networks(checkpoint: Path, fault: Fault | None, folder: Path, precision: str) -> Iterator[Artefact]:
    execution = Execution(precision=precision)
    runner = checkpoint_artefact(open_checkpoint(checkpoint), "encoder", execution)
    with _changed_outputs(fault) if isinstance(fault, OutputFault) else nullcontext():
        opened = runner.open()
    yield replace(runner, open=lambda: opened)
    if isinstance(fault, VocabularyFault):
        return  # what is stored has no words
    probes = standard_probes(runner.limits)
    stored = folder / "stored.npz"
    write_golden(stored, probes, [opened.run(probe.inputs) for probe in probes])
    yield replace(golden_artefact(stored), profile=runner.profile)


def _changed_outputs(fault: OutputFault) -> AbstractContextManager[Any]:
    """A checkpoint that is opened while it lasts keeps the fault in what it computes."""
    from bertferry.verify.runners.checkpoint import CheckpointRunner

    sound = CheckpointRunner.outputs
    return patch.object(CheckpointRunner, "outputs", lambda *given: fault.tensors(sound(*given)))


def _modules(checkpoint: Path, fault: Fault | None, folder: Path, precision: str) -> Iterator[Artefact]:
    module = folder / "module"
    export_hub_module(checkpoint, module, precision=precision, verify=False)
    if isinstance(fault, OutputFault | ShapeFault):
        module = _wrapped(module, fault, folder / "wrapped")
    for kind in ("hub", "savedmodel"):
        yield saved_model_artefact(module, kind)


def _wrapped(module: Path, fault: OutputFault | ShapeFault, path: Path) -> Path:
    """A SavedModel around a sound one."""
    import tensorflow as tf

    shape: list[int | None] = [None, None]
    if isinstance(fault, ShapeFault):
        shape[fault.axis] = fault.size
    specs = {name: tf.TensorSpec(shape, tf.int32, name) for name in ENCODER_INPUTS}
    root = tf.train.Checkpoint()
    root.inner = tf.saved_model.load(str(module))

    @tf.function(input_signature=[specs])
    def call(inputs):
        outputs = root.inner.signatures["serving_default"](**inputs)
        return fault.tensors(outputs) if isinstance(fault, OutputFault) else outputs

    @tf.function(input_signature=list(specs.values()))
    def serve(*tensors):
        return call(dict(zip(specs, tensors, strict=True)))

    root.__call__ = call
    root.variables = root.trainable_variables = root.regularization_losses = []
    tf.saved_model.save(root, str(path), signatures={"serving_default": serve})
    return path


def _graphs(checkpoint: Path, fault: Fault | None, folder: Path, precision: str) -> Iterator[Artefact]:
    path = folder / "model.onnx"
    export_onnx(path, checkpoint=checkpoint, precision=precision, verify=False)
    if isinstance(fault, OutputFault | ShapeFault):
        model = onnx.load(str(path))
        if isinstance(fault, OutputFault):
            fault.graph(model.graph)
        else:
            for value in model.graph.input:
                value.type.tensor_type.shape.dim[fault.axis].dim_value = fault.size
        onnx.save(model, str(path))
    yield onnx_artefact(path)


def _pytorch(checkpoint: Path, fault: Fault | None, folder: Path, precision: str) -> Iterator[Artefact]:
    path = folder / "huggingface"
    convert_checkpoint(checkpoint, path, to="huggingface")
    yield huggingface_artefact(open_checkpoint(path), "encoder", Execution(precision=precision))


_MAKERS = {"network": _networks, "module": _modules, "onnx": _graphs, "pytorch": _pytorch}


def output_faults() -> Iterator[Fault]:
    """Every fault of the outputs and of the interface."""
    import tensorflow as tf

    def not_a_number(outputs: dict[str, Any]) -> dict[str, Any]:
        row = np.zeros(CONFIG.hidden_size, np.float32)
        row[3] = np.nan
        return {**outputs, "sequence_output": outputs["sequence_output"] + row}

    def swapped(outputs: dict[str, Any]) -> dict[str, Any]:
        return {"sequence_output": outputs["pooled_output"], "pooled_output": outputs["sequence_output"]}

    def halved(outputs: dict[str, Any]) -> dict[str, Any]:
        return {**outputs, "sequence_output": tf.cast(outputs["sequence_output"], tf.float16)}

    def constant(outputs: dict[str, Any]) -> dict[str, Any]:
        return {**outputs, "pooled_output": tf.zeros_like(outputs["pooled_output"]) + 0.5}

    yield OutputFault("outputs swapped", swapped, _swap_outputs)
    yield OutputFault("sequence output in float16", halved, _halve_output)
    yield OutputFault("NaN in one place", not_a_number, _not_a_number)
    yield OutputFault("constant output", constant, _constant_output)
    yield ShapeFault("fixed batch", axis=0, size=1)
    yield ShapeFault("fixed length", axis=1, size=8)
    yield VocabularyFault()


def _behind(graph: onnx.GraphProto, name: str, operation: str, *more: str, **attributes: Any) -> None:
    """Puts an operation between an output and what computes it."""
    for node in graph.node:
        node.output[:] = [f"{name}/sound" if one == name else one for one in node.output]
        node.input[:] = [f"{name}/sound" if one == name else one for one in node.input]
    graph.node.append(helper.make_node(operation, [f"{name}/sound", *more], [name], **attributes))


def _constant(graph: onnx.GraphProto, name: str, values: np.ndarray) -> str:
    graph.initializer.append(numpy_helper.from_array(values, name))
    return name


def _output(graph: onnx.GraphProto, name: str) -> onnx.ValueInfoProto:
    return next(value for value in graph.output if value.name == name)


def _swap_outputs(graph: onnx.GraphProto) -> None:
    one, other = _output(graph, "sequence_output"), _output(graph, "pooled_output")
    one.name, other.name = other.name, one.name
    names = {"sequence_output": "pooled_output", "pooled_output": "sequence_output"}
    for node in graph.node:
        node.output[:] = [names.get(name, name) for name in node.output]
        node.input[:] = [names.get(name, name) for name in node.input]


def _halve_output(graph: onnx.GraphProto) -> None:
    _behind(graph, "sequence_output", "Cast", to=onnx.TensorProto.FLOAT16)
    _output(graph, "sequence_output").type.tensor_type.elem_type = onnx.TensorProto.FLOAT16


def _not_a_number(graph: onnx.GraphProto) -> None:
    row = np.zeros(CONFIG.hidden_size, np.float32)
    row[3] = np.nan
    _behind(graph, "sequence_output", "Add", _constant(graph, "not_a_number", row))


def _constant_output(graph: onnx.GraphProto) -> None:
    zero, half = (_constant(graph, f"constant_{value}", np.array(value, np.float32)) for value in (0.0, 0.5))
    _behind(graph, "pooled_output", "Mul", zero)
    for node in graph.node:
        if node.output[0] == "pooled_output":
            node.output[0] = "pooled_output/zero"
    graph.node.append(helper.make_node("Add", ["pooled_output/zero", half], ["pooled_output"]))


def every_fault() -> list[Fault]:
    """The whole table."""
    return [*weight_faults(), *code_faults(), *output_faults()]


def judged(reference: Artefact, candidate: Artefact) -> Report:
    """The comparison as `verify-parity --localize` makes it."""
    tolerance = PROFILES[loosest([reference, candidate])]
    return compare_artefacts(reference, [candidate], Judgement(tolerance, localize=True))


def agrees(reference: Artefact, candidate: Artefact) -> bool:
    """The verdict; what does not even open (a random operation in half precision) has exit code 1 as well."""
    try:
        return judged(reference, candidate).ok
    except DataError:
        return False


def doubled(tolerance: Tolerance) -> Tolerance:
    """Twice the differences, half the ratio of signal to noise (6 dB)."""
    return replace(
        tolerance,
        atol=2 * tolerance.atol,
        rtol=2 * tolerance.rtol,
        min_sqnr_db=None if tolerance.min_sqnr_db is None else tolerance.min_sqnr_db - 6,
    )


def effect(report: Report) -> float:
    """The largest difference of a report's only candidate; NaN where values could not be compared."""
    diffs = [diff for probe in report.candidates[0].probes for diff in probe.diffs]
    return max((diff.statistics.max_abs for diff in diffs if diff.statistics), default=float("nan"))


def exceeds(report: Report, tolerance: Tolerance) -> bool:
    """Whether a report would disagree under another tolerance, twice as wide as given."""
    return not rejudged(report, doubled(tolerance), {}).ok
