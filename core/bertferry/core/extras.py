"""The optional packages: which extra of bertferry installs each, and the error if one is not installed.

Everything else that the product imports is a dependency of every installation.
"""

import sys
from importlib.util import find_spec

from bertferry.core.errors import UnavailableError

EXTRAS: dict[str, tuple[str, ...]] = {
    "tensorflow": ("tensorflow", "tf_keras", "tensorflow_hub", "keras", "tf2onnx"),
    "cpu": ("onnx", "onnxruntime"),
    "litert": ("ai_edge_litert",),
    "text": ("tensorflow_text", "tokenizers"),
    "torch": ("torch", "transformers"),
    "cluster": ("ray",),
    "remote": ("fsspec",),
}
"""The modules that each extra installs; `gpu` installs those of `cpu` in another build."""

HUB = ("tensorflow", "tf_keras", "tensorflow_hub")
"""What loads a Hub module."""
ONNX = EXTRAS["cpu"]
"""What writes and runs an ONNX file."""
LITERT = EXTRAS["litert"]
"""What runs a LiteRT file; TensorFlow writes it."""


def check_installed(purpose: str, *modules: str) -> None:
    """Checks that the modules that something requires can be imported; imports none of them.

    Args:
      purpose: what requires them, the subject of the error's sentence.
      modules: names of `EXTRAS`.

    Raises:
      UnavailableError: naming what is missing and the command that installs it.
    """
    missing = [module for module in modules if not _is_installed(module)]
    if missing:
        extras = [extra for extra, provided in EXTRAS.items() if set(provided) & set(missing)]
        verb = "is" if len(missing) == 1 else "are"
        raise UnavailableError(
            f"{purpose} requires {' and '.join(missing)}, which {verb} not installed", install_line(extras)
        )


def install_line(extras: list[str]) -> str:
    """The command that installs extras; ONNX Runtime comes in two builds: `pip install 'bertferry[cpu]' or …`."""
    line = f"'bertferry[{','.join(extras)}]'"
    return f"pip install {line}" + (f" or {line.replace('cpu', 'gpu')}" if "cpu" in extras else "")


def _is_installed(module: str) -> bool:
    """Whether a module can be imported; a folder of that name in the working directory is not one."""
    if module in sys.modules:
        return sys.modules[module] is not None
    spec = find_spec(module)
    return spec is not None and spec.origin is not None
