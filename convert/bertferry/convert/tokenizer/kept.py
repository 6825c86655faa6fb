"""Keeps the files of a tokenizer that is not of word pieces, and states what they leave open."""

from pathlib import Path
from typing import Any

from bertferry.convert.checkpoint import Checkpoint
from bertferry.convert.layout import Layout
from bertferry.convert.tokenizer.classes import OF_MODELS
from bertferry.convert.tokenizer.files import TokenizerFiles
from bertferry.convert.tokenizer.other_classes import OF_CASING
from bertferry.convert.tokenizer.subwords import SUBWORDS
from bertferry.convert.tokenizer.writer import copy_tokenizer, write_json
from bertferry.convert.vocabulary import TOKENIZER, TOKENIZER_CONFIG
from bertferry.core.tokenizer import Tokenizer


def keep_tokenizer(
    directory: Path,
    checkpoint: Checkpoint,
    files: TokenizerFiles,
    tokenizer: Tokenizer | None,
    target: Layout | None = None,
) -> None:
    """Copies the files bit for bit, but for settings that the user states or that the target's files would lose.

    A folder of transformers gets the `tokenizer.json` that other clients require, unless the texts of an embedding
    are lower-cased before: transformers would then lower-case those of every other use as well.
    `tokenizer` is None if nothing says whether it lower-cases, `target` if the files are for a module.
    """
    own = SUBWORDS.get(tokenizer.tokenizer_class or "") if tokenizer else None
    copy_tokenizer(directory, files, own.model_name if own else None)
    if tokenizer is None:
        return
    is_folder = target is not None and target.naming == "safetensors"
    keeps_model = is_folder and target is not None and target.architecture == checkpoint.config.switches.tables
    if settings := _settings(checkpoint, files, tokenizer, keeps_model=keeps_model):
        write_json(directory / TOKENIZER_CONFIG, {**files.keys, **settings})
    lacks_backend = is_folder and not files.backend and not files.sentence.get("do_lower_case")
    if tokenizer.backend is not None and (lacks_backend or set(OF_CASING) & set(checkpoint.options.about_texts)):
        write_json(directory / TOKENIZER, tokenizer.backend)


def _settings(
    checkpoint: Checkpoint, files: TokenizerFiles, tokenizer: Tokenizer, *, keeps_model: bool
) -> dict[str, Any]:
    """What `tokenizer_config.json` has to state besides, unless transformers takes the same for the model."""
    name, options = tokenizer.tokenizer_class, checkpoint.options
    usual = OF_MODELS.get(checkpoint.config.architecture) if keeps_model else None
    is_implied = name == usual and "tokenizer_class" not in files.encoder
    values: dict[str, Any] = {}
    if "tokenizer_class" not in files.config and not (files.has_config and is_implied):
        values["tokenizer_class"] = name
    if not files.has_config or options.max_seq_length is not None:
        values["model_max_length"] = tokenizer.max_length or checkpoint.config.max_length
    if options.special_tokens is not None:
        values["split_special_tokens"] = tokenizer.split_special_tokens
    if (own := SUBWORDS.get(name or "")) and own.sets_casing:
        casing = {"do_lower_case": tokenizer.lower_case, "keep_accents": not tokenizer.strips_accents}
        is_stated = "do_lower_case" in files.config or (keeps_model and files.has_config)
        if not is_stated or set(OF_CASING) & set(options.about_texts):
            values |= {"remove_space": True, **casing}
    return values
