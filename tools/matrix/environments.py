"""The environments of the matrix: an interpreter, what is installed into it, and which suite it runs."""

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]

TESTS = {
    "base": ("tests/core", "tests/convert"),
    "cpu": ("tests/core", "tests/convert"),
    "tensorflow": ("tests/core", "tests/modeling", "tests/convert", "tests/export"),
    "together": (),
}
"""The tests of each suite, which run after its smoke test."""


@dataclass(frozen=True)
class Environment:
    """What is installed besides the wheel with its `extras`: `requirements`, in the words of pip."""

    name: str
    python: str
    suite: str
    extras: tuple[str, ...] = ()
    requirements: tuple[str, ...] = ()


def lower_bounds() -> tuple[str, ...]:
    """The lowest version of every dependency of the base, as requirements."""
    return tuple(re.sub(r">=", "==", requirement) for requirement in PROJECT["dependencies"])


def with_tensorflow(version: str, python: str = "3.11", *others: str) -> Environment:
    """An environment with every extra and this TensorFlow, which tf-keras and tensorflow-text follow."""
    minor = version.rpartition(".")[0]
    name = f"tensorflow-{minor}" + ("" if python == "3.11" else f"-python-{python}")
    return Environment(name, python, "tensorflow", ("all",), (f"tensorflow=={version}", *others))


OLD_ONNX = ("onnx<1.19", "numpy<2")
"""TensorFlow up to 2.17: onnx 1.19 requires a newer ml_dtypes than theirs."""

ENVIRONMENTS = (
    *(Environment(f"base-python-{python}", python, "base") for python in ("3.11", "3.12", "3.13", "3.14")),
    Environment("base-lowest", "3.11", "base", requirements=lower_bounds()),
    Environment("cpu", "3.11", "cpu", ("cpu",)),
    with_tensorflow("2.16.2", "3.11", *OLD_ONNX),
    with_tensorflow("2.17.1", "3.11", *OLD_ONNX),
    with_tensorflow("2.18.1"),
    with_tensorflow("2.19.1"),
    with_tensorflow("2.20.0"),
    with_tensorflow("2.21.0"),
    with_tensorflow("2.21.0", "3.13"),
    Environment(
        "together",
        "3.11",
        "together",
        ("all",),
        ("tf-models-official==2.20.0", "transformers>=5", "sentence-transformers", "keras-hub", "torch"),
    ),
)
