"""The named artifacts of a manifest, and what is published for them."""

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from bertferry.convert.layouts import TARGETS
from bertferry.core.choices import check_choice
from bertferry.core.errors import UsageError
from bertferry.export.publish.options import KERAS_HUB, LITERT_NAMES, ONNX_NAMES, OTHER_LAYOUTS, PublishOptions
from bertferry.export.release.names import check_name

CHOICES: dict[str, tuple[str, Collection[str]] | None] = {
    "checkpoint": ("to", TARGETS),
    "onnx": ("precision", tuple(ONNX_NAMES)),
    "litert": ("precision", tuple(LITERT_NAMES)),
    "hub": None,
}
"""Kinds of artifacts, with the key that tells those of one kind apart and its values."""
Artifact = tuple[str, str]
"""The kind, and the layout or the precision."""


def read_artifacts(tables: Mapping[str, Any], path: Path) -> dict[str, Artifact]:
    """The artifacts that a manifest defines, by name.

    Raises:
      UsageError: an unknown kind, key or value, or a name that is a path.
    """
    found = {}
    for name, table in tables.items():
        place = f"{path}: artifact.{name}"
        check_name(name, place)
        if not isinstance(table, dict) or not isinstance(table.get("kind"), str):
            raise UsageError(f"{place}.kind is missing: expected one of {', '.join(CHOICES)}")
        try:
            found[name] = _artifact(table)
        except UsageError as error:
            raise UsageError(f"{place}: {error}") from error
    return found


def _artifact(table: Mapping[str, Any]) -> Artifact:
    kind = table["kind"]
    check_choice("kind", kind, CHOICES)
    choice = CHOICES[kind]
    known = ("kind", choice[0]) if choice else ("kind",)
    if unknown := [key for key in table if key not in known]:
        raise UsageError(f"unknown key {unknown[0]}: {kind} has {' and '.join(known)}")
    if choice is None:
        return kind, ""
    key, values = choice
    if key not in table and key != "precision":
        raise UsageError(f"{key} is missing: expected one of {', '.join(values)}")
    value = table.get(key, "fp32")
    check_choice(key, value, values)
    return kind, value


def publish_options(
    names: list[Any] | None, artifacts: Mapping[str, Artifact], task: str | None, place: str
) -> PublishOptions:
    """What a model's folder contains: the artifacts of these names, by default all that the manifest defines.

    A manifest that defines none gets what `publish-model` writes without flags.

    Raises:
      UsageError: a name that is not defined, or an unknown task.
    """
    for name in names or ():
        if name not in artifacts:
            defined = ", ".join(artifacts) or "none"
            raise UsageError(f"{place}.artifacts: {name!r} is not defined: the manifest defines {defined}")
    try:
        if names is None and not artifacts:
            return PublishOptions(task)
        chosen = [artifacts[name] for name in (artifacts if names is None else names)]
        layouts = {value for kind, value in chosen if kind == "checkpoint"}
        return PublishOptions(
            task,
            onnx=tuple(name for name in ONNX_NAMES if ("onnx", name) in chosen),
            litert=tuple(name for name in LITERT_NAMES if ("litert", name) in chosen),
            hub=("hub", "") in chosen,
            keras_hub=KERAS_HUB in layouts,
            layouts=tuple(layout for layout in OTHER_LAYOUTS if layout in layouts),
        )
    except UsageError as error:
        raise UsageError(f"{place}: {error}") from error
