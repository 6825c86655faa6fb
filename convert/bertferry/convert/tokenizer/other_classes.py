"""Tokenizers that are not of word pieces alone: read so far that the package `tokenizers` gives their ids."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from bertferry.convert.source_options import SourceOptions
from bertferry.convert.tokenizer import backend
from bertferry.convert.tokenizer.added import added_tokens, special_names, stated_names
from bertferry.convert.tokenizer.classes import BERT, TokenizerClass, is_generic
from bertferry.convert.tokenizer.files import BYTE_LEVEL, TokenizerFiles, typed
from bertferry.convert.tokenizer.sentencepiece import read_model
from bertferry.convert.tokenizer.subwords import SUBWORDS, Casing
from bertferry.convert.tokenizer.writer import listed
from bertferry.convert.vocabulary import TOKENIZER_CONFIG, placeholder
from bertferry.core.errors import UsageError
from bertferry.core.tokenizer import AddedToken, Tokenizer

ALWAYS = ("--max-seq-length",)
"""Flags that apply to every tokenizer."""
OF_CASING = ("--do-lower-case", "--strip-accents")
SAME = {"bos": "cls", "eos": "sep"}
"""Special tokens that a frame takes for others."""


class UnknownCasingError(UsageError):
    """Nothing says whether texts are lower-cased."""


def read_other(read: Tokenizer, files: TokenizerFiles, options: SourceOptions) -> Tokenizer:
    """What is known of a tokenizer whose class or files are not of word pieces alone.

    Args:
      read: what is known of any tokenizer.
      files: its files.
      options: what the user states.

    Raises:
      UsageError: a flag that does not apply to it, or nothing says whether texts are lower-cased.
      DataError: a damaged file.
    """
    name = read.tokenizer_class
    own = SUBWORDS.get(name or "")
    flags = [*ALWAYS, *(["--special-tokens"] if own or is_generic(name) else [])]
    flags += OF_CASING if own and own.sets_casing else []
    if ignored := [flag for flag in options.about_texts if flag not in flags]:
        raise UsageError(
            f"{files.folder}: {name} has no setting for {', '.join(ignored)}: leave out what has no use"
        )
    if own is not None and has_vocabulary(files):
        read = _cased(read, files, options) if own.sets_casing else replace(read, strip_accents=False)
        special = special_names(files, own.special)
        if reason := _unlike_transformers(files, special):
            return replace(read, inexact=f"{read.inexact}, and {reason}")
        built = own.build(files, special, Casing(read.lower_case, read.strips_accents))
        return _with_backend(read, built, files, special, TokenizerClass(own.special), alone=False)
    if is_generic(name) and files.backend and not files.config.get("auto_map"):
        special = special_names(files, {})
        special = {**special, **backend.special_tokens(files.backend, special)}
        return _with_backend(read, files.backend, files, special, BERT, alone=True)
    return read


def has_vocabulary(files: TokenizerFiles) -> bool:
    """Whether a tokenizer that is not of word pieces has the pieces that it needs."""
    return bool(files.backend or files.model or set(BYTE_LEVEL) <= set(files.pieces))


def _cased(read: Tokenizer, files: TokenizerFiles, options: SourceOptions) -> Tokenizer:
    """The tokenizer with its casing, and whether it strips accents, which does not follow from that."""
    lower = files.stated("do_lower_case", bool) if options.do_lower_case is None else options.do_lower_case
    if lower is None and not files.of_transformers:
        raise UnknownCasingError(
            f"{files.folder}: nothing says whether texts are lower-cased",
            "give --do-lower-case or --no-do-lower-case",
        )
    strips = files.stated("keep_accents", bool) is not True
    if options.strip_accents is not None:
        strips = options.strip_accents
    return replace(read, lower_case=lower is not False, strip_accents=strips)


def _unlike_transformers(files: TokenizerFiles, special: Mapping[str, str]) -> str:
    """Why its tokenizer in transformers is not known here, '' if it is."""
    missing = [f"{role}_token" for role in ("cls", "sep", "pad", "unk", "mask") if role not in special]
    if missing:
        return f"{TOKENIZER_CONFIG} has no {missing[0]}"
    stated = stated_names(files)
    for role, other in SAME.items():
        if role in stated and stated[role] != special[other]:
            return f"its {role}_token is {stated[role]}, its {other}_token {special[other]}"
    added = [key for key in ("add_bos_token", "add_eos_token") if key in files.config and not files.backend]
    return f"{TOKENIZER_CONFIG} has {added[0]}" if added else ""


def _with_backend(
    read: Tokenizer,
    built: Mapping[str, Any],
    files: TokenizerFiles,
    special: Mapping[str, str],
    kind: TokenizerClass,
    *,
    alone: bool,
) -> Tokenizer:
    """The tokenizer with what the package `tokenizers` reads, and with its tokens and frames."""
    vocabulary = _numbered(built)
    declared = added_tokens(files, read.tokenizer_class, kind, special, alone=alone)
    added, reason = _number(_with_pieces_of_model(declared, files), vocabulary)
    required = () if alone else ("cls", "sep", "pad")
    if missing := [special[role] for role in required if special[role] not in vocabulary]:
        reason = f"its vocabulary has no {missing[0]}"
    if reason:
        return replace(read, inexact=f"{read.inexact}, and {reason}")
    numbers = {**vocabulary, **{token.content: token.id for token in added}}
    by_id = {number: token for token, number in numbers.items()}
    steps = {**built, "normalizer": _lower_cased_first(built.get("normalizer"), files)}
    steps |= {"version": "1.0", "truncation": None, "padding": None, "added_tokens": listed(added)}
    single, pair = backend.frames(built) or ((), ())
    return replace(
        read,
        tokens=tuple(by_id.get(number, placeholder(number)) for number in range(max(by_id, default=-1) + 1)),
        pieces=None,
        special=special,
        added=tuple(added),
        single=single,
        pair=pair,
        backend=steps,
    )


def _numbered(built: Mapping[str, Any]) -> dict[str, int]:
    """The pieces of a model with their ids."""
    vocabulary = built["model"].get("vocab") or {}
    if isinstance(vocabulary, list):
        return {piece: number for number, (piece, _) in enumerate(vocabulary)}
    return dict(vocabulary)


def _with_pieces_of_model(declared: list[AddedToken], files: TokenizerFiles) -> list[AddedToken]:
    """The added tokens, with the pieces that a model of SentencePiece finds in texts, unless others are stated."""
    if files.backend or files.model is None or "extra_special_tokens" in files.config:
        return declared
    if files.config.get("additional_special_tokens"):
        return declared
    known = {token.content for token in declared}
    return [*declared, *(token for token in read_model(files.model).found if token.content not in known)]


def _number(declared: Iterable[AddedToken], vocabulary: Mapping[str, int]) -> tuple[list[AddedToken], str]:
    """The added tokens with their ids, those that are no pieces after these; why they are not right, or ''."""
    following = len(vocabulary)
    added = []
    for token in declared:
        if token.content in vocabulary:
            number = vocabulary[token.content]
        else:
            number, following = following, following + 1
        if token.id not in (-1, number) and token.content not in vocabulary:
            return [], f"the added token {token.content} has the id {token.id}, but transformers gives it {number}"
        added.append(replace(token, id=number))
    return added, ""


def _lower_cased_first(normalizer: Any, files: TokenizerFiles) -> Any:  # noqa: ANN401 - a step in JSON
    """The normalizer with what sentence-transformers 6 puts before it if its own file says so."""
    steps = normalizer.get("normalizers", []) if (normalizer or {}).get("type") == "Sequence" else [normalizer]
    own = [step for step in steps if step]
    asked = typed(files.sentence, "do_lower_case", bool, files.sentence_path)
    if not asked or any(step.get("type") == "Lowercase" for step in own):
        return normalizer
    return {"type": "Sequence", "normalizers": [{"type": "Lowercase"}, *own]}
