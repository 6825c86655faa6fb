"""Finds and checks a module's vocabulary and tokenizer; nothing about it is ever guessed."""

import json
from dataclasses import dataclass
from pathlib import Path

from bertferry.convert import Checkpoint
from bertferry.convert.sentence_files import carried_sentence, text_files
from bertferry.convert.sentence_modules import write_asset
from bertferry.convert.tokenizer.classes import CLASSES
from bertferry.convert.tokenizer.files import read_files
from bertferry.convert.tokenizer.kept import keep_tokenizer
from bertferry.convert.tokenizer.writer import configuration, write_tokenizer
from bertferry.convert.vocabulary import TOKENIZER_CONFIG, USUAL_NAME, Vocabulary, read_vocabulary
from bertferry.core.errors import DataError, UsageError
from bertferry.core.sentence import POOLING_MODES, Sentence
from bertferry.core.tokenizer import Tokenizer


@dataclass(frozen=True)
class TextAssets:
    """What callers need to tokenize texts as in training: the vocabulary and the tokenizer.

    `words` is None for a tokenizer without word pieces; `source` is the checkpoint; `notes` say what its files
    contradict; `sentence` says what follows the encoder.
    """

    words: Vocabulary | None
    tokenizer: Tokenizer
    source: Checkpoint
    notes: tuple[str, ...] = ()
    sentence: Sentence | None = None

    @property
    def vocabulary(self) -> Path | None:
        """The word pieces as a `vocab.txt` in which no token occurs twice."""
        return None if self.words is None else self.words.file

    @property
    def do_lower_case(self) -> bool | None:
        """Whether texts are lower-cased before they are cut into word pieces."""
        return None if self.words is None else self.tokenizer.lower_case

    def write_tokenizer(self, directory: Path) -> list[Path]:
        """Writes the files from which the same tokenizer is read, to be assets; returns their paths."""
        files = read_files(self.source.location, None if self.words is None else self.words.path)
        longest = self.source.config.max_length
        if not self.tokenizer.inexact:
            write_tokenizer(directory, self.tokenizer, files.keys, longest)
        elif files.says_something:
            keep_tokenizer(directory, self.source, files, self.tokenizer)
        else:
            values = configuration(self.tokenizer, files.keys, longest)
            (directory / TOKENIZER_CONFIG).write_text(json.dumps(values, indent=2) + "\n", encoding="utf-8")
        written = [path for path in sorted(directory.iterdir()) if path.name != USUAL_NAME]
        sentence = self.sentence or carried_sentence(self.source.location)
        if sentence is not None and set(sentence.poolings) <= set(POOLING_MODES.values()):
            written.append(write_asset(directory, sentence, self.source.config.hidden_size))
        return [*written, *text_files(self.source.location)]


def find_text_assets(
    checkpoint: Checkpoint, vocabulary: str | Path | None, sentence: Sentence | None = None
) -> TextAssets | None:
    """The text assets of a checkpoint, or None if it has no tokenizer and no vocabulary is given.

    `sentence` is what the module computes of the encoder's outputs, if it does.

    Raises:
      UsageError: the vocabulary does not exist, something is stated about texts without one, or the casing is
        unknown.
      DataError: the vocabulary has more tokens than the token embedding table, or a special one is missing.
    """
    location, options = checkpoint.location, checkpoint.options
    path = Path(vocabulary) if vocabulary is not None else location.vocabulary
    if path is None and (other := checkpoint.tokenizer_reading) is not None:
        return TextAssets(None, other.tokenizer, checkpoint, other.notes)
    if path is None and not options.about_texts:
        return None
    if path is None:
        flags = ", ".join(options.about_texts)
        raise UsageError(f"{location.path}: {flags} requires a vocabulary: give one with --vocab FILE")
    if not path.is_file():
        raise UsageError(f"{path}: vocabulary not found")
    words = read_vocabulary(path, checkpoint.config.vocab_size)
    reading = checkpoint.read_tokenizer(words)
    assert reading is not None  # there is a vocabulary
    tokenizer = reading.tokenizer
    of_word_pieces = tokenizer.tokenizer_class in (None, *CLASSES)
    missing = [name for name in tokenizer.special.values() if of_word_pieces and name not in words.tokens]
    if missing:
        raise DataError(f"{path}: missing special tokens {', '.join(missing)}")
    return TextAssets(words, tokenizer, checkpoint, (*words.notes, *reading.notes), sentence)


def check_exact(checkpoint: Checkpoint) -> None:
    """Refuses a tokenizer for which no module of strings can be right.

    Raises:
      UsageError: its name, and what it cuts texts with.
    """
    reading = checkpoint.tokenizer_reading
    if reading is not None and reading.tokenizer.inexact:
        raise UsageError(
            f"{checkpoint.location.path}: no module of strings can be right: {reading.tokenizer.inexact}",
            "export the encoder, with --task encoder, and tokenize with the source's own tokenizer",
        )
