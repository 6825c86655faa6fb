"""The environment of a comparison, for the report: package versions and machine."""

import platform

from bertferry.core.versions import installed_versions

PACKAGES = (
    "bertferry",
    "numpy",
    "tensorflow",
    "tf-keras",
    "tensorflow-hub",
    "onnxruntime",
    "onnxruntime-gpu",
    "torch",
    "transformers",
)


def environment() -> dict[str, str]:
    """Versions of the installed packages, and the machine."""
    return {**installed_versions(PACKAGES), "machine": f"{platform.system()} {platform.machine()}"}
