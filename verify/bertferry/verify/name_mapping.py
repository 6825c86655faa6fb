"""Maps an artifact's own input and output names to the standard names that are compared, and back."""

from collections.abc import Mapping
from typing import TypeVar

Value = TypeVar("Value")


def to_standard_names(values: Mapping[str, Value], names: Mapping[str, str]) -> dict[str, Value]:
    """Renames values from the artifact's names to the standard ones."""
    return {names.get(name, name): value for name, value in values.items()}


def to_artifact_names(values: Mapping[str, Value], names: Mapping[str, str]) -> dict[str, Value]:
    """Renames values from the standard names to the artifact's."""
    artifact_names = {standard: own for own, standard in names.items()}
    return {artifact_names.get(name, name): value for name, value in values.items()}
