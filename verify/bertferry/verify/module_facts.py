"""What the files of a Hub module say about its tokenizer."""

from pathlib import Path

from bertferry.convert import SourceOptions
from bertferry.convert.locate import locate
from bertferry.convert.tokenizer.reader import read_tokenizer
from bertferry.convert.vocabulary import TOKENIZER_CONFIG, read_vocabulary
from bertferry.core.manifest import Manifest
from bertferry.core.tokenizer import Tokenizer
from bertferry.verify.file_facts import model_limits

NO_LIMIT = 10**6
"""Positions and rows of a module that states no configuration."""


def module_tokenizer(path: Path, manifest: Manifest | None) -> Tokenizer | None:
    """The tokenizer of a module, None if it has none.

    Raises:
      BertferryError: its files cannot be read, or nothing says whether texts are lower-cased.
    """
    location = locate(path)
    configuration = {} if manifest is None else manifest.configuration
    limits = model_limits(configuration)
    has_files = location.tokenizer_config is not None and location.tokenizer_config.name == TOKENIZER_CONFIG
    casing = None if manifest is None or has_files else manifest.do_lower_case
    words = location.vocabulary
    reading = read_tokenizer(
        location,
        None if words is None else read_vocabulary(words, configuration.get("vocab_size", NO_LIMIT)),
        SourceOptions(do_lower_case=casing),
        positions=limits.max_positions if limits else NO_LIMIT,
        types=configuration.get("type_vocab_size", 2),
        architecture=configuration.get("architecture", "bert"),
    )
    return None if reading is None else reading.tokenizer
