"""Writes the tokenizer of a checkpoint beside a conversion of it, so that it comes back from any layout."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from bertferry.convert.checkpoint import Checkpoint
from bertferry.convert.keras_hub_config import write_preset_tokenizer
from bertferry.convert.layout import Layout
from bertferry.convert.paths import MODULES
from bertferry.convert.sentence_files import copy_sentence_files, stated_sentence
from bertferry.convert.sentence_modules import model_folder
from bertferry.convert.tokenizer.classes import CLASSES, OF_MODELS
from bertferry.convert.tokenizer.files import SENTENCE_CONFIGS, TokenizerFiles, read_files, sentence_config
from bertferry.convert.tokenizer.kept import keep_tokenizer
from bertferry.convert.tokenizer.other_classes import UnknownCasingError
from bertferry.convert.tokenizer.reader import TokenizerReading
from bertferry.convert.tokenizer.writer import configuration, write_tokenizer
from bertferry.convert.vocabulary import ADDED, TOKENIZER_CONFIG, USUAL_NAME, read_object
from bertferry.core.errors import UsageError
from bertferry.core.tokenizer import Tokenizer

SPLIT_NOTE = "special tokens spelled out in texts are split by the source, and found by transformers"


def check_texts(checkpoint: Checkpoint, target: Layout) -> None:
    """Refuses, before the work, what nothing would use and what cannot be written about texts.

    Raises:
      UsageError: flags about texts without a vocabulary, nothing says whether texts are lower-cased, or an
        embedding that sentence-transformers cannot compute.
    """
    flags = checkpoint.options.about_texts
    if _awaits_word_pieces(checkpoint, target):  # whose configuration states the casing before there are any
        flags = [flag for flag in flags if flag != "--do-lower-case"]
    if flags and checkpoint.vocabulary is None and not read_files(checkpoint.location, None).says_something:
        verb = "requires" if len(flags) == 1 else "require"
        raise UsageError(f"{', '.join(flags)} {verb} a source with a vocabulary: leave out what has no use")
    _known(checkpoint, target)
    stated_sentence(checkpoint.location, checkpoint.options)


def tokenizer_notes(checkpoint: Checkpoint, target: Layout) -> tuple[str, ...]:
    """What the files of the tokenizer contradict, and what the target's readers do otherwise."""
    reading = _reading(checkpoint)
    if reading is None:
        return ()
    if reading.tokenizer.inexact:
        return (*reading.notes, f"its tokenizer is not of word pieces alone: {reading.tokenizer.inexact}")
    splits = reading.tokenizer.tokenizer_class is None and reading.tokenizer.split_special_tokens is None
    return (*reading.notes, *((SPLIT_NOTE,) if splits and target.naming == "safetensors" else ()))


def embedding_notes(checkpoint: Checkpoint) -> Iterator[str]:
    """What nothing says about embeddings beside a pooling that a user states."""
    options = checkpoint.options
    if options.pooling is None or (model_folder(checkpoint.location) / MODULES).is_file():
        return
    if options.normalize is None:
        yield "embeddings are not scaled: give --normalize if they are to have length 1"
    reading = _reading(checkpoint)
    if reading is not None and reading.tokenizer.max_length is None:
        longest = checkpoint.config.max_length
        yield f"texts are cut at {longest} tokens, the most it has positions for: --max-seq-length cuts earlier"


def _reading(checkpoint: Checkpoint) -> TokenizerReading | None:
    """The tokenizer; None if there is none, or if it is not known whether it lower-cases."""
    try:
        return checkpoint.tokenizer_reading
    except UnknownCasingError:
        return None


