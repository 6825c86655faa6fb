"""Reads the tokenizer of a checkpoint from all files that say something about it.

For a class that builds its tokenizer itself, `tokenizer_config.json` decides, as in transformers 5; for a generic
one `tokenizer.json` alone. What is stated by flags overrides both. docs/modules.md has the whole order.
"""

from dataclasses import dataclass, replace
from typing import Any

from bertferry.convert.locate import Location
from bertferry.convert.source_options import SourceOptions
from bertferry.convert.tokenizer import backend
from bertferry.convert.tokenizer.added import added_tokens, contradicted_names, special_names
from bertferry.convert.tokenizer.classes import (
    BERT,
    CLASSES,
    OF_MODELS,
    class_of,
    cut_otherwise,
    stated_class,
)
from bertferry.convert.tokenizer.contradictions import contradictions
from bertferry.convert.tokenizer.files import TokenizerFiles, read_files, typed
from bertferry.convert.tokenizer.frames import framed
from bertferry.convert.tokenizer.other_classes import UnknownCasingError, read_other
from bertferry.convert.vocabulary import TOKENIZER, TOKENIZER_CONFIG, Vocabulary
from bertferry.core.errors import UsageError
from bertferry.core.tokenizer import USUAL_NAMES, AddedToken, Tokenizer

NO_LIMIT = 10**6
"""transformers writes a larger number for a tokenizer without a maximum length."""


@dataclass(frozen=True)
class TokenizerReading:
    """A tokenizer, and lines about what the files say otherwise."""

    tokenizer: Tokenizer
    notes: tuple[str, ...] = ()


def read_tokenizer(
    location: Location,
    vocabulary: Vocabulary | None,
    options: SourceOptions,
    *,
    positions: int,
    types: int,
    architecture: str = "bert",
) -> TokenizerReading | None:
    """The tokenizer of a checkpoint; None if it has no vocabulary and none of its files says why.

    Args:
      location: of the checkpoint.
      vocabulary: its tokens.
      options: what the user states.
      positions, types: how many its encoder has.
      architecture: of the encoder.

    Raises:
      UsageError: a file is damaged, or nothing says whether texts are lower-cased.
      DataError: a file of a tokenizer that is not of word pieces is damaged.
    """
    if (length := options.max_seq_length) is not None and length > positions:
        raise UsageError(f"--max-seq-length {length}: the encoder has {positions} positions")
    files = read_files(location, vocabulary.path if vocabulary else None)
    name = class_of(files, architecture)
    kind = CLASSES.get(name or "", BERT)
    alone = name is not None and (name not in CLASSES or (kind.follows_backend and bool(files.backend)))
    unknown = backend.unknown_step if alone else backend.unknown_model
    reason = cut_otherwise(name, files) or (unknown(files.backend) if files.backend else "")
    tokens = () if vocabulary is None else tuple(vocabulary.tokens)
    if reason and (vocabulary is not None or files.says_something):
        lower = bool(files.stated("do_lower_case", bool))
        known = Tokenizer(tokens, lower, tokenizer_class=name, inexact=reason, **_cut(files, positions))
        return TokenizerReading(_stated(read_other(known, files, options), options))
    if vocabulary is None:
        return None
    sizes = {"positions": positions, "types": types}
    read, left_out = _read_pieces(files, vocabulary, options, name, alone=alone, **sizes)
    notes = (
        *_unnamed_class(files, name, architecture),
        *contradicted_names(files),
        *contradictions(read, files, alone=alone),
        *left_out,
    )
    return TokenizerReading(_stated(read, options), (*notes, *_overridden(read, options)))


def _read_pieces(
    files: TokenizerFiles,
    vocabulary: Vocabulary,
    options: SourceOptions,
    name: str | None,
    *,
    alone: bool,
    positions: int,
    types: int,
) -> tuple[Tokenizer, list[str]]:
    """A tokenizer of word pieces as the files say it, and a line about tokens that are left out."""
    kind, tokens = CLASSES.get(name or "", BERT), tuple(vocabulary.tokens)
    stated = _lower_cased_first(_from_backend(files) if alone else _from_config(files, kind.sets_cleaning), files)
    if options.do_lower_case is None and stated["lower_case"] is None:
        raise UnknownCasingError(
            f"{vocabulary.path}: nothing says whether texts are lower-cased",
            "give --do-lower-case or --no-do-lower-case",
        )
    special = special_names(files, {} if alone else kind.special)
    if alone:
        usual = {role: usual for role, usual in USUAL_NAMES.items() if usual in tokens}
        special = {**usual, **special, **backend.special_tokens(files.backend, special)}
    read = Tokenizer(
        tokens,
        pieces=vocabulary.own,
        **stated,
        special=special,
        tokenizer_class=name,
        **_cut(files, positions),
    )
    read, left_out = _add_tokens(read, added_tokens(files, name, kind, special, alone=alone))
    read = framed(read, files, kind.frame, types, has_types=_has_types(files, has_types=kind.has_types))
    reason = (alone and _without_unknown(read)) or _misnumbered(read, vocabulary) or read.inexact
    return replace(read, inexact=reason), left_out


def _unnamed_class(files: TokenizerFiles, name: str | None, architecture: str) -> list[str]:
    """A line about word pieces of an encoder whose usual tokenizer is another."""
    usual = OF_MODELS.get(architecture)
    if usual in (None, name) or stated_class(files) is not None:
        return []
    return [f"no file names the class of its tokenizer: took BertTokenizer; transformers would take {usual}"]


