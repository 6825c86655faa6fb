"""What the files of an artifact say about it: precision, configuration, inputs and outputs."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bertferry.convert.classifier_config import LABEL_KEYS
from bertferry.core.architectures import ARCHITECTURES
from bertferry.core.errors import UsageError
from bertferry.core.litert_files import read_notes
from bertferry.core.onnx_files.interface import onnx_interface
from bertferry.core.onnx_files.metadata import onnx_metadata
from bertferry.core.tasks import GRAPH_TASKS
from bertferry.verify.interface import Interface
from bertferry.verify.probes import ModelLimits
from bertferry.verify.saved_model_interface import SavedModelInterface

FILE_PRECISIONS = ("fp32", "fp16", "bf16", "int8")
"""Those of `export-onnx` and `export-litert`."""


def describe_onnx(path: Path) -> tuple[str, dict[str, Any]]:
    """The precision and the configuration that `export-onnx` noted in a file; those of others say nothing here.

    Raises:
      UsageError: a note of `export-onnx` that is damaged.
    """
    metadata = onnx_metadata(path)
    if "source_hash" not in metadata:
        return "fp32", {}
    precision = metadata.get("precision", "fp32")
    try:
        configuration = json.loads(metadata.get("configuration", "{}"))
    except ValueError:
        configuration = None
    if precision not in FILE_PRECISIONS or not isinstance(configuration, dict):
        raise UsageError(f"{path}: its metadata are damaged: export it again with export-onnx")
    return precision, configuration


def describe_litert(path: Path) -> tuple[str, dict[str, Any]]:
    """The precision and the configuration that `export-litert` noted in a file; of others, nothing is known.

    Raises:
      UsageError: notes of `export-litert` that are damaged.
    """
    try:
        notes = read_notes(path)
    except ValueError:
        notes = {"precision": None}
    precision, configuration = notes.get("precision", "fp32"), notes.get("configuration", {})
    if precision not in FILE_PRECISIONS or not isinstance(configuration, dict):
        raise UsageError(f"{path}: its notes are damaged: export it again with export-litert")
    return precision, configuration


def class_facts(configuration: Mapping[str, Any]) -> dict[str, Any]:
    """What a configuration says about the classes of a classifier."""
    return {key: configuration[key] for key in LABEL_KEYS if key in configuration}


def model_limits(configuration: Mapping[str, Any]) -> ModelLimits | None:
    """The valid inputs of a model with this configuration; None if it does not say them."""
    names = ("vocab_size", "type_vocab_size", "max_position_embeddings")
    sizes = [size for name in names if isinstance(size := configuration.get(name), int) and size > 0]
    if len(sizes) < len(names):
        return None
    pad_id = configuration.get("pad_token_id", 0)
    switches = ARCHITECTURES.get(str(configuration.get("architecture")))
    counts_positions = switches is not None and switches.counts_positions
    if counts_positions:
        sizes[-1] -= pad_id + 1
    return ModelLimits(sizes[0], sizes[1], sizes[2], pad_id, counts_positions)


def graph_interface(path: Path) -> Interface | None:
    """What a graph takes and returns; None for a file that its runner will refuse."""
    try:
        return Interface(*onnx_interface(path))
    except (OSError, ValueError):
        return None


def module_interface(path: Path, kind: str, task: str, signature: str) -> Interface | None:
    """What a signature, or the call of a module and of the heads that are its sub-objects, takes and returns."""
    saved = SavedModelInterface(path)
    if kind == "savedmodel":
        return saved.signature(signature)
    heads = GRAPH_TASKS[task].heads if GRAPH_TASKS[task].encoder else ()
    parts = [part for part in (saved.call(child) for child in ("", *heads)) if part is not None]
    if not parts or not parts[0].inputs or not parts[0].outputs:
        return None
    joined = Interface({}, {})
    for part in parts:
        joined = Interface({**joined.inputs, **part.inputs}, {**joined.outputs, **part.outputs})
    return joined