def write_tokenizer_files(directory: Path, checkpoint: Checkpoint, target: Layout) -> None:
    """Writes the vocabulary, and what is known of the tokenizer and of embeddings.

    Raises:
      UsageError: for a target that states the casing, nothing says whether texts are lower-cased.
      DataError: a token is missing that KerasHub needs.
    """
    copy_sentence_files(directory, checkpoint.location, checkpoint.options, checkpoint.config.hidden_size)
    vocabulary = checkpoint.vocabulary
    files = read_files(checkpoint.location, None)
    tokenizer = _known(checkpoint, target)
    _write_length(directory, checkpoint, tokenizer)
    if target.naming == "keras":
        if vocabulary is not None and tokenizer is not None and not tokenizer.inexact:
            write_preset_tokenizer(directory, vocabulary, tokenizer)
            _write_configuration(directory, tokenizer, files, checkpoint)
        return
    is_kept = files.says_something and tokenizer is not None and bool(tokenizer.inexact)
    if vocabulary is not None and not is_kept:
        vocabulary.write(directory / USUAL_NAME)
        if vocabulary.added:
            (directory / ADDED).write_text(json.dumps(vocabulary.added, indent=2) + "\n")
    if is_kept or (files.says_something and tokenizer is None):
        keep_tokenizer(directory, checkpoint, files, tokenizer, target)
    if tokenizer is not None and not tokenizer.inexact:
        longest = checkpoint.config.max_length
        write_tokenizer(directory, tokenizer, files.keys, longest)
    elif tokenizer is not None and not files.says_something:
        _write_configuration(directory, tokenizer, files, checkpoint)
    if vocabulary is None and tokenizer is None and _awaits_word_pieces(checkpoint, target):
        _write_without_vocabulary(directory, checkpoint, files)


def _awaits_word_pieces(checkpoint: Checkpoint, target: Layout) -> bool:
    """Whether a folder of transformers without a vocabulary is completed by one of word pieces."""
    usual = OF_MODELS.get(checkpoint.config.architecture, "BertTokenizer")
    return target.naming == "safetensors" and usual in CLASSES


def _known(checkpoint: Checkpoint, target: Layout) -> Tokenizer | None:
    """The tokenizer as the target's readers name it; None if there is none, or if its casing is not needed."""
    try:
        reading = checkpoint.tokenizer_reading
    except UnknownCasingError:
        if target.naming in ("safetensors", "keras"):
            raise
        return None
    tokenizer = None if reading is None else reading.tokenizer
    if tokenizer is not None and tokenizer.tokenizer_class is None and target.naming == "safetensors":
        return replace(tokenizer, tokenizer_class="BertTokenizer")
    return tokenizer


def _write_length(directory: Path, checkpoint: Checkpoint, tokenizer: Tokenizer | None) -> None:
    """States the length at which texts are cut for sentence-transformers, which has a file of its own for it."""
    own = sentence_config(directory)
    if not (directory / MODULES).is_file() or (own and checkpoint.options.max_seq_length is None):
        return
    longest = checkpoint.config.max_length
    length = tokenizer.length(longest, padded=False) if tokenizer else longest
    values = {"do_lower_case": False, **(read_object(own) if own else {}), "max_seq_length": length}
    path = own or directory / SENTENCE_CONFIGS[0]
    path.write_text(json.dumps(values, indent=2) + "\n", encoding="utf-8")


def _write_configuration(
    directory: Path, tokenizer: Tokenizer, files: TokenizerFiles, checkpoint: Checkpoint
) -> None:
    values = configuration(tokenizer, files.keys, checkpoint.config.max_length)
    (directory / TOKENIZER_CONFIG).write_text(json.dumps(values, indent=2, ensure_ascii=False) + "\n", "utf-8")


def _write_without_vocabulary(directory: Path, checkpoint: Checkpoint, files: TokenizerFiles) -> None:
    """Writes what a vocabulary that is still missing will need."""
    if (directory / TOKENIZER_CONFIG).exists():
        return
    values = {
        "tokenizer_class": OF_MODELS.get(checkpoint.config.architecture, "BertTokenizer"),
        "model_max_length": checkpoint.config.max_length,
        **files.config,
    }
    if checkpoint.options.do_lower_case is not None:
        values["do_lower_case"] = checkpoint.options.do_lower_case
    (directory / TOKENIZER_CONFIG).write_text(json.dumps(values, indent=2, sort_keys=True) + "\n")
