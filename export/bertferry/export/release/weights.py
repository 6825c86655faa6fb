"""Which files hold weights, by their names."""

from pathlib import Path

from bertferry.convert.prefixes import SHARD
from bertferry.convert.weight_files import FORMAT_OF_SUFFIX

SUFFIXES = (*FORMAT_OF_SUFFIX, ".index", ".meta")


def is_weights(file: Path) -> bool:
    """Whether a file is one of a model's weights."""
    return file.suffix in SUFFIXES or SHARD.search(file.name) is not None
