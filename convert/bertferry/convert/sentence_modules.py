"""The modules of sentence-transformers that follow an encoder: as folders, and as an asset of a SavedModel.

`modules.json` lists them. Each has a folder with a `config.json` and its weights; in a SavedModel, whose assets
have no folders, the list has the contents of each `config.json` under the key `config`, and weights are variables.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from shutil import copyfile
from typing import Any

import numpy as np

from bertferry.convert.locate import Location
from bertferry.convert.paths import MODULES, sentence_folder, sentence_modules
from bertferry.convert.readers import open_readers
from bertferry.convert.vocabulary import read_object
from bertferry.convert.weight_files import FileFormat
from bertferry.convert.writers.content import TensorContent
from bertferry.convert.writers.safetensors import write_safetensors
from bertferry.core.errors import DataError, UsageError
from bertferry.core.sentence import ACTIVATIONS, POOLING_MODES, Dense, Sentence

CONFIG = "config.json"
ENCODERS = ("Transformer", "BERT")
FOLLOWING = ("Pooling", "Dense", "Normalize", "Dropout", "LayerNorm", "LSTM", "CNN", "WordWeights")
"""Classes of modules that follow an encoder, with weights of their own or without."""
PACKAGE = "sentence_transformers."


@dataclass(frozen=True)
class SentenceModule:
    """An entry of `modules.json`: its class without the package, all of it, its folder, its `config.json`."""

    kind: str
    entry: Mapping[str, Any]
    folder: Path
    config: Mapping[str, Any]

    @property
    def file(self) -> Path:
        """Where its configuration is, for messages."""
        return self.folder / CONFIG


def model_folder(location: Location) -> Path:
    """The folder of the model of sentence-transformers, or the assets of a SavedModel."""
    return sentence_folder(location.path.parent) if location.graph is None else location.graph.parent / "assets"


def read_modules(folder: Path) -> list[SentenceModule]:
    """The modules of a model in their order; none without a `modules.json`.

    Raises:
      UsageError: a damaged list or configuration, or a module outside the folder.
    """
    listed = sentence_modules(folder)
    if (folder / MODULES).is_file() and not listed:
        raise UsageError(f"{folder / MODULES}: not a list of modules with their paths")
    found = []
    for entry in listed:
        own = folder / str(entry.get("path", ""))
        if not own.resolve().is_relative_to(folder.resolve()):
            raise UsageError(f"{folder / MODULES}: the path {entry.get('path')!r} is outside its folder")
        kind = str(entry.get("type", "")).rpartition(".")[2]
        config = entry.get("config")
        if not isinstance(config, dict):
            is_own = kind not in ENCODERS and (own / CONFIG).is_file()
            config = read_object(own / CONFIG) if is_own else {}
        found.append(SentenceModule(kind, entry, own, config))
    return found


def are_carried(location: Location) -> bool:
    """Whether a conversion takes the modules along: they follow its encoder, and are the package's own."""
    modules = read_modules(model_folder(location))
    kinds = [module.kind for module in modules if str(module.entry.get("type", "")).startswith(PACKAGE)]
    return len(kinds) == len(modules) > 0 and kinds[0] in ENCODERS and set(kinds[1:]) <= set(FOLLOWING)


def copy_modules(directory: Path, folder: Path) -> None:
    """Copies modules with their files; the encoder, whatever its folder was, is the directory itself."""
    kept = []
    for module in read_modules(folder):
        is_encoder = module.kind in ENCODERS
        kept.append({**module.entry, "path": "" if is_encoder else module.entry.get("path", "")})
        if is_encoder or module.folder.resolve() == folder.resolve() or not module.folder.is_dir():
            continue
        target = directory / str(module.entry["path"])
        target.mkdir(parents=True, exist_ok=True)
        for file in sorted(path for path in module.folder.iterdir() if path.is_file()):
            copyfile(file, target / file.name)
    _write(directory / MODULES, kept)


