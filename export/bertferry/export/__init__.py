"""Export checkpoints as Hub modules, ONNX graphs and LiteRT files, or publish all of these as one folder."""

from typing import TYPE_CHECKING

from bertferry.core.lazy import import_on_use

if TYPE_CHECKING:
    from bertferry.export.contract import ContractReport
    from bertferry.export.contract_check import check_module_contract
    from bertferry.export.hub_exporter import export_hub_module
    from bertferry.export.litert.exporter import LitertReport, export_litert
    from bertferry.export.litert.options import LitertOptions
    from bertferry.export.onnx.exporter import OnnxReport, export_onnx
    from bertferry.export.onnx.options import OnnxOptions
    from bertferry.export.options import ModuleOptions
    from bertferry.export.publish.options import PublishOptions
    from bertferry.export.publish.publisher import publish_model
    from bertferry.export.publish.report import PublishReport
    from bertferry.export.release.options import ReleaseOptions
    from bertferry.export.release.releaser import release_models
    from bertferry.export.release.report import ReleaseReport
    from bertferry.export.report import ExportReport
else:
    __getattr__ = import_on_use(
        __name__,
        {
            "contract": "ContractReport",
            "contract_check": "check_module_contract",
            "hub_exporter": "export_hub_module",
            "litert.exporter": "LitertReport export_litert",
            "litert.options": "LitertOptions",
            "onnx.exporter": "OnnxReport export_onnx",
            "onnx.options": "OnnxOptions",
            "options": "ModuleOptions",
            "publish.options": "PublishOptions",
            "publish.publisher": "publish_model",
            "publish.report": "PublishReport",
            "release.options": "ReleaseOptions",
            "release.releaser": "release_models",
            "release.report": "ReleaseReport",
            "report": "ExportReport",
        },
    )

__all__ = [
    "ContractReport",
    "ExportReport",
    "LitertOptions",
    "LitertReport",
    "ModuleOptions",
    "OnnxOptions",
    "OnnxReport",
    "PublishOptions",
    "PublishReport",
    "ReleaseOptions",
    "ReleaseReport",
    "check_module_contract",
    "export_hub_module",
    "export_litert",
    "export_onnx",
    "publish_model",
    "release_models",
]


def __dir__() -> list[str]:
    """The public names, which are not in the namespace before their first use."""
    return __all__
