"""Builds dataclasses from plain values, as JSON has them, checked against the types of the fields."""

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from types import NoneType
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

NOT_IN_JSON = ("inf", "-inf", "nan")
"""Numbers that JSON cannot express."""
TYPE_NAMES = {str: "a string", int: "an integer", float: "a number", bool: "true or false"}
T = TypeVar("T")


class WrongValueError(ValueError):
    """A key that is missing, unknown or of the wrong type; the message names it by its path: `probes[0].name`."""


def read_fields(cls: type[T], values: Mapping[str, Any], place: str = "") -> tuple[T, set[str]]:
    """A dataclass built from the values named after its fields, and the names of the other values.

    Raises:
      WrongValueError: a field is missing or of the wrong type, or the class rejects the combination.
    """
    types, arguments = get_type_hints(cls), {}
    for field in fields(cls):  # type: ignore[arg-type]  # callers pass dataclasses
        path = f"{place}.{field.name}" if place else field.name
        if field.name not in values:
            raise WrongValueError(f"{path} is missing")
        arguments[field.name] = _read(types[field.name], values[field.name], path)
    try:
        return cls(**arguments), values.keys() - arguments.keys()
    except ValueError as error:
        raise WrongValueError(f"{place}: {error}" if place else str(error)) from error


def _read(wanted: Any, value: Any, path: str) -> Any:  # noqa: ANN401 - a type of any form, and a value of it
    origin, arguments = get_origin(wanted), get_args(wanted)
    if wanted is Any:
        return value
    if NoneType in arguments:
        (wanted,) = (argument for argument in arguments if argument is not NoneType)
        return None if value is None else _read(wanted, value, path)
    if origin is tuple:
        return _read_list(arguments, value, path)
    if origin is not None or is_dataclass(wanted):
        if not isinstance(value, dict):
            raise WrongValueError(f"{path} must be an object, not {value!r:.60}")
        if origin is not None:
            return {key: _read(arguments[1], item, f"{path}.{key}") for key, item in value.items()}
        result, unknown = read_fields(wanted, value, path)
        if unknown:
            raise WrongValueError(f"unknown key {path}.{min(unknown)}")
        return result
    if wanted is float and (type(value) is int or value in NOT_IN_JSON):
        try:
            return float(value)
        except OverflowError as error:
            raise WrongValueError(f"{path} must be a number that a float can hold") from error
    if type(value) is not wanted:
        raise WrongValueError(f"{path} must be {TYPE_NAMES[wanted]}, not {value!r:.60}")
    return value


def _read_list(arguments: tuple[Any, ...], value: Any, path: str) -> tuple[Any, ...]:  # noqa: ANN401
    """`tuple[X, ...]`, or as many values as there are arguments."""
    if not isinstance(value, list):
        raise WrongValueError(f"{path} must be a list, not {value!r:.60}")
    if arguments[-1] is Ellipsis:
        arguments = arguments[:1] * len(value)
    if len(value) != len(arguments):
        raise WrongValueError(f"{path} must have {len(arguments)} elements, not {len(value)}")
    return tuple(
        _read(wanted, item, f"{path}[{place}]")
        for place, (wanted, item) in enumerate(zip(arguments, value, strict=True))
    )
