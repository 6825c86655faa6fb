"""Reads from the files of sentence-transformers what follows an encoder, and what precedes its texts.

https://sbert.net/docs/package_reference/sentence_transformer/models.html: `modules.json` lists the modules,
`1_Pooling/config.json` sets the pooling, `config_sentence_transformers.json` the prompts.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from shutil import copyfile
from typing import Any

import numpy as np

from bertferry.convert.locate import Location
from bertferry.convert.paths import MODULES, modules_with_weights, sentence_folder, sentence_modules
from bertferry.convert.readers import open_readers
from bertferry.convert.tokenizer.files import SENTENCE_CONFIG, typed
from bertferry.convert.vocabulary import read_object
from bertferry.convert.weight_files import FIRST_NAMES, FURTHER_NAMES, FileFormat, find_weights
from bertferry.core.errors import DataError, UsageError
from bertferry.core.sentence import POOLING_MODES, POOLINGS, Dense, Normalize, Sentence

PROMPTS = "config_sentence_transformers.json"
OF_TEXTS = (SENTENCE_CONFIG, PROMPTS)
"""Files that say something about texts, whatever follows the encoder."""
ENCODERS = ("Transformer", "BERT")
ACTIVATIONS = ("identity", "tanh", "relu", "gelu", "sigmoid")
"""Of Dense, as they are called in torch.nn, in small letters; gelu is the exact one."""


def read_sentence(location: Location, poolings: tuple[str, ...] = ()) -> Sentence:
    """Reads the files beside a checkpoint; given `poolings` replace theirs.

    Raises:
      UsageError: no pooling is configured or given, or a module, mode or activation is not supported.
    """
    folder = _folder(location)
    modules = sentence_modules(folder)
    if (folder / MODULES).is_file() and not modules:
        raise UsageError(f"{folder / MODULES}: not a list of modules with their paths")
    own: tuple[str, ...] = ()
    layers: list[Dense | Normalize] = []
    include_prompt = True
    for module in modules:
        kind, path = str(module.get("type", "")).rpartition(".")[2], folder / str(module.get("path", ""))
        if kind == "Pooling":
            values = _object(path / "config.json")
            own = poolings or _poolings(path / "config.json", values)
            include_prompt = typed(values, "include_prompt", bool, path / "config.json") is not False
        elif kind == "Dense":
            layers.append(_dense(path))
        elif kind == "Normalize":
            layers.append(Normalize())
        elif kind not in (*ENCODERS, "Dropout"):  # which is off outside training
            raise UsageError(
                f"{folder / MODULES}: unsupported module {kind}: embeddings would be wrong without it: "
                "export the encoder alone, with --task encoder"
            )
    if not (own or poolings):
        raise UsageError(f"{folder}: no pooling is configured: give --pooling {', '.join(POOLINGS)}")
    prompts, default = _prompts(folder / PROMPTS)
    return Sentence(own or poolings, include_prompt, tuple(layers), prompts, default)


def text_files(location: Location) -> list[Path]:
    """The files beside a checkpoint that say something about its texts."""
    own = [_folder(location) / name for name in OF_TEXTS] + [location.path.parent / SENTENCE_CONFIG]
    return list({path.name: path for path in own if path.is_file()}.values())


def copy_sentence_files(directory: Path, location: Location) -> None:
    """Copies what sentence-transformers needs beside a conversion, without modules that have weights.

    With such modules `modules.json` stays behind: without them, embeddings would be wrong.
    """
    for file in text_files(location):
        copyfile(file, directory / file.name)
    folder = _folder(location)
    modules = sentence_modules(folder)
    if not modules or modules_with_weights(location.path.parent):
        return
    kept = []
    for module in modules:
        is_encoder = str(module.get("type", "")).rpartition(".")[2] in ENCODERS
        path = "" if is_encoder else str(module.get("path", ""))
        kept.append({**module, "path": path})
        if not is_encoder and (config := folder / path / "config.json").is_file():
            (directory / path).mkdir(exist_ok=True)
            copyfile(config, directory / path / "config.json")
    (directory / MODULES).write_text(json.dumps(kept, indent=2) + "\n", encoding="utf-8")


def _folder(location: Location) -> Path:
    """The folder of the model of sentence-transformers, or the assets of a module."""
    return sentence_folder(location.path.parent) if location.graph is None else location.graph.parent / "assets"


def read_dense(dense: Dense) -> tuple[np.ndarray, np.ndarray | None]:
    """The kernel [in, out] and the bias [out], if it has one, of a layer, in float32.

    Raises:
      DataError: its file has other tensors, or of other sizes.
    """
    kind: FileFormat = "safetensors" if dense.weights.suffix == ".safetensors" else "pytorch"
    where = Location(kind, dense.weights, (dense.weights,), None, None, None)
    reader = open_readers(where, None)[0][0]
    names = ("linear.weight", *(("linear.bias",) if dense.bias else ()))
    if missing := [name for name in names if reader.find(name) is None]:
        raise DataError(f"{dense.weights}: no tensor {missing[0]}, which its config.json promises")
    values = [reader.read(name).astype(np.float32) for name in names]
    if values[0].shape != (dense.out_features, dense.in_features):
        raise DataError(
            f"{dense.weights}: linear.weight is {list(values[0].shape)}, but config.json says "
            f"{[dense.out_features, dense.in_features]}"
        )
    return np.ascontiguousarray(values[0].T), values[1] if dense.bias else None


def _poolings(path: Path, values: Mapping[str, Any]) -> tuple[str, ...]:
    """The modes that a pooling turns on, in the order in which it concatenates them."""
    modes = [key for key, value in values.items() if key.startswith("pooling_mode_") and value]
    named = values.get("pooling_mode", modes)  # sentence-transformers 6 has a name, or a list in their order
    names = [str(name).removesuffix("_tokens") for name in ([named] if isinstance(named, str) else named or ())]
    if "pooling_mode" not in values:
        names = [name for mode, name in POOLING_MODES.items() if mode in modes]
    unknown = [mode for mode in modes if mode not in POOLING_MODES]
    unknown += [name for name in names if name not in POOLING_MODES.values()]
    if unknown or not names:
        known = ", ".join(POOLING_MODES)
        raise UsageError(f"{path}: {' and '.join(unknown) or 'no pooling mode'}: expected some of {known}")
    return tuple(names)


def _dense(folder: Path) -> Dense:
    path = folder / "config.json"
    values = _object(path)
    sizes = [typed(values, key, int, path) for key in ("in_features", "out_features")]
    if None in sizes:
        raise UsageError(f"{path}: in_features and out_features are missing")
    stated = typed(values, "activation_function", str, path) or "torch.nn.modules.activation.Tanh"
    activation = stated.rpartition(".")[2].lower()
    if activation not in ACTIVATIONS:
        raise UsageError(f"{path}: unsupported activation {stated}: expected one of {', '.join(ACTIVATIONS)}")
    if typed(values, "use_residual", bool, path):
        raise UsageError(f"{path}: use_residual is true: only a layer without a residual is supported")
    for key in ("module_input_name", "module_output_name"):
        if typed(values, key, str, path) not in (None, "sentence_embedding"):
            raise UsageError(f"{path}: {key} is {values[key]!r}: only a layer on the embedding is supported")
    weights = find_weights(folder, (*FIRST_NAMES, *FURTHER_NAMES))
    if weights is None:
        raise UsageError(f"{folder}: no weights of its layer: neither model.safetensors nor pytorch_model.bin")
    has_bias = typed(values, "bias", bool, path) is not False
    return Dense(int(sizes[0] or 0), int(sizes[1] or 0), has_bias, activation, weights[1])


def _prompts(path: Path) -> tuple[dict[str, str], str | None]:
    """The prompts by name, and the name of the default one."""
    values = _object(path)
    prompts = typed(values, "prompts", dict, path) or {}
    if not all(isinstance(text, str | None) for text in prompts.values()):
        raise UsageError(f"{path}: prompts is {prompts!r:.60}: expected texts by name")
    default = typed(values, "default_prompt_name", str, path)
    known = {str(name): text for name, text in prompts.items() if text is not None}
    if default is not None and default not in known:
        raise UsageError(
            f"{path}: default_prompt_name is {default!r}: its prompts are {', '.join(known) or 'none'}"
        )
    return known, default


def _object(path: Path) -> dict[str, Any]:
    return read_object(path) if path.is_file() else {}
