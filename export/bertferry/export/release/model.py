"""A model of a family: where it comes from and what is made of it."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from bertferry.convert import SourceOptions
from bertferry.export.publish.options import PublishOptions

FILES = ("config", "labels")
"""Options that name files."""


@dataclass(frozen=True, slots=True)
class Model:
    """A model of a family.

    Attributes:
      name: that of its folder.
      input: its source as the reports show it: relative to the manifest, the same on every host.
      path: the source: a path, or an address that fsspec opens.
      options: what its folder contains.
      source: how the source is read.
    """

    name: str
    input: str
    path: str
    options: PublishOptions
    source: SourceOptions

    def to_dict(self) -> dict[str, Any]:
        """Plain values, which another process builds the model from."""
        source = {key: str(item) if isinstance(item, Path) else item for key, item in asdict(self.source).items()}
        return {**asdict(self), "source": source}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "Model":
        """The inverse of `to_dict`, also after a detour through JSON."""
        options: dict[str, Any] = {
            key: tuple(item) if isinstance(item, list) else item for key, item in values["options"].items()
        }
        return cls(
            values["name"],
            values["input"],
            values["path"],
            PublishOptions(**options),
            SourceOptions(**values["source"]),
        )
