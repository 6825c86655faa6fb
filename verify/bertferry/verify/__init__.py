"""Parity of BERT artifacts: do they compute the same function?

`compare`, the probes, tolerances and reports need only NumPy; TensorFlow is imported when an artifact is opened.
"""

from typing import TYPE_CHECKING

from bertferry.core.lazy import import_on_use

if TYPE_CHECKING:
    from bertferry.verify.comparison import OutputDiff, compare
    from bertferry.verify.console_report import render
    from bertferry.verify.options import ParityOptions
    from bertferry.verify.parity import verify_parity
    from bertferry.verify.report import Report
    from bertferry.verify.tolerance import PROFILES, Tolerance
else:
    __getattr__ = import_on_use(
        __name__,
        {
            "comparison": "OutputDiff compare",
            "console_report": "render",
            "options": "ParityOptions",
            "parity": "verify_parity",
            "report": "Report",
            "tolerance": "PROFILES Tolerance",
        },
    )

__all__ = ["PROFILES", "OutputDiff", "ParityOptions", "Report", "Tolerance", "compare", "render", "verify_parity"]


def __dir__() -> list[str]:
    """The public names, which are not in the namespace before their first use."""
    return __all__
