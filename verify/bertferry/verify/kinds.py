"""The kinds of artifacts, and which one a path is."""

import os
from pathlib import Path

from bertferry.core.errors import UsageError
from bertferry.core.litert_files import SUFFIX, is_litert
from bertferry.verify.saved_model_interface import SAVED_MODEL, SavedModelInterface, versions_in

KINDS = ("checkpoint", "hub", "savedmodel", "onnx", "litert", "huggingface", "golden")
SIGNATURE = "serving_default"
SUFFIXES = {".npz": "golden", ".onnx": "onnx", SUFFIX: "litert"}


def split_kind(reference: str) -> tuple[str, Path]:
    """Splits `[KIND:]PATH` into kind and path; without KIND, it is detected from the files.

    Raises:
      UsageError: an unknown kind, or a folder of versions.
      DataError: a damaged SavedModel.
    """
    kind, colon, rest = reference.partition(":")
    if colon and kind in KINDS:
        return kind, Path(os.path.expanduser(rest))
    if colon and kind.isalpha() and not Path(reference).exists():
        raise UsageError(f"{reference}: unknown kind {kind!r}: expected one of {', '.join(KINDS)}")
    path = Path(reference)
    if is_litert(path):
        return "litert", path
    if path.suffix in SUFFIXES:
        return SUFFIXES[path.suffix], path
    if (path / SAVED_MODEL).is_file():
        return _kind_of_saved_model(path), path
    if path.is_dir() and not any(at.is_file() for at in path.iterdir()) and (versions := versions_in(path)):
        raise UsageError(f"{path}: neither a checkpoint nor a SavedModel{versions}")
    return "checkpoint", path


def _kind_of_saved_model(path: Path) -> str:
    """`hub` if it is called with named inputs and returns named outputs, else by what else it has."""
    interface = SavedModelInterface(path)
    called = interface.call()
    if called is not None and called.inputs and called.outputs:
        return "hub"
    return "savedmodel" if interface.signature(SIGNATURE) is not None else "checkpoint"
