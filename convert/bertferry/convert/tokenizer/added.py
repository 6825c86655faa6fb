"""The tokens that transformers finds in texts, in the order in which it adds them to its tokenizer.

From `PreTrainedTokenizerBase._from_pretrained` and `TokenizersBackend.__init__` of transformers 5.24.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from bertferry.convert.tokenizer.classes import TokenizerClass
from bertferry.convert.tokenizer.files import SPECIAL_TOKENS_MAP, TokenizerFiles
from bertferry.convert.vocabulary import ADDED, NAMED, TOKENIZER, TOKENIZER_CONFIG, extra_tokens
from bertferry.core.errors import UsageError
from bertferry.core.tokenizer import ROLES, AddedToken

DECODER = "added_tokens_decoder"
FLAGS = ("lstrip", "rstrip", "single_word", "normalized", "special")


def special_names(files: TokenizerFiles, usual: Mapping[str, str]) -> dict[str, str]:
    """Names of the special tokens by role: those of the files, else the usual ones of the class.

    A role that the configuration sets to null has none.
    """
    usual = {role: name for role, name in usual.items() if files.config.get(f"{role}_token", name) is not None}
    stated = {role: _content(value) for role, value in _named(files).items() if value is not None}
    return {role: name for role, name in {**usual, **stated}.items() if role in ROLES and name}


def contradicted_names(files: TokenizerFiles) -> Iterator[str]:
    """Lines about special tokens that have another name in each of two files."""
    if not files.special:
        return
    has_decoder = DECODER in files.config
    for role in NAMED:
        ours, theirs = (values.get(f"{role}_token") for values in (files.config, files.special))
        if ours and theirs and _content(ours) != _content(theirs):
            winner = TOKENIZER_CONFIG if has_decoder else SPECIAL_TOKENS_MAP
            yield (
                f"{TOKENIZER_CONFIG} has {role}_token {_content(ours)}, {SPECIAL_TOKENS_MAP} {_content(theirs)}: "
                f"took that of {winner}, as transformers does"
            )


def added_tokens(
    files: TokenizerFiles, name: str | None, kind: TokenizerClass, special: Mapping[str, str], *, alone: bool
) -> list[AddedToken]:
    """The tokens that the files declare, each as it is found in texts, with the ids that they state (-1: none).

    Args:
      files: the files.
      name: the class; None if no class of transformers is meant: google-research/bert finds no token.
      kind: its defaults.
      special: names of the special tokens by role.
      alone: `tokenizer.json` alone decides.
    """
    found: dict[str, AddedToken] = {}
    named = _named(files)
    names = {_content(value) for value in named.values() if value is not None} | set(special.values())
    for token in _declared(files, names, alone=alone):
        found[token.content] = replace(token, special=token.special or token.content in names)
    declared = set(found)
    for role in NAMED:
        value = named.get(role) or special.get(role)
        if not value or _content(value) in declared:
            continue
        token = _token(value, special=True)
        takes_blank = role == "mask" and kind.mask_takes_blank and isinstance(value, str)
        found[token.content] = replace(token, special=True, lstrip=token.lstrip or takes_blank)
    for token in _extra(files):
        found.setdefault(token.content, token)
    found.pop("", None)
    tokens = [replace(token, special=token.special or name is None) for token in found.values()]
    return sorted(tokens, key=lambda token: (token.id < 0, token.id))  # as they are added: stated ones first


def _declared(files: TokenizerFiles, names: set[str], *, alone: bool) -> Iterator[AddedToken]:
    """The tokens with ids of their own; of two with the same content the later counts.

    Those of `tokenizer.json` count if it decides alone, or if no decoder does.
    """
    inside = [_numbered(_token(value), value.get("id")) for value in _listed(files.backend, TOKENIZER)]
    if alone:
        yield from inside
    if DECODER in files.config:
        decoder = files.stated(DECODER, dict) or {}
        for number in sorted(decoder, key=lambda key: int(key) if str(key).isdecimal() else -1):
            yield _numbered(_token(decoder[number]), int(number) if str(number).isdecimal() else None)
        return
    special = names | {token.content for token in _extra(files)}
    taken = {value.get("id") for value in _listed(files.backend, TOKENIZER) if isinstance(value, dict)}
    for content, number in files.added.items():
        if number not in taken:
            token = AddedToken(content, -1, normalized=content not in special, special=content in special)
            yield _numbered(token, number)
    yield from inside


def stated_names(files: TokenizerFiles) -> dict[str, str]:
    """Names of special tokens that the files state, by role, those of the beginning and the end among them."""
    return {role: _content(value) for role, value in _named(files).items()}


def _numbered(token: AddedToken, number: object) -> AddedToken:
    return replace(token, id=number) if type(number) is int else token


def _named(files: TokenizerFiles) -> dict[str, Any]:
    """Values of the special tokens with a name; those of special_tokens_map.json count if no decoder does."""
    maps = (files.config,) if DECODER in files.config else (files.config, files.special)
    return {
        role: values[key]
        for values in maps
        for role in NAMED
        if isinstance(values.get(key := f"{role}_token"), str | dict)
    }


def _extra(files: TokenizerFiles) -> list[AddedToken]:
    """Further special tokens, listed or with names of their own."""
    maps = (files.config,) if DECODER in files.config else (files.config, files.special)
    values = [value for one in maps for value in extra_tokens(one)]
    return [replace(_token(value, special=True), special=True) for value in values]


def _listed(backend: Mapping[str, Any], name: str) -> list[Any]:
    listed = backend.get("added_tokens") or []
    if not isinstance(listed, list):
        raise UsageError(f"{name}: added_tokens is {listed!r:.60}: expected a list")
    return listed


def _token(value: object, *, special: bool = False) -> AddedToken:
    """A token as text, or as an object with its flags; one that is not special is normalized unless it says."""
    if isinstance(value, str):
        return AddedToken(value, -1, normalized=not special, special=special)
    content = _content(value)
    flags = {key: value[key] for key in FLAGS if key in value} if isinstance(value, dict) else {}
    if not all(isinstance(flag, bool) for flag in flags.values()):
        raise UsageError(f"added token {content!r}: its flags are {flags}: expected true or false")
    is_special = flags.setdefault("special", special)
    flags.setdefault("normalized", not is_special)
    return AddedToken(content, -1, **flags)


def _content(value: object) -> str:
    content = value.get("content") if isinstance(value, dict) else value
    if not isinstance(content, str):
        raise UsageError(f"{TOKENIZER_CONFIG}, {TOKENIZER} or {ADDED}: {content!r:.60} is no token")
    return content
