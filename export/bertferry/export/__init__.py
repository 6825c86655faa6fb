"""Export checkpoints as Hub modules and ONNX graphs."""

from bertferry.export.contract import ContractReport
from bertferry.export.contract_check import check_module_contract
from bertferry.export.hub_exporter import export_hub_module
from bertferry.export.onnx.exporter import OnnxReport, export_onnx
from bertferry.export.onnx.options import OnnxOptions
from bertferry.export.options import ModuleOptions
from bertferry.export.report import ExportReport

__all__ = [
    "ContractReport",
    "ExportReport",
    "ModuleOptions",
    "OnnxOptions",
    "OnnxReport",
    "check_module_contract",
    "export_hub_module",
    "export_onnx",
]
