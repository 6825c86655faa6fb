"""Parity of BERT artifacts: do they compute the same function?

`compare`, the probes, tolerances and reports need only NumPy; TensorFlow is imported when an artifact is opened.
"""

from bertferry.verify.comparison import OutputDiff, compare
from bertferry.verify.console_report import render
from bertferry.verify.options import ParityOptions
from bertferry.verify.parity import verify_parity
from bertferry.verify.report import Report
from bertferry.verify.tolerance import PROFILES, Tolerance

__all__ = ["PROFILES", "OutputDiff", "ParityOptions", "Report", "Tolerance", "compare", "render", "verify_parity"]
