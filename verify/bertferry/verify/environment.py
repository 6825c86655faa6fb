"""The environment of a comparison, for the report: package versions and machine."""

import platform
from importlib.metadata import PackageNotFoundError, version

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
    versions = {"python": platform.python_version(), "machine": f"{platform.system()} {platform.machine()}"}
    for package in PACKAGES:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            continue
    return versions
