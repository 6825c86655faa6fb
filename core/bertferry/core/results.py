"""The JSON documents that this project writes: their schemas, how they are written and read back.

A result is a frozen dataclass that derives from `Result`. Its JSON has `schema`, derived values and the fields;
`from_dict` reads the fields back by their types.
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
    """The first value of each document; its number increases when a reader of the previous one would be misled."""

    CONVERSION = "bertferry.conversion/2"
    INSPECTION = "bertferry.inspection/1"
    DIFFERENCE = "bertferry.diff/1"
    MODULE = "bertferry.module/2"
    MODULE_EXPORT = "bertferry.export/2"
    ONNX_EXPORT = "bertferry.onnx/1"
    LITERT_EXPORT = "bertferry.litert/1"
    CONTRACT = "bertferry.contract/1"
    PARITY = "bertferry.parity/1"
    PUBLISH = "bertferry.publish/1"
    RELEASE_RECEIPT = "bertferry.release-receipt/1"
    RELEASE_FAILURE = "bertferry.release-failure/1"
    RELEASE_MEASUREMENT = "bertferry.release-measurement/1"
    RELEASE_REPORT = "bertferry.release-report/1"


class Result:
    """The base of all that becomes JSON: frozen dataclasses of plain values and of other dataclasses."""

    SCHEMA: ClassVar[Schema]

    def derived(self) -> dict[str, Any]:
        """What the JSON has in addition to the fields, for readers that do not compute it themselves."""
        return {}

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON; numbers that it cannot express become the strings `inf`, `-inf` and `nan`."""
        # Every subclass is a dataclass.
        fields = asdict(self)  # type: ignore[call-overload]
        plain: dict[str, Any] = _plain({"schema": self.SCHEMA.value, **self.derived(), **fields})
        return plain

    def to_json(self) -> str:
        """The result as JSON text, ending in a newline."""
        return json.dumps(self.to_dict(), indent=1, allow_nan=False) + "\n"

    @classmethod
    def from_dict(cls, values: object, path: str | Path) -> Self:
        """The inverse of `to_dict`; `path` is the file that the values come from.

        Raises:
          UsageError: another schema, or a key, which it names, that is missing, unknown or of the wrong type.
        """
        if not isinstance(values, dict):
            raise UsageError(f"{path}: expected a JSON object, not {values!r:.60}")
        if values.get("schema") != cls.SCHEMA:
            stated = repr(values["schema"]) if "schema" in values else "missing"
            raise UsageError(f"{path}: schema is {stated}, expected {cls.SCHEMA.value}")
        try:
            result, others = read_fields(cls, values)
        except WrongValueError as error:
            raise UsageError(f"{path}: {error}") from error
        if unknown := others - {"schema"} - result.derived().keys():
            raise UsageError(f"{path}: unknown key {', '.join(sorted(unknown))}")
        return result


def read_json(path: Path) -> Any:  # noqa: ANN401 - whatever the file contains
    """The value in a JSON file.

    Raises:
      UsageError: unreadable, or not JSON.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{path}: not valid JSON: {error}") from error


def _plain(value: Any) -> Any:  # noqa: ANN401 - any plain value, and one of the same kind
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value
