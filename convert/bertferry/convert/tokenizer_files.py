"""The tokenizer files of a checkpoint: a vocabulary, one token per line, and a configuration."""

import json
from pathlib import Path
from typing import Any

from bertferry.convert.checkpoint import Checkpoint
from bertferry.core.errors import DataError, UsageError


def read_vocabulary(path: Path, expected: int) -> list[str]:
    """The tokens of a `vocab.txt`, in the order of their ids.

    Raises:
      UsageError: not readable as UTF-8 text.
      DataError: the number of tokens is not the number of rows of the token embedding table (`expected`).
    """
    try:
        text = path.read_bytes().decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: not a readable vocabulary: {error}") from error
    tokens = [line.removesuffix("\r") for line in text.removesuffix("\n").split("\n")]
    if len(tokens) != expected:
        raise DataError(
            f"{path}: {len(tokens)} tokens, but the token embedding table has {expected} rows (vocab_size)"
        )
    return tokens


def read_tokenizer_config(path: Path | None) -> dict[str, Any]:
    """The keys of a `tokenizer_config.json`, none if there is no such file.

    Raises:
      UsageError: not readable as a JSON object.
    """
    if path is None:
        return {}
    try:
        values = json.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError) as error:
        raise UsageError(f"{path}: not a readable tokenizer configuration: {error}") from error
    if not isinstance(values, dict):
        raise UsageError(f"{path}: not a tokenizer configuration: expected a JSON object")
    return values


def lower_cases(vocabulary: Path, tokenizer_config: Path | None, given: bool | None) -> bool:
    """Whether texts are lower-cased for a vocabulary: as given, or as in the tokenizer's configuration.

    Raises:
      UsageError: nothing says so.
    """
    value = read_tokenizer_config(tokenizer_config).get("do_lower_case") if given is None else given
    if not isinstance(value, bool):
        raise UsageError(
            f"{vocabulary}: nothing says whether texts are lower-cased",
            "give --do-lower-case or --no-do-lower-case",
        )
    return value


def write_tokenizer_config(directory: Path, checkpoint: Checkpoint, do_lower_case: bool | None) -> None:
    """Writes the `tokenizer_config.json` that transformers needs for a `vocab.txt`: the source's, or a new one.

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
    (directory / "tokenizer_config.json").write_text(json.dumps(values, indent=2, sort_keys=True) + "\n")
