"""Checkpoints of the BERT family: read in any layout, converted to another, nothing lost.

`open_checkpoint` reads one, `convert_checkpoint` converts one. TensorFlow is imported when a TensorFlow file is
first touched, not before.
"""

from bertferry.convert.checkpoint import Checkpoint, open_checkpoint
from bertferry.convert.converter import convert_checkpoint
from bertferry.convert.layouts import LAYOUTS, TARGETS
from bertferry.convert.report import ConversionReport

__all__ = [
    "LAYOUTS",
    "TARGETS",
    "Checkpoint",
    "ConversionReport",
    "convert_checkpoint",
    "open_checkpoint",
]
