"""Writes a tokenizer as transformers does: its configuration, `tokenizer.json` and `special_tokens_map.json`."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from shutil import copyfile
from typing import Any

from bertferry.convert.tokenizer.files import SPECIAL_TOKENS_MAP, TokenizerFiles
from bertferry.convert.vocabulary import ADDED, TOKENIZER, TOKENIZER_CONFIG, USUAL_NAME
from bertferry.core.tokenizer import AddedToken, FramePart, Tokenizer

FILES = (TOKENIZER_CONFIG, TOKENIZER, SPECIAL_TOKENS_MAP)
REPLACED = ("added_tokens_decoder", "additional_special_tokens", "extra_special_tokens", "split_special_tokens")
"""Keys of a source's configuration that are written anew."""


def write_tokenizer(directory: Path, tokenizer: Tokenizer, source: Mapping[str, Any], longest: int) -> None:
    """Writes the three files, from which the same tokenizer is read.

    Args:
      directory: where to write.
      tokenizer: one that is exact.
      source: further keys for `tokenizer_config.json`, those of the source's.
      longest: the length to state if the tokenizer states none.
    """
    write_json(directory / TOKENIZER_CONFIG, configuration(tokenizer, source, longest))
    write_json(directory / TOKENIZER, backend_json(tokenizer))
    write_json(directory / SPECIAL_TOKENS_MAP, _special_map(tokenizer))


def copy_tokenizer(directory: Path, files: TokenizerFiles, model_name: str | None = None) -> list[Path]:
    """Copies the files of a tokenizer that is not of word pieces as they are; returns those that are there now.

    Its model of SentencePiece is given a name, by default its own.
    """
    sources = {name: files.folder / name for name in (*FILES, ADDED, USUAL_NAME, *files.pieces)}
    if files.model is not None:
        sources[model_name or files.model.name] = files.model
    present = {directory / name: source for name, source in sources.items() if source.is_file()}
    for target, source in present.items():
        if not target.exists():
            copyfile(source, target)
    return list(present)


def configuration(tokenizer: Tokenizer, source: Mapping[str, Any], longest: int) -> dict[str, Any]:
    """The keys of a `tokenizer_config.json`; that of google-research/bert's tokenizer names no class."""
    kept = {key: value for key, value in source.items() if key not in REPLACED}
    values = {
        "model_max_length": longest,
        **kept,
        "do_lower_case": tokenizer.lower_case,
        "tokenize_chinese_chars": tokenizer.tokenize_chinese_chars,
        **_special_map(tokenizer),
        "added_tokens_decoder": {str(token.id): _flags(token) for token in _by_id(tokenizer.added)},
    }
    if tokenizer.max_length is not None:
        values["model_max_length"] = tokenizer.max_length
    optional = {
        "strip_accents": tokenizer.strip_accents,
        "tokenizer_class": tokenizer.tokenizer_class,
        "split_special_tokens": tokenizer.split_special_tokens,
        "clean_text": None if tokenizer.clean_text else False,
        "truncation_side": None if tokenizer.truncation_side == "right" else "left",
        "padding_side": None if tokenizer.padding_side == "right" else "left",
    }
    return values | {key: value for key, value in optional.items() if value is not None}


def backend_json(tokenizer: Tokenizer) -> dict[str, Any]:
    """The keys of a `tokenizer.json`, with which `tokenizers` gives the same ids."""
    pieces = tokenizer.tokens[: tokenizer.pieces]
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": listed(tokenizer.added),
        "normalizer": {
            "type": "BertNormalizer",
            "clean_text": tokenizer.clean_text,
            "handle_chinese_chars": tokenizer.tokenize_chinese_chars,
            "strip_accents": tokenizer.strip_accents,
            "lowercase": tokenizer.lower_case,
        },
        "pre_tokenizer": {"type": "BertPreTokenizer"},
        "post_processor": {
            "type": "TemplateProcessing",
            "single": [_part(tokenizer, part) for part in tokenizer.single],
            "pair": [_part(tokenizer, part) for part in tokenizer.pair],
            "special_tokens": _named_ids(tokenizer),
        },
        "decoder": {"type": "WordPiece", "prefix": tokenizer.subword_prefix, "cleanup": True},
        "model": {
            "type": "WordPiece",
            "unk_token": tokenizer.special.get("unk", "[UNK]"),
            "continuing_subword_prefix": tokenizer.subword_prefix,
            "max_input_chars_per_word": tokenizer.max_word_length,
            "vocab": {token: number for number, token in enumerate(pieces)},
        },
    }


def listed(added: Iterable[AddedToken]) -> list[dict[str, Any]]:
    """Added tokens as a `tokenizer.json` lists them."""
    return [{"id": token.id, **_flags(token)} for token in _by_id(added)]


def _special_map(tokenizer: Tokenizer) -> dict[str, Any]:
    named = {f"{role}_token": name for role, name in tokenizer.special.items()}
    more = [
        token.content
        for token in tokenizer.added
        if token.special and token.content not in tokenizer.special.values()
    ]
    return {**named, **({"additional_special_tokens": more} if more else {})}


def _flags(token: AddedToken) -> dict[str, Any]:
    return {key: value for key, value in asdict(token).items() if key != "id"}


def _by_id(tokens: Iterable[AddedToken]) -> list[AddedToken]:
    return sorted(tokens, key=lambda token: token.id)


def _part(tokenizer: Tokenizer, part: FramePart) -> dict[str, Any]:
    if part.segment is not None:
        return {"Sequence": {"id": "AB"[part.segment], "type_id": part.type_id}}
    return {"SpecialToken": {"id": _name(tokenizer, part.ids), "type_id": part.type_id}}


def _named_ids(tokenizer: Tokenizer) -> dict[str, Any]:
    """What the names in the template stand for."""
    parts = [part.ids for part in (*tokenizer.single, *tokenizer.pair) if part.segment is None]
    return {
        _name(tokenizer, ids): {
            "id": _name(tokenizer, ids),
            "ids": list(ids),
            "tokens": [tokenizer.tokens[number] for number in ids],
        }
        for ids in dict.fromkeys(parts)
    }


def _name(tokenizer: Tokenizer, ids: tuple[int, ...]) -> str:
    return " ".join(tokenizer.tokens[number] for number in ids)


def write_json(path: Path, values: Mapping[str, Any]) -> None:
    """Writes a file of a tokenizer."""
    # A vocabulary without indentation takes two thirds of the space and half of the time.
    style: dict[str, Any] = {"separators": (",", ":")} if path.name == TOKENIZER else {"indent": 2}
    path.write_text(json.dumps(values, ensure_ascii=False, **style) + "\n", encoding="utf-8")
