"""Exports of BERT checkpoints: Hub modules and SavedModels, proven equal to their source."""

from bertferry.export.hub_exporter import export_hub_module
from bertferry.export.report import ExportReport

__all__ = ["ExportReport", "export_hub_module"]
