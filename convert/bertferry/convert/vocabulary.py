"""The vocabulary beside a checkpoint: one token a line."""

from pathlib import Path

from bertferry.modeling.errors import DataError, UsageError


def read_vocabulary(path: Path, expected: int) -> list[str]:
    """The tokens of a `vocab.txt`, in the order of their ids.

    Raises:
      UsageError: not readable as UTF-8 text.
      DataError: another number of tokens than the word table has rows (`expected`).
    """
    try:
        text = path.read_bytes().decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: not a readable vocabulary: {error}") from error
    tokens = [line.removesuffix("\r") for line in text.removesuffix("\n").split("\n")]
    if len(tokens) != expected:
        raise DataError(f"{path}: {len(tokens)} tokens, but the word table has {expected} rows (vocab_size)")
    return tokens
