"""The vocabulary that goes into a module, and whether its texts are lower-cased: checked, never guessed."""

from dataclasses import dataclass
from pathlib import Path

from bertferry.convert.locate import Location
from bertferry.convert.vocabulary import lower_cases, read_vocabulary
from bertferry.core.errors import DataError, UsageError

SPECIAL_TOKENS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")


@dataclass(frozen=True)
class TextAssets:
    """What a text encoder's module carries so that callers tokenise as it was trained."""

    vocabulary: Path
    do_lower_case: bool


def find_text_assets(
    location: Location, vocab_size: int, vocabulary: str | Path | None, do_lower_case: bool | None
) -> TextAssets | None:
    """The assets for a checkpoint, or None where it has no vocabulary and none was given.

    Raises:
      UsageError: no such vocabulary, none though a casing was given, or nothing says what the casing is.
      DataError: a vocabulary of another length than the word table, or without a special token.
    """
    path = Path(vocabulary) if vocabulary is not None else location.vocabulary
    if path is None and do_lower_case is None:
        return None
    if path is None:
        raise UsageError(
            f"{location.path}: no vocabulary whose texts could be lower-cased: name one with --vocab FILE"
        )
    if not path.is_file():
        raise UsageError(f"{path}: no such vocabulary")
    tokens = set(read_vocabulary(path, vocab_size))
    missing = [token for token in SPECIAL_TOKENS if token not in tokens]
    if missing:
        raise DataError(f"{path}: the special tokens {', '.join(missing)} are not in it")
    return TextAssets(path, lower_cases(path, location.tokenizer_config, do_lower_case))
