"""An artifact's own names of its inputs and outputs, and those that everything is compared under."""

from collections.abc import Mapping
from typing import TypeVar

Value = TypeVar("Value")


def ours(values: Mapping[str, Value], names: Mapping[str, str]) -> dict[str, Value]:
    """Values under the artifact's names, renamed."""
    return {names.get(name, name): value for name, value in values.items()}


def given_names(values: Mapping[str, Value], names: Mapping[str, str]) -> dict[str, Value]:
    """Values under our names, renamed to the artifact's."""
    theirs = {our: their for their, our in names.items()}
    return {theirs.get(name, name): value for name, value in values.items()}
