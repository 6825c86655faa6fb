"""Reads the manifest of a family: which models, from where, and what is made of them."""

import json
import tomllib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields, replace
from pathlib import Path
from types import UnionType
from typing import Any, get_args, get_type_hints

from bertferry.convert import SourceOptions
from bertferry.core.errors import UsageError
from bertferry.core.typed_values import TYPE_NAMES
from bertferry.export.publish.options import PublishOptions
from bertferry.export.release.artifacts import publish_options, read_artifacts
from bertferry.export.release.inputs import find_inputs, input_name
from bertferry.export.release.model import FILES, Model
from bertferry.export.release.names import check_name
from bertferry.verify.probes import standard_names

SCHEMA = "bertferry.release/1"
OWN_KEYS = ("name", "input", "artifacts")
TOP_KEYS = ("schema", "defaults", "model", "artifact", "verify")


def read_manifest(path: Path, leave_out: Iterable[Path] = ()) -> tuple[Model, ...]:
    """The models that a manifest in TOML or JSON describes, in its order.

    Args:
      path: the manifest; relative paths in it start at its folder.
      leave_out: files and folders that no glob means, besides the manifest.

    Raises:
      UsageError: unreadable, an unknown key or value, an input or a glob without a match, a name given twice.
    """
    values = _table(_load(path), path, "")
    _check_keys(values, TOP_KEYS, path, "")
    if values.get("schema") != SCHEMA:
        raise UsageError(f"{path}: schema is {values.get('schema')!r}: expected {SCHEMA!r}")
    types = _option_types()
    defaults = _table(values.get("defaults", {}), path, "defaults")
    _check_values(defaults, {**types, "artifacts": list}, path, "defaults")
    artifacts = read_artifacts(_table(values.get("artifact", {}), path, "artifact"), path)
    probes = _read_probes(_table(values.get("verify", {}), path, "verify"), path)
    entries = values.get("model", [])
    if not isinstance(entries, list) or not entries:
        raise UsageError(f"{path}: no models: expected at least one table [[model]]")
    models: list[Model] = []
    for number, entry in enumerate(entries):
        place = f"model[{number}]"
        own = _table(entry, path, place)
        _check_values(own, {**types, "artifacts": list, "name": str, "input": str}, path, place)
        given = {**defaults, **own}
        made = publish_options(given.get("artifacts"), artifacts, given.get("task"), f"{path}: {place}")
        models += _models(path, place, given, replace(made, probes=probes), {path, *leave_out})
    for name, count in Counter(model.name for model in models).items():
        if count > 1:
            raise UsageError(f"{path}: {count} models are named {name}: give each a name")
    return tuple(models)


def _read_probes(table: Mapping[str, Any], path: Path) -> tuple[str, ...]:
    """The names of the probes to compare on; all if there are none."""
    _check_values(table, {"probes": list}, path, "verify")
    probes, known = table.get("probes", []), standard_names()
    for name in probes:
        if name not in known:
            raise UsageError(f"{path}: verify.probes: unknown probe {name!r}: expected one of {', '.join(known)}")
    return tuple(probes)


def _load(path: Path) -> Any:  # noqa: ANN401 - whatever the file contains
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{path}: not text in UTF-8") from error
    is_json = path.suffix == ".json"
    try:
        return json.loads(text) if is_json else tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{path}: not valid {'JSON' if is_json else 'TOML'}: {error}") from error


def _models(
    manifest: Path, place: str, given: Mapping[str, Any], made: PublishOptions, leave_out: Iterable[Path]
) -> Iterator[Model]:
    """The models of an entry: one for each match of its glob."""
    if "input" not in given:
        raise UsageError(f"{manifest}: {place}.input is missing")
    found = find_inputs(manifest.parent, given["input"], leave_out)
    if not found:
        raise UsageError(f"{manifest}: {place}.input: nothing is at {given['input']!r}")
    if "name" in given and len(found) > 1:
        raise UsageError(
            f"{manifest}: {place}.name: {given['input']!r} has {len(found)} matches: leave out the name"
        )
    options = {key: value for key, value in given.items() if key not in (*OWN_KEYS, "task")}
    for key in FILES:
        if key in options:
            options[key] = str(manifest.parent / Path(options[key]).expanduser())
            if not Path(options[key]).is_file():
                raise UsageError(f"{manifest}: {place}.{key}: {options[key]}: no such file")
    try:
        source = SourceOptions(**options)
    except UsageError as error:
        raise UsageError(f"{manifest}: {place}: {error}") from error
    for shown, path in found:
        name = given.get("name", input_name(shown))
        check_name(name, f"{manifest}: {place}")
        yield Model(name, shown, path, made, source)


def _option_types() -> dict[str, type]:
    """The type of each option of a model, by its key."""
    hints = get_type_hints(SourceOptions)
    types: dict[str, type] = {"task": str}
    for field in fields(SourceOptions):
        hint = hints[field.name]
        kinds = get_args(hint) if isinstance(hint, UnionType) else (hint,)
        types[field.name] = next((kind for kind in (bool, int) if kind in kinds), str)
    return types


def _table(value: Any, path: Path, place: str) -> dict[str, Any]:  # noqa: ANN401 - whatever the file contains
    if not isinstance(value, dict):
        raise UsageError(f"{path}: {place or 'the document'} must be a table, not {value!r:.60}")
    return value


def _check_keys(values: Mapping[str, Any], known: Iterable[str], path: Path, place: str) -> None:
    for key in values:
        if key not in known:
            where = f"{place}.{key}" if place else key
            raise UsageError(f"{path}: unknown key {where}: expected one of {', '.join(known)}")


def _check_values(values: Mapping[str, Any], types: Mapping[str, type], path: Path, place: str) -> None:
    _check_keys(values, types, path, place)
    for key, value in values.items():
        if type(value) is not types[key]:
            names = {**TYPE_NAMES, list: "a list"}
            raise UsageError(f"{path}: {place}.{key} must be {names[types[key]]}, not {value!r:.60}")