def write_modules(directory: Path, sentence: Sentence, hidden: int) -> None:
    """Writes folders of modules anew, with the weights of layers."""
    kept = []
    dense = iter([layer for layer in sentence.layers if isinstance(layer, Dense)])
    for entry in _entries(sentence, hidden):
        config, own = entry.pop("config"), directory / entry["path"]
        kept.append(entry)
        if entry["path"]:
            own.mkdir()
            _write(own / CONFIG, config)
        if entry["type"].endswith(".Dense"):
            kernel, bias = read_dense(next(dense))
            tensors = {"linear.weight": np.ascontiguousarray(kernel.T), "linear.bias": bias}
            contents = [
                TensorContent(name, "float32", value.shape, [value.tobytes()])
                for name, value in tensors.items()
                if value is not None
            ]
            write_safetensors(own / "model.safetensors", contents)
    _write(directory / MODULES, kept)


def write_asset(directory: Path, sentence: Sentence, hidden: int) -> Path:
    """Writes the list of modules with their configurations, for a SavedModel that has the weights of layers."""
    _write(directory / MODULES, list(_entries(sentence, hidden)))
    return directory / MODULES


def read_dense(dense: Dense) -> tuple[np.ndarray, np.ndarray | None]:
    """The kernel [in, out] and the bias [out], if it has one, of a layer, in float32.

    Raises:
      DataError: its file has other tensors, or of other sizes.
    """
    formats: dict[str, FileFormat] = {".safetensors": "safetensors", ".bin": "pytorch"}
    kind = formats.get(dense.weights.suffix, "tensorflow")
    where = Location(kind, dense.weights, (dense.weights,) if dense.variable is None else (), None, None, None)
    readers = [reader for reader, _ in open_readers(where, None)]
    names = (
        [f"{dense.variable}/kernel", f"{dense.variable}/bias"]
        if dense.variable
        else ["linear.weight", "linear.bias"]
    )
    values = []
    for name in names[: 1 + dense.bias]:
        reader = next((reader for reader in readers if reader.find(name) is not None), None)
        if reader is None:
            raise DataError(f"{dense.weights}: no tensor {name}, which the configuration of its layer promises")
        values.append(reader.read(reader.find(name) or name).astype(np.float32))
    kernel = values[0] if dense.variable else values[0].T
    if kernel.shape != (dense.in_features, dense.out_features):
        raise DataError(
            f"{dense.weights}: {names[0]} is {list(values[0].shape)}, but config.json says "
            f"{[dense.out_features, dense.in_features]}"
        )
    return np.ascontiguousarray(kernel), values[1] if dense.bias else None


def _entries(sentence: Sentence, hidden: int) -> Iterator[dict[str, Any]]:
    """The entries of `modules.json`, with configurations that every version of sentence-transformers reads."""
    modes = {key: name in sentence.poolings for key, name in POOLING_MODES.items()}
    pooling: dict[str, Any] = {"word_embedding_dimension": hidden, **modes}
    if sentence.poolings != tuple(name for key, name in POOLING_MODES.items() if modes[key]):  # since version 6
        names = [f"{name}_tokens" if name == "mean_sqrt_len" else name for name in sentence.poolings]
        pooling = {"embedding_dimension": hidden, "pooling_mode": names}
    following = [("Pooling", {**pooling, "include_prompt": sentence.include_prompt})]
    for layer in sentence.layers:
        config: dict[str, Any] = {}
        if isinstance(layer, Dense):
            config = {"in_features": layer.in_features, "out_features": layer.out_features, "bias": layer.bias}
            config["activation_function"] = ACTIVATIONS[layer.activation]
        following.append((type(layer).__name__, config))
    for number, (kind, config) in enumerate([("Transformer", {}), *following]):
        path = f"{number}_{kind}" if number else ""
        yield {
            "idx": number,
            "name": str(number),
            "path": path,
            "type": f"{PACKAGE}models.{kind}",
            "config": config,
        }


def _write(path: Path, values: object) -> None:
    path.write_text(json.dumps(values, indent=2) + "\n", encoding="utf-8")
