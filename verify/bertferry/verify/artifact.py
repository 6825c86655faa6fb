"""The things that are compared: what they are, what inputs they take, and how to open them."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from bertferry.convert import Checkpoint, SourceOptions, open_checkpoint
from bertferry.convert.configuration import bert_config
from bertferry.convert.heads import with_heads, with_parameters
from bertferry.convert.tokenizer_files import read_tokenizer_config
from bertferry.core.errors import UsageError
from bertferry.core.manifest import read_manifest
from bertferry.core.parameters import task_parameters
from bertferry.core.tasks import TASKS
from bertferry.verify.execution import AS_IT_IS, DEVICES, Execution
from bertferry.verify.golden import GoldenRunner, read_golden
from bertferry.verify.onnx_metadata import onnx_metadata
from bertferry.verify.probes import ModelLimits, Probe
from bertferry.verify.runner import Runner

KINDS = ("checkpoint", "hub", "savedmodel", "onnx", "huggingface", "golden")
NETWORK_PRECISIONS = ("fp32", "tf32", "fp16", "bf16", "fp64")


@dataclass(frozen=True)
class Artifact:
    """One side of a comparison; `open` loads it, which may take time and memory.

    `limits` is None where the artifact does not say what inputs are valid; `probes` are those that a stored
    reference is for; `profile` is how closely it can be expected to agree with a checkpoint's network;
    `vocabulary` is the file with its words, `do_lower_case` what is done to texts before, where they are known;
    `configuration` and `execution` are for the report; `checkpoint` is there where its tensors can be read.
    """

    name: str
    open: Callable[[], Runner]
    limits: ModelLimits | None = None
    probes: Sequence[Probe] = ()
    profile: str = "fp32"
    vocabulary: Path | None = None
    do_lower_case: bool | None = None
    configuration: Mapping[str, Any] = field(default_factory=dict)
    execution: Execution = AS_IT_IS
    checkpoint: Checkpoint | None = None


def artifact(
    given: str | Path, task: str, execution: Execution = AS_IT_IS, source: SourceOptions = SourceOptions()
) -> Artifact:
    """The artifact at `[KIND:]PATH`; its kind is found from the files when left out.

    `source` says how a checkpoint is read.

    Raises:
      BertferryError: nothing there, an unknown kind, a damaged file, or a way to run it that it does not have.
    """
    kind, path = split_kind(str(given))
    if kind != "onnx":
        execution = replace(execution, graph_optimization="all", threads=None)
    if kind == "golden":
        if execution.device != "cpu" or execution.precision is not None:
            raise UsageError(f"{path}: stored outputs are not run: they have no device or precision")
        return golden_artifact(path)
    if kind in ("hub", "savedmodel"):
        return saved_model_artifact(path, kind, execution, task=task)
    if kind == "onnx":
        return onnx_artifact(path, execution)
    if kind == "huggingface":
        return huggingface_artifact(open_checkpoint(path, source), task, execution)
    return checkpoint_artifact(open_checkpoint(path, source), task, execution)


def split_kind(given: str) -> tuple[str, Path]:
    """`[KIND:]PATH` as kind and path."""
    kind, colon, rest = given.partition(":")
    if colon and kind in KINDS:
        return kind, Path(rest)
    if colon and kind.isalpha() and not Path(given).exists():
        raise UsageError(f"{given}: unknown kind {kind!r}: expected one of {', '.join(KINDS)}")
    path = Path(given)
    if path.suffix == ".npz":
        return "golden", path
    if path.suffix == ".onnx":
        return "onnx", path
    return ("hub" if (path / "saved_model.pb").is_file() else "checkpoint"), path


def golden_artifact(path: Path) -> Artifact:
    """A stored `.npz` of inputs and outputs."""
    stored = read_golden(path)
    return Artifact(f"golden {path}", lambda: GoldenRunner(path, stored), probes=[one.probe for one in stored])


def checkpoint_artifact(checkpoint: Checkpoint, task: str, execution: Execution = AS_IT_IS) -> Artifact:
    """A checkpoint, computed by this project's Keras networks."""
    name = f"checkpoint {checkpoint.location.path} ({checkpoint.layout.name})"
    execution.check(name, DEVICES, NETWORK_PRECISIONS, "convert it with export-onnx --precision int8")

    def opened() -> Runner:
        from bertferry.verify.runners.checkpoint import CheckpointRunner

        return CheckpointRunner(checkpoint, task, execution)

    return _with_files_of(checkpoint, Artifact(name, opened, execution=execution, profile=execution.profile()))


