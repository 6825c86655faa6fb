"""What the folder of an ONNX or LiteRT file says about its tokenizer and classes, as transformers lays it out."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from bertferry.convert import SourceOptions
from bertferry.convert.classifier_config import read_classifier_config
from bertferry.convert.configuration import read_config
from bertferry.convert.locate import Location
from bertferry.convert.tokenizer.reader import read_tokenizer
from bertferry.convert.vocabulary import TOKENIZER_CONFIG, find_vocabulary, read_vocabulary
from bertferry.core.errors import UsageError
from bertferry.core.results import read_json
from bertferry.core.tokenizer import Tokenizer
from bertferry.verify.artifact import Artifact

CONFIG = "config.json"
GRAPHS = "onnx"
"""The folder of graphs in a folder of transformers.js; what describes them lies beside it."""
NO_LIMIT = 10**6
"""Positions and rows of a model whose folder states none."""


def with_folder(artifact: Artifact, file: Path, source: SourceOptions) -> Artifact:
    """The artifact with the tokenizer and the classes in the folder of its file, unless it states its classes."""
    folder = _model_folder(file)
    return replace(
        artifact,
        tokenizer=lambda: _tokenizer(folder, source),
        class_facts=artifact.class_facts or _class_facts(folder),
    )


def _model_folder(file: Path) -> Path:
    folder = file.absolute().parent
    return folder.parent if folder.name == GRAPHS and not (folder / CONFIG).is_file() else folder


def _class_facts(folder: Path) -> Mapping[str, Any]:
    """The keys of transformers about classes; none if the configuration is not one of a classifier."""
    if not (folder / CONFIG).is_file():
        return {}
    values = read_json(folder / CONFIG)
    return read_classifier_config(values).labels if isinstance(values, dict) else {}


def _tokenizer(folder: Path, source: SourceOptions) -> Tokenizer | None:
    """The tokenizer, None if the folder has none.

    Raises:
      BertferryError: its files cannot be read, or nothing says whether texts are lower-cased.
    """
    config, settings = folder / CONFIG, folder / TOKENIZER_CONFIG
    rows = positions = NO_LIMIT
    types, architecture = 2, "bert"
    with suppress(UsageError):  # what no network here computes may have a tokenizer all the same
        encoder = read_config(config, "safetensors").encoder
        rows, positions, types = encoder.vocab_size, encoder.max_length, encoder.type_vocab_size
        architecture = encoder.architecture
    path, _ = find_vocabulary(folder)
    vocabulary = None if path is None else read_vocabulary(path, rows)
    found = [file if file.is_file() else None for file in (config, settings)]
    location = Location("safetensors", config, (), found[0], path, found[1])
    sizes = {"positions": positions, "types": types}
    reading = read_tokenizer(location, vocabulary, source, **sizes, architecture=architecture)
    return None if reading is None else reading.tokenizer
