"""Which artifact a reference such as `onnx:PATH` is."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

from bertferry.convert import SourceOptions, open_checkpoint
from bertferry.core.errors import UsageError
from bertferry.core.tasks import GRAPH_TASKS
from bertferry.verify.artifact import (
    Artifact,
    checkpoint_artifact,
    golden_artifact,
    huggingface_artifact,
    onnx_artifact,
    saved_model_artifact,
    under_names,
)
from bertferry.verify.execution import DEFAULT_EXECUTION, Execution
from bertferry.verify.interface import standard_names
from bertferry.verify.kinds import split_kind
from bertferry.verify.litert_artifact import litert_artifact
from bertferry.verify.model_folder import with_folder


def resolve_artifact(
    reference: str | Path,
    task: str,
    execution: Execution = DEFAULT_EXECUTION,
    source: SourceOptions = SourceOptions(),
    names: Mapping[str, str] = MappingProxyType({}),
    inner: tuple[str, ...] = (),
) -> Artifact:
    """The artifact at `[KIND:]PATH` under standard names; without KIND, it is detected from the files.

    `source` says how a checkpoint is read; `names` are standard names by an artifact's own, besides those that are
    known; `inner` are the outputs that a checkpoint returns on request.

    Raises:
      BertferryError: no such file, an unknown kind, a damaged file, ambiguous names, or an unsupported device or
        precision.
    """
    kind, path = split_kind(str(reference))
    if kind != "onnx":
        execution = replace(execution, graph_optimization="all", threads=None)
    if kind != "checkpoint":
        execution = replace(execution, engine="auto")
    if kind == "golden":
        if execution.device != "cpu" or execution.precision is not None:
            raise UsageError(f"{path}: stored outputs do not run: device and precision do not apply")
        return golden_artifact(path, GRAPH_TASKS[task], names)
    if kind in ("hub", "savedmodel"):
        return _under_standard_names(saved_model_artifact(path, kind, execution, task=task), task, names)
    if kind == "onnx":
        return _under_standard_names(with_folder(onnx_artifact(path, execution), path, source), task, names)
    if kind == "litert":
        return _under_standard_names(with_folder(litert_artifact(path, execution), path, source), task, names)
    checkpoint = replace(open_checkpoint(path, source), inner=inner)
    if kind == "huggingface":
        return huggingface_artifact(checkpoint, task, execution)
    return checkpoint_artifact(checkpoint, task, execution)


def _under_standard_names(artifact: Artifact, task: str, names: Mapping[str, str]) -> Artifact:
    """The artifact with the inputs and outputs that it declares renamed."""
    own = artifact.interface
    if own is None:
        return artifact
    return under_names(artifact, standard_names(artifact.name, own, GRAPH_TASKS[task], names))