def huggingface_artifact(checkpoint: Checkpoint, task: str, execution: Execution = AS_IT_IS) -> Artifact:
    """A Hugging Face directory, computed by transformers and PyTorch."""
    path = checkpoint.location.path
    name = f"huggingface {path}"
    execution.check(name, ("cpu", "gpu"), NETWORK_PRECISIONS, "export it with export-onnx --precision int8")

    def opened() -> Runner:
        from bertferry.verify.runners.huggingface import HuggingFaceRunner

        # transformers would load a token classifier's head as a sentence classifier's without a word.
        needed = task_parameters(task, checkpoint.config.num_layers)
        with_parameters(with_heads(checkpoint, TASKS[task].heads), needed, f"task {task}")
        return HuggingFaceRunner(path if path.is_dir() else path.parent, task, execution)

    return _with_files_of(
        checkpoint, Artifact(name, opened, execution=execution, profile=execution.profile("fp32-cross"))
    )


def saved_model_artifact(
    path: Path,
    kind: str,
    execution: Execution = AS_IT_IS,
    *,
    task: str = "encoder",
    signature: str = "serving_default",
) -> Artifact:
    """A SavedModel: through `hub.KerasLayer` (`hub`) or by its serving signature (`savedmodel`)."""
    if not (path / "saved_model.pb").is_file():
        raise UsageError(f"{path}: not a SavedModel: no saved_model.pb in it")
    manifest = read_manifest(path)
    own = "fp32" if manifest is None else manifest.precision
    execution.check(
        f"{kind} {path}",
        DEVICES,
        (own, "tf32") if own == "fp32" else (own,),
        f"it was exported in {own}; {_another(execution.precision)}",
    )

    def opened() -> Runner:
        from bertferry.verify.runners.saved_model import HubRunner, SignatureRunner

        return HubRunner(path, task, execution) if kind == "hub" else SignatureRunner(path, execution, signature)

    configuration = {} if manifest is None else manifest.configuration
    vocabulary = path / "assets" / "vocab.txt"
    return Artifact(
        f"{kind} {path}",
        opened,
        _limits(configuration),
        profile=execution.profile(own),
        vocabulary=vocabulary if vocabulary.is_file() else None,
        do_lower_case=None if manifest is None else manifest.do_lower_case,
        configuration=configuration,
        execution=execution,
    )


def onnx_artifact(
    path: Path, execution: Execution = AS_IT_IS, *, widen: bool = False, shown: Path | None = None
) -> Artifact:
    """An ONNX file in ONNX Runtime.

    `widen` takes float16 outputs for float32 ones, where the file was asked to have them; `shown` is the path that
    a report names, where the file is to have another one than now.
    """
    if not path.is_file():
        raise UsageError(f"{path}: no such file")
    metadata = onnx_metadata(path)
    configuration = json.loads(metadata.get("configuration", "{}"))
    own = metadata.get("precision", "fp32")
    possible = ("fp32", "tf32", "fp16", "int8", "fp64") if own == "fp32" else (own,)
    way_out = f"export it with export-onnx --precision {execution.precision}"
    if execution.precision in ("bf16", "tf32", "fp64") or own == "fp32":
        way_out = f"ONNX graphs run in {', '.join(possible)} here"
    execution.check(f"onnx {path}", ("cpu", "gpu"), possible, way_out)

    def opened() -> Runner:
        from bertferry.verify.runners.onnx import OnnxRunner

        return OnnxRunner(path, execution, widen=widen, shares_mask=bool(configuration))

    level = execution.graph_optimization
    return Artifact(
        f"onnx {shown or path}{'' if level == 'all' else f' (graph optimizations: {level})'}",
        opened,
        _limits(configuration),
        profile=execution.profile(own if own in ("fp16", "int8") else "fp32-cross"),
        configuration=configuration,
        execution=execution,
    )


def _with_files_of(checkpoint: Checkpoint, made: Artifact) -> Artifact:
    """What a checkpoint's own files say about it."""
    config, location = checkpoint.config, checkpoint.location
    return replace(
        made,
        limits=ModelLimits(config.vocab_size, config.type_vocab_size, config.max_position_embeddings),
        vocabulary=location.vocabulary,
        do_lower_case=read_tokenizer_config(location.tokenizer_config).get("do_lower_case"),
        configuration=bert_config(config),
        checkpoint=checkpoint,
    )


def _another(precision: str | None) -> str:
    """The command that exports a module's weights in another precision."""
    if precision == "int8":
        return "export an ONNX file with export-onnx --precision int8"
    if precision in ("fp32", "fp16", "bf16"):
        return f"export another with export-hub-module --precision {precision}"
    return "run the checkpoint it was exported from in that precision"


def _limits(configuration: Mapping[str, Any]) -> ModelLimits | None:
    try:
        names = ("vocab_size", "type_vocab_size", "max_position_embeddings")
        return ModelLimits(*(configuration[name] for name in names))
    except KeyError:
        return None
