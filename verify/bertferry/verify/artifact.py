"""Artifacts to compare: what their files say of each kind, and how to open them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from bertferry.convert import Checkpoint
from bertferry.convert.configuration import bert_config
from bertferry.convert.heads import with_task
from bertferry.core.errors import UsageError
from bertferry.core.extras import EXTRAS, HUB, ONNX, check_installed
from bertferry.core.manifest import read_manifest
from bertferry.core.tasks import EMBEDDINGS, GRAPH_TASKS, LITERT_TASKS, TaskSpec
from bertferry.core.tokenizer import Tokenizer
from bertferry.verify.execution import DEFAULT_EXECUTION, DEVICES, Execution
from bertferry.verify.file_facts import class_facts, describe_onnx, graph_interface, model_limits, module_interface
from bertferry.verify.golden import GoldenRunner, read_golden
from bertferry.verify.interface import Interface
from bertferry.verify.kinds import SIGNATURE
from bertferry.verify.module_facts import module_tokenizer
from bertferry.verify.probes import ModelLimits, Probe
from bertferry.verify.runner import Runner
from bertferry.verify.saved_model_interface import check_saved_model
from bertferry.verify.standard_runner import StandardRunner
from bertferry.verify.string_modules import StringModule, string_module
from bertferry.verify.string_source import StringSource

NETWORK_PRECISIONS = ("fp32", "tf32", "fp16", "bf16", "fp64")


@dataclass(frozen=True)
class Artifact:
    """One side of a comparison; `open` loads it, which may take time and memory.

    `limits` is None if the artifact does not state which inputs are valid; `probes` are the inputs of a stored
    reference; `only` are the names of the probes that it runs as a candidate, if not all; `profile` is the
    tolerance to expect against a checkpoint; `interface` is what it takes and returns, None if its files do not
    say that, and `names` are the standard names of its own; `vocabulary` is the vocabulary file, and `tokenizer`
    reads the tokenizer, if there are any; `strings` is what it returns for strings, if it takes these, and
    `source` what such modules are compared with; `configuration` and `execution` are for the report; `class_facts`
    are the keys of transformers about a classifier's classes; `checkpoint` is set if its tensors can be read.
    """

    name: str
    open: Callable[[], Runner]
    limits: ModelLimits | None = None
    probes: Sequence[Probe] = ()
    only: tuple[str, ...] = ()
    profile: str = "fp32"
    interface: Interface | None = None
    names: Mapping[str, str] = field(default_factory=dict)
    vocabulary: Path | None = None
    tokenizer: Callable[[], Tokenizer | None] = lambda: None
    strings: StringModule | None = None
    source: StringSource | None = None
    configuration: Mapping[str, Any] = field(default_factory=dict)
    class_facts: Mapping[str, Any] = field(default_factory=dict)
    execution: Execution = DEFAULT_EXECUTION
    checkpoint: Checkpoint | None = None


def under_names(artifact: Artifact, standard: Mapping[str, str]) -> Artifact:
    """The artifact with inputs and outputs renamed from its own names to the standard ones."""
    own = artifact.interface
    if own is None:
        return artifact
    return replace(
        artifact,
        open=lambda: StandardRunner(artifact.open(), own, standard),
        interface=own.renamed(standard),
        names=standard,
    )


def golden_artifact(
    path: Path, task: TaskSpec = GRAPH_TASKS["encoder"], names: Mapping[str, str] = MappingProxyType({})
) -> Artifact:
    """An `.npz` file of stored inputs and outputs, under standard names."""
    stored = read_golden(path, task, names)
    return Artifact(
        f"golden {path}",
        lambda: GoldenRunner(path, stored),
        probes=[batch.probe for batch in stored],
        interface=Interface(
            dict.fromkeys(name for name in stored[0].takes if name in task.input_names),
            dict.fromkeys(stored[0].outputs),
        ),
        names=stored[0].names,
    )


def checkpoint_artifact(checkpoint: Checkpoint, task: str, execution: Execution = DEFAULT_EXECUTION) -> Artifact:
    """A checkpoint, run in this project's NumPy network or its Keras networks.

    Raises:
      UsageError: a precision that no network has, or that the requested engine has not.
      UnavailableError: TensorFlow is required and not installed.
    """
    name = f"checkpoint {checkpoint.location.path} ({checkpoint.layout.name})"
    execution.check(name, DEVICES, NETWORK_PRECISIONS, "convert it with export-onnx --precision int8")
    execution = execution.of_checkpoint()
    if execution.engine == "tensorflow":
        if task not in LITERT_TASKS:
            raise UsageError(
                f"{name}: no network in TensorFlow computes task {task}", "run it on the CPU, in fp32"
            )
        check_installed("running a checkpoint in Keras", "tensorflow", "tf_keras")

    def load_network(task: str) -> Runner:
        if execution.engine == "numpy":
            from bertferry.verify.runners.numpy_network import NumpyNetworkRunner

            return NumpyNetworkRunner(checkpoint, task, execution.precision)
        from bertferry.verify.runners.keras_network import KerasNetworkRunner

        return KerasNetworkRunner(checkpoint, task, execution)

    return _add_checkpoint_facts(
        Artifact(
            name,
            _task_loader(checkpoint, task, load_network),
            execution=execution,
            profile=execution.profile(),
            interface=Interface.of_task(checkpoint.task(task)),
        ),
        checkpoint,
    )


def huggingface_artifact(checkpoint: Checkpoint, task: str, execution: Execution = DEFAULT_EXECUTION) -> Artifact:
    """A Hugging Face directory, run by transformers and PyTorch."""
    path = checkpoint.location.path
    name = f"huggingface {path}"
    execution.check(name, ("cpu", "gpu"), NETWORK_PRECISIONS, "export it with export-onnx --precision int8")
    check_installed("running a Hugging Face model", *EXTRAS["torch"])

    def load_network(task: str) -> Runner:
        from bertferry.verify.runners.huggingface import HuggingFaceRunner

        # transformers would silently load a token classifier's head as a sentence classifier's.
        with_task(checkpoint, task)
        return HuggingFaceRunner(
            path if path.is_dir() else path.parent, checkpoint.task(task), execution, checkpoint.config.switches
        )

    return _add_checkpoint_facts(
        Artifact(
            name,
            _task_loader(checkpoint, task, load_network),
            execution=execution,
            profile=execution.profile("fp32-cross"),
            interface=Interface.of_task(checkpoint.task(task)),
        ),
        checkpoint,
    )


def _task_loader(checkpoint: Checkpoint, task: str, load_network: Callable[[str], Runner]) -> Callable[[], Runner]:
    """Loads the network of a task; embeddings are pooled from what the encoder returns."""
    if task != EMBEDDINGS:
        return lambda: load_network(task)
    from bertferry.verify.embedding import EmbeddingsRunner

    sentence = checkpoint.sentence
    return lambda: EmbeddingsRunner(load_network("encoder"), sentence)


def saved_model_artifact(
    path: Path,
    kind: str,
    execution: Execution = DEFAULT_EXECUTION,
    *,
    task: str = "encoder",
    signature: str = SIGNATURE,
) -> Artifact:
    """A SavedModel, loaded with `hub.KerasLayer` (`hub`) or called by signature (`savedmodel`)."""
    check_saved_model(path)
    manifest = read_manifest(path)
    own = "fp32" if manifest is None else manifest.precision
    execution.check(
        f"{kind} {path}",
        DEVICES,
        (own, "tf32") if own == "fp32" else (own,),
        f"it was exported in {own}; {_export_hint(execution.precision)}",
    )
    check_installed("running a SavedModel", *(HUB if kind == "hub" else ("tensorflow",)))

    strings = string_module(path, manifest)

    def load_runner() -> Runner:
        if strings is not None:
            from bertferry.verify.runners.strings import StringModuleRunner

            return StringModuleRunner(path)
        from bertferry.verify.runners.saved_model import HubRunner, SignatureRunner

        return HubRunner(path, task, execution) if kind == "hub" else SignatureRunner(path, execution, signature)

    configuration = {} if manifest is None else manifest.configuration
    vocabulary = path / "assets" / "vocab.txt"
    return Artifact(
        f"{kind} {path}",
        load_runner,
        None if strings else model_limits(configuration),
        profile=execution.profile(own),
        interface=None if strings else module_interface(path, kind, task, signature),
        strings=strings,
        vocabulary=vocabulary if vocabulary.is_file() else None,
        tokenizer=lambda: module_tokenizer(path, manifest),
        configuration=configuration,
        class_facts=class_facts(configuration),
        execution=execution,
    )


def onnx_artifact(path: Path, execution: Execution = DEFAULT_EXECUTION, *, shown: Path | None = None) -> Artifact:
    """An ONNX file in ONNX Runtime; `shown` is the path to name in reports, if it is to be moved there."""
    if not path.is_file():
        raise UsageError(f"{path}: no such file")
    own, configuration = describe_onnx(path)
    precisions = ("fp32", "tf32", "fp16", "int8", "fp64") if own == "fp32" else (own,)
    remedy = f"export it with export-onnx --precision {execution.precision}"
    if execution.precision in ("bf16", "tf32", "fp64") or own == "fp32":
        remedy = f"ONNX files run in {', '.join(precisions)}"
    execution.check(f"onnx {path}", ("cpu", "gpu"), precisions, remedy)
    check_installed("running an ONNX file", *ONNX)

    def load_runner() -> Runner:
        from bertferry.verify.runners.onnx import OnnxRunner

        return OnnxRunner(path, execution, shares_mask=bool(configuration))

    level = execution.graph_optimization
    return Artifact(
        f"onnx {shown or path}{'' if level == 'all' else f' (graph optimizations: {level})'}",
        load_runner,
        model_limits(configuration),
        profile=execution.profile("fp32-cross" if own == "fp32" else own),
        interface=graph_interface(path),
        configuration=configuration,
        class_facts=class_facts(configuration),
        execution=execution,
    )


def _add_checkpoint_facts(artifact: Artifact, checkpoint: Checkpoint) -> Artifact:
    """Adds what the checkpoint's own files state about it."""
    config = checkpoint.config
    return replace(
        artifact,
        limits=ModelLimits(
            config.vocab_size,
            config.type_vocab_size,
            config.max_length,
            config.pad_id,
            config.switches.counts_positions,
        ),
        vocabulary=checkpoint.vocabulary.file if checkpoint.vocabulary else None,
        tokenizer=lambda: reading.tokenizer if (reading := checkpoint.tokenizer_reading) else None,
        configuration=bert_config(config),
        class_facts=checkpoint.classifier.labels,
        checkpoint=checkpoint,
    )


def _export_hint(precision: str | None) -> str:
    """How to get a module's weights in another precision."""
    if precision == "int8":
        return "export an ONNX file with export-onnx --precision int8"
    if precision in ("fp32", "fp16", "bf16"):
        return f"export another module with export-hub-module --precision {precision}"
    return "run the source checkpoint in that precision"
