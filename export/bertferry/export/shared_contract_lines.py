"""Checks shared by all contracts, and the helpers that they use."""

import re
from collections.abc import Callable, Collection, Iterable
from pathlib import Path
from typing import Any, Protocol

import tensorflow as tf

from bertferry.export.contract import ContractError
from bertferry.modeling.tf_compat import LoadedModule

LOCAL_PATH = re.compile(rb"/(?:home|Users|root|tmp|mnt|workspace|build)/[\w.-]+/[\w./-]+")
CHUNK = 1 << 24
FEW = 3
HALVES = ("float16", "bfloat16")
TOLERANCES = {"float32": 1e-4, "float16": 1e-2, "bfloat16": 1e-1}
"""Differences between outputs that another order of summation may cause, by type of the weights."""


class Subject(Protocol):
    """A loaded module of any kind."""

    @property
    def path(self) -> Path:
        """Its directory."""

    @property
    def root(self) -> LoadedModule:
        """Its root object."""


def require(condition: bool, fault: str) -> None:
    """Raises ContractError with the fault unless the condition is true."""
    if not condition:
        raise ContractError(fault)


def tolerance_of(variables: Iterable[Any]) -> float:
    """The tolerance for the types of a module's weights."""
    return max((TOLERANCES.get(variable.dtype.name, 0.0) for variable in variables), default=0.0)


def is_for_inference(variables: Iterable[Any], trainable: Collection[Any]) -> bool:
    """Whether a module is not trained since its weights have 16 bits."""
    return not trainable and any(variable.dtype.name in HALVES for variable in variables)


def check_wide(trainable: Iterable[Any]) -> None:
    """Checks that no weight is trained in 16 bits."""
    halves = [variable for variable in trainable if variable.dtype.name in HALVES]
    names = sample(variable.name for variable in halves)
    require(not halves, f"updates are lost in the rounding of weights in half precision: {names}")


def check_refusal(call: Callable[[], object]) -> None:
    """Checks that a call in training fails."""
    try:
        call()
    except tf.errors.InvalidArgumentError:
        return
    raise ContractError("computes, but has no trainable weights")


def sample(names: Iterable[object]) -> str:
    """The first few names, and how many follow."""
    listed = [str(name) for name in names]
    return ", ".join(listed[:FEW]) + (f" and {len(listed) - FEW} more" if len(listed) > FEW else "")


def check_variables(subject: Subject) -> None:
    for name in ("variables", "trainable_variables", "regularization_losses"):
        require(hasattr(subject.root, name), f"missing .{name}")
    require(len(subject.root.variables) > 0, ".variables is empty")


def check_vocabulary(subject: Subject) -> Path:
    """Checks the vocabulary asset of a module of any kind and returns its path."""
    require(hasattr(subject.root, "vocab_file"), "missing .vocab_file")
    require(hasattr(subject.root, "do_lower_case"), "missing .do_lower_case")
    path = Path(subject.root.vocab_file.asset_path.numpy().decode())
    require(path.is_file(), f"{path.name} does not exist")
    require(subject.path.resolve() in path.resolve().parents, f"{path.name} is outside the module")
    return path


def check_local_paths(subject: Subject) -> None:
    for path in sorted(subject.path.rglob("*")):
        if not path.is_file():
            continue
        with path.open("rb") as file:
            tail = b""
            while block := file.read(CHUNK):
                if match := LOCAL_PATH.search(tail + block):
                    raise ContractError(
                        f"{path.relative_to(subject.path)} contains {match[0].decode(errors='replace')[:80]}"
                    )
                tail = block[-256:]
