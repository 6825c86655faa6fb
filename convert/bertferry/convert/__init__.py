"""Checkpoints of the BERT family: read in any layout and converted to any other without loss.

`open_checkpoint` reads one, `convert_checkpoint` converts one, `inspect_checkpoint` shows one, `diff_checkpoints`
compares two. None of them imports TensorFlow.
"""

from typing import TYPE_CHECKING

from bertferry.core.lazy import import_on_use

if TYPE_CHECKING:
    from bertferry.convert.checkpoint import Checkpoint, open_checkpoint
    from bertferry.convert.converter import convert_checkpoint
    from bertferry.convert.difference import CheckpointDifference, diff_checkpoints
    from bertferry.convert.inspection import Inspection, inspect_checkpoint
    from bertferry.convert.layouts import LAYOUTS, TARGETS
    from bertferry.convert.options import ConversionOptions
    from bertferry.convert.report import ConversionReport
    from bertferry.convert.source_options import SourceOptions
else:
    __getattr__ = import_on_use(
        __name__,
        {
            "checkpoint": "Checkpoint open_checkpoint",
            "converter": "convert_checkpoint",
            "difference": "CheckpointDifference diff_checkpoints",
            "inspection": "Inspection inspect_checkpoint",
            "layouts": "LAYOUTS TARGETS",
            "options": "ConversionOptions",
            "report": "ConversionReport",
            "source_options": "SourceOptions",
        },
    )

__all__ = [
    "LAYOUTS",
    "TARGETS",
    "Checkpoint",
    "CheckpointDifference",
    "ConversionOptions",
    "ConversionReport",
    "Inspection",
    "SourceOptions",
    "convert_checkpoint",
    "diff_checkpoints",
    "inspect_checkpoint",
    "open_checkpoint",
]


def __dir__() -> list[str]:
    """The public names, which are not in the namespace before their first use."""
    return __all__
