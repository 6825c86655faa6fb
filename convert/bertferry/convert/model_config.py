"""The configuration of a Keras model: the layers that hold a module, and where that is."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bertferry.convert.keras_hub_config import read_text
from bertferry.core.manifest import MANIFEST, read_manifest

MODULE_KEYS = {"KerasLayer": "handle", "TFSMLayer": "filepath"}
"""Which key of a layer's configuration names the module."""


@dataclass(frozen=True)
class LayerConfig:
    """A layer of class `kind` that was created from a module; a TFSMLayer calls its `endpoints`."""

    name: str
    kind: str
    module: Path
    endpoints: tuple[str, ...] = ()


def module_layers(config: object) -> Iterator[LayerConfig]:
    """Yields the layers that hold a module in the configuration of a model, nested models too."""
    if isinstance(config, dict):
        inside, kind = config.get("config"), config.get("class_name")
        if kind in MODULE_KEYS and isinstance(inside, dict) and MODULE_KEYS[kind] in inside:
            called = (inside.get("call_endpoint"), inside.get("call_training_endpoint"))
            module = Path(str(inside[MODULE_KEYS[kind]]))
            yield LayerConfig(str(inside.get("name")), kind, module, tuple(str(name) for name in called if name))
        for value in config.values():
            yield from module_layers(value)
    elif isinstance(config, list):
        for value in config:
            yield from module_layers(value)


def read_model_config(path: Path) -> Any:  # noqa: ANN401 - JSON
    """The configuration in a `.keras` file, or in an HDF5 file of a whole model; None if it has none."""
    try:
        if path.suffix == ".keras":
            return json.loads(read_text(path))
        import h5py

        with h5py.File(path, "r", locking=False) as file:
            return json.loads(file.attrs.get("model_config", "null"))
    except (OSError, ValueError, TypeError, KeyError, RuntimeError, RecursionError):
        return None  # its reader says what is damaged


def module_of_model(path: Path) -> Path | None:
    """The module of this project from which a layer of a model was created, if there is one and it is there."""
    modules = {layer.module for layer in module_layers(read_model_config(path))}
    there = [module for module in modules if (module / MANIFEST).is_file() and read_manifest(module) is not None]
    return there[0] if len(modules) == 1 and there else None
