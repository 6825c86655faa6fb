"""Finds and checks a module's vocabulary and casing; neither is ever guessed."""

from dataclasses import dataclass
from pathlib import Path

from bertferry.convert.locate import Location
from bertferry.convert.tokenizer_files import lower_cases
from bertferry.convert.vocabulary import Vocabulary, read_vocabulary
from bertferry.core.errors import DataError, UsageError

SPECIAL_TOKENS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")


@dataclass(frozen=True)
class TextAssets:
    """What callers need to tokenize texts as in training: the vocabulary, and whether texts are lower-cased."""

    words: Vocabulary
    do_lower_case: bool

    @property
    def vocabulary(self) -> Path:
        """The vocabulary as a `vocab.txt` in which no token occurs twice."""
        return self.words.file


def find_text_assets(
    location: Location, vocab_size: int, vocabulary: str | Path | None, do_lower_case: bool | None
) -> TextAssets | None:
    """The text assets of a checkpoint, or None if it has no vocabulary and none is given.

    Raises:
      UsageError: the vocabulary does not exist, a casing is given without one, or the casing is unknown.
      DataError: the vocabulary has more tokens than the token embedding table, or a special one is missing.
    """
    path = Path(vocabulary) if vocabulary is not None else location.vocabulary
    if path is None and do_lower_case is None:
        return None
    if path is None:
        raise UsageError(f"{location.path}: lower-casing requires a vocabulary: give one with --vocab FILE")
    if not path.is_file():
        raise UsageError(f"{path}: vocabulary not found")
    words = read_vocabulary(path, vocab_size)
    missing = [token for token in SPECIAL_TOKENS if token not in words.tokens]
    if missing:
        raise DataError(f"{path}: missing special tokens {', '.join(missing)}")
    return TextAssets(words, lower_cases(path, location.tokenizer_config, do_lower_case))
