"""What the files of a Hub module say about its tokenizer."""

from pathlib import Path

from bertferry.convert import SourceOptions
from bertferry.convert.locate import locate
from bertferry.convert.tokenizer.reader import read_tokenizer
from bertferry.convert.vocabulary import TOKENIZER_CONFIG, read_vocabulary
from bertferry.core.manifest import Manifest
from bertferry.core.tokenizer import Tokenizer

NO_LIMIT = 10**6
"""Positions and rows of a module that states no configuration."""


def module_tokenizer(path: Path, manifest: Manifest | None) -> Tokenizer | None:
    """The tokenizer of a module, None if it has no vocabulary.

    Raises:
      BertferryError: its files cannot be read, or nothing says whether texts are lower-cased.
    """
    location = locate(path)
    if location.vocabulary is None:
        return None
    configuration = {} if manifest is None else manifest.configuration
    has_files = (location.vocabulary.parent / TOKENIZER_CONFIG).is_file()
    casing = None if manifest is None or has_files else manifest.do_lower_case
    reading = read_tokenizer(
        location,
        read_vocabulary(location.vocabulary, configuration.get("vocab_size", NO_LIMIT)),
        SourceOptions(do_lower_case=casing),
        positions=configuration.get("max_position_embeddings", NO_LIMIT),
        types=configuration.get("type_vocab_size", 2),
    )
    return None if reading is None else reading.tokenizer
