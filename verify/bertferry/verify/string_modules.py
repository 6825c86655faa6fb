"""Modules that take strings: which ones do, and what they return."""

from pathlib import Path
from typing import Literal

from google.protobuf.message import DecodeError

from bertferry.convert.bundle import SavedInterfaceMessage
from bertferry.core.errors import DataError
from bertferry.core.manifest import Manifest
from bertferry.core.tasks import ENCODER_INPUTS

StringModule = Literal["preprocessing", "text"]
"""Encoder inputs, or embeddings."""
SIGNATURE = "serving_default"
STRING = 7
"""https://github.com/tensorflow/tensorflow/blob/master/tensorflow/core/framework/types.proto"""


def string_module(path: Path, manifest: Manifest | None) -> StringModule | None:
    """What a module returns for strings, None if it does not take them: as its manifest or its signature says.

    Raises:
      DataError: not a readable SavedModel.
    """
    if manifest is not None:
        return manifest.task if manifest.task in ("preprocessing", "text") else None  # type: ignore[return-value]
    file = path / "saved_model.pb"
    try:
        model = SavedInterfaceMessage.FromString(file.read_bytes())
    except (OSError, DecodeError) as error:
        raise DataError(f"{file}: not a readable SavedModel: {error}") from error
    signatures = [one.value for graph in model.meta_graphs for one in graph.signatures if one.key == SIGNATURE]
    if not signatures or {one.value.dtype for one in signatures[0].inputs} != {STRING}:
        return None
    outputs = {one.key for one in signatures[0].outputs}
    return "preprocessing" if set(ENCODER_INPUTS[:2]) <= outputs else "text"
