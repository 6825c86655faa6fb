"""Hub modules, SavedModels and ONNX graphs of checkpoints."""

from bertferry.export.hub_exporter import export_hub_module
from bertferry.export.onnx.exporter import OnnxReport, export_onnx
from bertferry.export.report import ExportReport

__all__ = ["ExportReport", "OnnxReport", "export_hub_module", "export_onnx"]
