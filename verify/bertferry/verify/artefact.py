"""The things that are compared: what they are, what inputs they take, and how to open them."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bertferry.convert import Checkpoint, open_checkpoint
from bertferry.convert.quiet import import_tensorflow
from bertferry.modeling.errors import UsageError
from bertferry.verify.golden import GoldenRunner, read_golden
from bertferry.verify.onnx_metadata import onnx_metadata
from bertferry.verify.probes import ModelLimits
from bertferry.verify.runner import Runner

KINDS = ("checkpoint", "hub", "savedmodel", "onnx", "golden")


@dataclass(frozen=True)
class Artefact:
    """One side of a comparison; `open` loads it, which may take time and memory.

    `limits` is None where the artefact does not say what inputs are valid; `inputs` are those that a stored
    reference is for; `profile` is how closely it can be expected to agree with a checkpoint's network.
    """

    name: str
    open: Callable[[], Runner]
    limits: ModelLimits | None = None
    inputs: Mapping[str, np.ndarray] | None = None
    profile: str = "fp32"


def artefact(given: str | Path, task: str, device: str) -> Artefact:
    """The artefact at `[KIND:]PATH`; its kind is found from the files when left out.

    Raises:
      BertferryError: nothing there, an unknown kind, or a damaged file.
    """
    kind, path = split_kind(str(given))
    if kind == "golden":
        return golden_artefact(path)
    if kind in ("hub", "savedmodel"):
        return saved_model_artefact(path, kind, device, task=task)
    if kind == "onnx":
        return onnx_artefact(path, device)
    return checkpoint_artefact(open_checkpoint(path), task, device)


def split_kind(given: str) -> tuple[str, Path]:
    """`[KIND:]PATH` as kind and path."""
    kind, colon, rest = given.partition(":")
    if colon and kind in KINDS:
        return kind, Path(rest)
    if colon and kind.isalpha() and not Path(given).exists():
        raise UsageError(f"{given}: unknown kind {kind!r}: known are {', '.join(KINDS)}")
    path = Path(given)
    if path.suffix == ".npz":
        return "golden", path
    if path.suffix == ".onnx":
        return "onnx", path
    return ("hub" if (path / "saved_model.pb").is_file() else "checkpoint"), path


def golden_artefact(path: Path) -> Artefact:
    """A stored `.npz` of inputs and outputs."""
    stored = read_golden(path)
    return Artefact(f"golden {path}", lambda: GoldenRunner(path, stored), inputs=stored.inputs)


def checkpoint_artefact(checkpoint: Checkpoint, task: str, device: str) -> Artefact:
    """A checkpoint, computed by this project's Keras networks."""

    def opened() -> Runner:
        import_tensorflow()
        from bertferry.verify.runners.checkpoint import CheckpointRunner

        return CheckpointRunner(checkpoint, task, device)

    config = checkpoint.config
    limits = ModelLimits(config.vocab_size, config.type_vocab_size, config.max_position_embeddings)
    return Artefact(f"checkpoint {checkpoint.location.path} ({checkpoint.layout.name})", opened, limits)


def saved_model_artefact(
    path: Path, kind: str, device: str, *, task: str = "encoder", signature: str = "serving_default"
) -> Artefact:
    """A SavedModel: through `hub.KerasLayer` (`hub`) or by its serving signature (`savedmodel`)."""
    if not (path / "saved_model.pb").is_file():
        raise UsageError(f"{path}: not a SavedModel: no saved_model.pb in it")

    def opened() -> Runner:
        import_tensorflow()
        from bertferry.verify.runners.saved_model import HubRunner, SignatureRunner

        return HubRunner(path, device, task) if kind == "hub" else SignatureRunner(path, device, signature)

    limits, profile = _said_by_manifest(path)
    return Artefact(f"{kind} {path}", opened, limits, profile=profile)


def onnx_artefact(path: Path, device: str, *, optimized: bool = True, widen: bool = False) -> Artefact:
    """An ONNX file in ONNX Runtime, with its graph optimizations or without.

    `widen` takes float16 outputs for float32 ones, where the file was asked to have them.
    """
    if not path.is_file():
        raise UsageError(f"{path}: no such file")
    metadata = onnx_metadata(path)
    config = json.loads(metadata.get("configuration", "null"))

    def opened() -> Runner:
        from bertferry.verify.runners.onnx import OnnxRunner

        return OnnxRunner(path, device, optimized=optimized, widen=widen, shares_mask=config is not None)

    limits = config and ModelLimits(
        config["vocab_size"], config["type_vocab_size"], config["max_position_embeddings"]
    )
    profile = {"fp16": "fp16", "int8": "int8"}.get(metadata.get("precision", ""), "fp32-cross")
    return Artefact(f"onnx {path}{'' if optimized else ' (unoptimized)'}", opened, limits, profile=profile)


def _said_by_manifest(path: Path) -> tuple[ModelLimits | None, str]:
    """Limits and profile of a module that this project exported."""
    try:
        manifest = json.loads((path / "MANIFEST.json").read_text())
        config = manifest["configuration"]
        limits = ModelLimits(config["vocab_size"], config["type_vocab_size"], config["max_position_embeddings"])
        return limits, manifest["precision"]
    except (OSError, ValueError, KeyError, TypeError):
        return None, "fp32"
