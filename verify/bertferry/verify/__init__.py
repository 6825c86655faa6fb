"""Parity of BERT artifacts: do they compute the same function?

`compare`, the probes, tolerances and reports import nothing but NumPy; runners import TensorFlow when opened.
"""

from bertferry.verify.comparison import OutputDiff, compare
from bertferry.verify.console_report import render
from bertferry.verify.options import ParityOptions
from bertferry.verify.report import Report
from bertferry.verify.tolerance import PROFILES, Tolerance
from bertferry.verify.verifier import verify_parity

__all__ = ["PROFILES", "OutputDiff", "ParityOptions", "Report", "Tolerance", "compare", "render", "verify_parity"]