def _cut(files: TokenizerFiles, positions: int) -> dict[str, Any]:
    """The settings of every tokenizer: how inputs are cut and padded, and whether special tokens are found."""
    return {
        "split_special_tokens": files.stated("split_special_tokens", bool),
        "truncation_side": _side(files, "truncation"),
        "padding_side": _side(files, "padding"),
        "max_length": _longest(files, positions),
    }


def _from_config(files: TokenizerFiles, sets_cleaning: bool) -> dict[str, Any]:
    """The settings that a class takes from its configuration; the casing is None if nothing says it."""
    lower = files.stated("do_lower_case", bool)
    if "do_lower_case" not in files.config and files.of_transformers and files.says_something:
        lower = True
    if lower is None and files.backend:
        lower = backend.settings(files.backend, files.folder / TOKENIZER)["lower_case"]
    apart = files.stated("tokenize_chinese_chars", bool)
    cleaned = files.stated("clean_text", bool) if sets_cleaning else None
    return {
        "lower_case": lower,
        "strip_accents": files.stated("strip_accents", bool),
        "tokenize_chinese_chars": apart is not False,
        "clean_text": cleaned is not False,
    }


def _from_backend(files: TokenizerFiles) -> dict[str, Any]:
    return backend.settings(files.backend, files.folder / TOKENIZER)


def _lower_cased_first(settings: dict[str, Any], files: TokenizerFiles) -> dict[str, Any]:
    """The settings with what sentence-transformers 6 does: it lower-cases in the first step of a cased tokenizer.

    Accents stay. Earlier versions do the same by Python's `str.lower`, before tokens are found.
    """
    if not typed(files.sentence, "do_lower_case", bool, files.sentence_path) or settings["lower_case"]:
        return settings
    return {**settings, "lower_case": True, "strip_accents": bool(settings["strip_accents"])}


def _side(files: TokenizerFiles, what: str) -> Any:  # noqa: ANN401 - a literal
    """The side of `truncation` or `padding`: of the configuration, else of `tokenizer.json`."""
    stated = files.stated(f"{what}_side", str)
    inside = files.backend.get(what)
    if stated is None and isinstance(inside, dict):
        stated = str(inside.get("direction", "right")).lower()
    if stated not in (None, "left", "right"):
        raise UsageError(f"{files.folder / TOKENIZER_CONFIG}: {what}_side is {stated!r}: expected left or right")
    return stated or "right"


def _longest(files: TokenizerFiles, positions: int) -> int | None:
    """The length that the files state, at most the position table's; None if they state none.

    That of sentence-transformers replaces the tokenizer's, even a lesser one.
    """
    own = files.config.get("model_max_length", files.config.get("max_len"))
    if own is not None and (isinstance(own, bool) or not isinstance(own, int | float) or own < 1):
        raise UsageError(f"{files.folder / TOKENIZER_CONFIG}: model_max_length is {own!r}: expected a length")
    stated = typed(files.sentence, "max_seq_length", int, files.sentence_path)
    if stated is None and own is not None and own < NO_LIMIT:
        stated = int(own)
    return None if stated is None else min(stated, positions)


def _has_types(files: TokenizerFiles, *, has_types: bool) -> bool:
    inputs = files.stated("model_input_names", list)
    return has_types if inputs is None else "token_type_ids" in inputs


def _add_tokens(read: Tokenizer, declared: list[AddedToken]) -> tuple[Tokenizer, list[str]]:
    """The tokenizer with the declared tokens that have a row, and a line about those that have none."""
    numbers = {token: number for number, token in enumerate(read.tokens)}
    kept = [replace(token, id=numbers[token.content]) for token in declared if token.content in numbers]
    missing = [token.content for token in declared if token.content not in numbers]
    named = [name for name in missing if name not in read.special.values()]
    lines = [f"special tokens without a row in the vocabulary are not found in texts: {', '.join(named)}"]
    return replace(read, added=tuple(kept)), lines if named else []


def _without_unknown(read: Tokenizer) -> str:
    """That nothing stands for an unknown word, '' if a token does."""
    return "" if read.special.get("unk") in read.tokens else f"its vocabulary has no {read.special.get('unk')}"


def _misnumbered(read: Tokenizer, vocabulary: Vocabulary) -> str:
    """A token whose id in the files is not the one that transformers gives it, '' if there is none.

    `tokenizers` numbers those that are not word pieces after them, in the order in which they are added.
    """
    own = vocabulary.tokens[: vocabulary.own]
    following = len(set(own))
    for token in read.added if read.tokenizer_class else ():
        if token.content in own:
            continue
        if token.id != following:
            return f"the added token {token.content} has the id {token.id}, but transformers gives it {following}"
        following += 1
    return ""


def _stated(read: Tokenizer, options: SourceOptions) -> Tokenizer:
    """The tokenizer with what the user states."""
    given: dict[str, Any] = {
        "lower_case": options.do_lower_case,
        "strip_accents": options.strip_accents,
        "tokenize_chinese_chars": options.tokenize_chinese_chars,
        "split_special_tokens": None if options.special_tokens is None else options.special_tokens == "split",
        "max_length": options.max_seq_length,
    }
    return replace(read, **{key: value for key, value in given.items() if value is not None})


def _overridden(read: Tokenizer, options: SourceOptions) -> list[str]:
    """Lines about settings of the files that the user overrides."""
    changed = _stated(read, options)
    lines = []
    for key, name in (
        ("lower_case", "do_lower_case"),
        ("strips_accents", "strip_accents"),
        ("tokenize_chinese_chars", "tokenize_chinese_chars"),
    ):
        own, given = getattr(read, key), getattr(changed, key)
        if own is not None and own != given:
            lines.append(f"{name} is {str(given).lower()} as stated by a flag; the files say {str(own).lower()}")
    return lines
