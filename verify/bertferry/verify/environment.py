"""What a comparison ran with: versions and machine, for the report."""

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
    """Versions of what is installed, and the machine."""
    found = {"python": platform.python_version(), "machine": f"{platform.system()} {platform.machine()}"}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found
