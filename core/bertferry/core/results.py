"""Every JSON that this project writes: its schemas, its text, and how it is read back.

A result is a frozen dataclass that derives from `Result`. Its fields are its JSON, after `schema` and what it says
of itself; `from_dict` reads them back by the fields' types.
"""

import json
import math
from collections.abc import Mapping
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import Any, ClassVar, Self

from bertferry.core.errors import UsageError
from bertferry.core.typed_values import WrongValueError, read_fields


class Schema(StrEnum):
    """The first value of each JSON; the number grows when a reader of the last one would be misled."""

    CONVERSION = "bertferry.conversion/1"
    INSPECTION = "bertferry.inspection/1"
    DIFFERENCE = "bertferry.diff/1"
    MODULE = "bertferry.module/1"
    MODULE_EXPORT = "bertferry.export/2"
    ONNX_EXPORT = "bertferry.onnx/1"
    CONTRACT = "bertferry.contract/1"
    PARITY = "bertferry.parity/1"


class Result:
    """What becomes JSON: a frozen dataclass of plain values and others of its kind."""

    SCHEMA: ClassVar[Schema]

    def derived(self) -> dict[str, Any]:
        """What the JSON says beside the fields, for readers that do not compute it themselves."""
        return {}

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON; numbers that it has no form for become the strings `inf`, `-inf` and `nan`."""
        # A dataclass is what derives from this class.
        fields = asdict(self)  # type: ignore[call-overload]
        plain: dict[str, Any] = _plain({"schema": self.SCHEMA.value, **self.derived(), **fields})
        return plain

    def to_json(self) -> str:
        """The result as JSON text, ending in a newline."""
        return json.dumps(self.to_dict(), indent=1, allow_nan=False) + "\n"

    @classmethod
    def from_dict(cls, values: object, path: str | Path) -> Self:
        """What `to_dict` gave; `path` is the file that it stood in.

        Raises:
          UsageError: another schema, or a key that is missing, unknown or of a wrong type, which it names.
        """
        if not isinstance(values, dict):
            raise UsageError(f"{path}: a JSON object expected, not {values!r:.60}")
        if values.get("schema") != cls.SCHEMA:
            stated = repr(values["schema"]) if "schema" in values else "missing"
            raise UsageError(f"{path}: schema is {stated}, {cls.SCHEMA.value} expected")
        try:
            result, others = read_fields(cls, values)
        except WrongValueError as error:
            raise UsageError(f"{path}: {error}") from error
        if unknown := others - {"schema"} - result.derived().keys():
            raise UsageError(f"{path}: unknown key {', '.join(sorted(unknown))}")
        return result


def read_json(path: Path) -> Any:  # noqa: ANN401 - whatever stands in the file
    """The value in a JSON file.

    Raises:
      UsageError: unreadable, or not JSON.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{path}: not readable as JSON: {error}") from error


def _plain(value: Any) -> Any:  # noqa: ANN401 - any plain value, and one of the same kind
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value
