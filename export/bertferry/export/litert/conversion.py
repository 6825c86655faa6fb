"""Converts a signature of a SavedModel to LiteRT's operations with TensorFlow's converter."""

import re
from pathlib import Path

import tensorflow as tf

from bertferry.core.errors import DataError, first_line

LACKING = re.compile(r"^\s*(?:TF Select|Custom) ops: (.+)$", re.MULTILINE)
"""Where the converter lists the operations that LiteRT lacks; `TF Select` are those that Flex would add."""
REFUSED = re.compile(r"(?:operation )?'tf\.(\w+)' (?:op (requires [\w ]*\w)|that was explicitly marked illegal)")
"""How it refuses a single one."""
LISTS = "TensorList"
FIXED = "; LiteRT's loops need a fixed batch: save the SavedModel with one"


def convert_signature(folder: Path, signature: str, precision: str, shown: str) -> bytes:
    """The signature of the SavedModel in a folder as a LiteRT file, for batches of any size if it has free ones.

    Args:
      folder: of the SavedModel.
      signature: keeps its name, and those of its inputs and outputs.
      precision: one of `LITERT_PRECISIONS`.
      shown: the source's name, for messages.

    Raises:
      DataError: LiteRT has no built-in operations for something in it; none of TensorFlow's (Flex) are used, which
        need another runtime.
    """
    converter = tf.lite.TFLiteConverter.from_saved_model(str(folder), signature_keys=[signature])
    if precision != "fp32":
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if precision == "fp16":
        converter.target_spec.supported_types = [tf.float16]
    try:
        return bytes(converter.convert())
    except Exception as error:  # its errors have no public class
        raise DataError(f"{shown}: not expressible in LiteRT's built-in operations: {_reason(error)}") from error


def _reason(error: Exception) -> str:
    """The operations that LiteRT lacks, or what the converter says of one."""
    text = str(error)
    lacking = {name for found in LACKING.findall(text) for name in found.split(", ")}
    if lacking:
        return ", ".join(sorted(lacking))
    refused = REFUSED.search(text)
    if refused is None:
        return first_line(error)
    words = " ".join(filter(None, refused.groups()))
    return words + FIXED if refused[1].startswith(LISTS) else words
