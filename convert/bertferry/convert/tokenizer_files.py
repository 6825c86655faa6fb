"""The configuration of a checkpoint's tokenizer."""

import json
from pathlib import Path
from typing import Any

from bertferry.convert.checkpoint import Checkpoint
from bertferry.convert.graph_facts import read_graph_facts
from bertferry.convert.keras_hub_config import tokenizer_keys
from bertferry.convert.vocabulary import TOKENIZER, read_object
from bertferry.core.errors import UsageError


def read_tokenizer_config(path: Path | None) -> dict[str, Any]:
    """The keys of a `tokenizer_config.json`, none if there is no such file, or what the graph of a module says.

    Raises:
      UsageError: not readable as a JSON object.
    """
    if path is None:
        return {}
    if path.suffix == ".pb":
        casing = read_graph_facts(path).do_lower_case
        return {} if casing is None else {"do_lower_case": casing}
    values = read_object(path)
    return tokenizer_keys(values) or values


def lower_cases(vocabulary: Path, tokenizer_config: Path | None, given: bool | None) -> bool:
    """Whether texts are lower-cased for a vocabulary: as given, or as in the files of its tokenizer.

    Raises:
      UsageError: nothing says so.
    """
    value = read_tokenizer_config(tokenizer_config).get("do_lower_case") if given is None else given
    if value is None and (vocabulary.parent / TOKENIZER).is_file():
        normalizer = read_object(vocabulary.parent / TOKENIZER).get("normalizer")
        value = normalizer.get("lowercase") if isinstance(normalizer, dict) else None
    if not isinstance(value, bool):
        raise UsageError(
            f"{vocabulary}: nothing says whether texts are lower-cased",
            "give --do-lower-case or --no-do-lower-case",
        )
    return value


def write_tokenizer_config(directory: Path, checkpoint: Checkpoint, do_lower_case: bool | None) -> None:
    """Writes what transformers needs beside a `vocab.txt`: a `tokenizer_config.json`, the source's or a new one.

    Raises:
      UsageError: there is a vocabulary, but nothing says whether texts are lower-cased.
    """
    location = checkpoint.location
    values = {
        "tokenizer_class": "BertTokenizer",
        "model_max_length": checkpoint.config.max_position_embeddings,
        **read_tokenizer_config(location.tokenizer_config),
    }
    if location.vocabulary:
        values["do_lower_case"] = lower_cases(location.vocabulary, location.tokenizer_config, do_lower_case)
    elif do_lower_case is not None:
        values["do_lower_case"] = do_lower_case
    (directory / "tokenizer_config.json").write_text(json.dumps(values, indent=2, sort_keys=True) + "\n")
