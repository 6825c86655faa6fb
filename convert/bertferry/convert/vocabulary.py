"""The vocabulary of a checkpoint: word pieces in the order of their ids, and tokens that were added to them.

It is a `vocab.txt` with one token per line, which may lack the tokens that were added in training
(`added_tokens.json`, `added_tokens_decoder` of `tokenizer_config.json`), or the model of a `tokenizer.json`
(https://huggingface.co/docs/tokenizers), which is all that transformers 5 saves.
"""

import json
from collections import Counter
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

from bertferry.convert.prefixes import OF_A_MAC
from bertferry.core.errors import DataError, UsageError
from bertferry.core.temporary import TemporaryFolder

USUAL_NAME = "vocab.txt"
TOKENIZER = "tokenizer.json"
ADDED = "added_tokens.json"
TOKENIZER_CONFIG = "tokenizer_config.json"
NAMED = ("bos", "eos", "unk", "sep", "pad", "cls", "mask")
"""The special tokens that transformers knows by name, in its order."""
NAMED_IN_NOTES = 3


def find_vocabulary(folder: Path) -> tuple[Path | None, tuple[str, ...]]:
    """The file with the vocabulary in a folder, and that it was chosen, if its name is unusual."""
    if (folder / USUAL_NAME).is_file():
        return folder / USUAL_NAME, ()
    others = [path for path in folder.glob("*vocab*.txt") if not path.name.startswith(OF_A_MAC)]
    if len(others) == 1:
        return others[0], (f"took the vocabulary {others[0].name}",)
    tokenizer = folder / TOKENIZER
    if others or not tokenizer.is_file() or _word_pieces(tokenizer) is None:
        return None, ()
    return tokenizer, (f"took the vocabulary of {TOKENIZER}",)


class Vocabulary:
    """Tokens by id. The first `own` are word pieces; `added` were added to these, under these ids; `notes` say
    what is unusual."""

    def __init__(
        self, path: Path, tokens: list[str], own: int, added: Mapping[str, int], notes: tuple[str, ...]
    ) -> None:
        self.path = path
        self.tokens = tokens
        self.own = own
        self.added = added
        self.notes = notes

    def write(self, path: Path) -> None:
        """Writes a `vocab.txt`: the same bytes, if they are one."""
        content = "".join(f"{token}\n" for token in self.tokens).encode()
        own = self.path.read_bytes()
        path.write_bytes(own if own == content.removesuffix(b"\n") else content)

    @cached_property
    def file(self) -> Path:
        """A `vocab.txt` for readers that allow no token twice: the vocabulary's own file, if it is one."""
        content = "".join(f"{token}\n" for token in without_repetitions(self.tokens)).encode()
        if self.path.read_bytes() in (content, content.removesuffix(b"\n")):
            return self.path
        self._folder = TemporaryFolder()
        copy = self._folder.path / USUAL_NAME
        copy.write_bytes(content)
        return copy


def without_repetitions(tokens: list[str]) -> list[str]:
    """The tokens, with a placeholder for each that comes again.

    Of equal tokens, the last counts, as in transformers and in google-research/bert.
    """
    last = {token: number for number, token in enumerate(tokens)}
    return [token if last[token] == number else placeholder(number) for number, token in enumerate(tokens)]


def placeholder(row: int) -> str:
    """Stands for a row of the token embedding table without a token: it has a space, as no token of a text."""
    return f"[row {row}]"


def read_vocabulary(path: Path, rows: int) -> Vocabulary:
    """The vocabulary in a `vocab.txt` or a `tokenizer.json`, and the tokens that files beside it add.

    Args:
      path: the file.
      rows: of the token embedding table.

    Raises:
      UsageError: not readable, or a tokenizer without word pieces.
      DataError: no tokens, or more than rows.
    """
    tokens, notes = _read_tokenizer(path) if path.name == TOKENIZER else _read_lines(path)
    if path.name != TOKENIZER and (pieces := _other_pieces(path, tokens)):
        tokens, why = pieces
        notes += why
    if not tokens:
        raise DataError(f"{path}: a vocabulary without tokens")
    own, beside = len(tokens), _added_beside(path, tokens, rows)
    beyond = {number: token for token, number in beside.items() if number >= len(tokens)}
    count = max([len(tokens) - 1, *beyond]) + 1
    if count > rows:
        raise DataError(f"{path}: {count} tokens, but the token embedding table has {rows} rows (vocab_size)")
    tokens += [beyond.get(number, placeholder(number)) for number in range(len(tokens), count)]
    in_own_file = read_object(path.parent / ADDED) if (path.parent / ADDED).is_file() else {}
    added = {
        token: n for token, n in beside.items() if n in beyond or (token in in_own_file and tokens[n] == token)
    }
    if added:
        shown = _some(list(added))
        notes.append(
            f"the vocabulary has added tokens, which google-research/bert does not find in texts: {shown}"
        )
    if len(tokens) < rows:
        notes.append(f"the vocabulary has {len(tokens)} tokens for {rows} rows: the others have none")
    if doubled := [token for token, count in Counter(tokens).items() if count > 1]:
        notes.append(f"the vocabulary has {len(doubled)} tokens twice ({_some(doubled)}): the last counts")
    return Vocabulary(path, tokens, own, added, tuple(notes))


def _read_lines(path: Path) -> tuple[list[str], list[str]]:
    """The lines of a `vocab.txt`, without a byte order mark, blanks after tokens and blank lines at the end.

    As in `tokenizers`, which takes the blanks off; a token of blanks alone stays, and is found in no text.
    """
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: not a readable vocabulary: {error}") from error
    lines = [line.removesuffix("\r") for line in text.removesuffix("\n").split("\n")]
    tokens = [line.rstrip() or line for line in lines]
    blank = next((n for n, token in enumerate(reversed(tokens)) if token), len(tokens))
    notes = [f"left out the blank lines at the end of {path.name}: {blank}"] if blank else []
    if changed := [token for token, line in zip(tokens, lines, strict=True) if token != line]:
        notes.append(
            f"left out the blanks after {len(changed)} tokens of {path.name} ({_some(changed)}), as transformers "
            "5 does; transformers 4 finds no such token in texts"
        )
    return tokens[: len(tokens) - blank], notes


def _read_tokenizer(path: Path) -> tuple[list[str], list[str]]:
    """The word pieces of a `tokenizer.json`."""
    pieces = _word_pieces(path)
    if pieces is None:
        raise UsageError(f"{path}: its tokenizer has no word pieces of BERT")
    by_id = {number: token for token, number in pieces.items() if isinstance(number, int)}
    if len(by_id) != len(pieces) or (by_id and not 0 <= min(by_id) <= max(by_id) < 2 * len(by_id) + 1):
        raise DataError(f"{path}: its vocabulary does not number its tokens")
    return [by_id.get(number, placeholder(number)) for number in range(max(by_id, default=-1) + 1)], []


def _word_pieces(path: Path) -> dict[str, Any] | None:
    model = read_object(path).get("model")
    if not isinstance(model, dict) or model.get("type", "WordPiece") != "WordPiece":
        return None
    pieces = model.get("vocab")
    return pieces if isinstance(pieces, dict) else None


def _other_pieces(path: Path, tokens: list[str]) -> tuple[list[str], list[str]] | None:
    """The word pieces of a `tokenizer.json` beside a `vocab.txt`, if they are others, and what is said then.

    They may be fewer: a `vocab.txt` written here has the added tokens, too.
    """
    beside = path.parent / TOKENIZER
    pieces = _word_pieces(beside) if beside.is_file() else None
    last = {token: number for number, token in enumerate(tokens) if token}
    if pieces is None or {token: number for token, number in pieces.items() if token} == last:
        return None
    theirs = _read_tokenizer(beside)[0]
    added = [token.get("content") for token in _listed_in_backend(beside)]
    if without_repetitions(tokens)[: len(theirs)] == theirs and set(tokens[len(theirs) :]) <= set(added):
        return theirs, []
    number = next((n for n, (a, b) in enumerate(zip(tokens, theirs, strict=False)) if a != b), len(theirs))
    return theirs, [
        f"{path.name} and {TOKENIZER} have different tokens from id {number} on: took those of {TOKENIZER}, "
        "as transformers does"
    ]


def _listed_in_backend(path: Path) -> list[dict[str, Any]]:
    """The added tokens of a `tokenizer.json`.

    Raises:
      UsageError: not a list.
    """
    listed = read_object(path).get("added_tokens") or []
    if not isinstance(listed, list):
        raise UsageError(f"{path}: added_tokens is {listed!r:.60}: expected a list")
    return [token for token in listed if isinstance(token, dict)]


def extra_tokens(values: Mapping[str, Any]) -> list[Any]:
    """The further special tokens that a file of transformers states, as texts or as objects with their flags.

    They are in a list, in an object, or have a key of their own, such as `entity_token`.
    """
    listed = values.get("extra_special_tokens") or values.get("additional_special_tokens") or []
    named = values.get("model_specific_special_tokens")
    stated = [*_values(listed), *(_values(named) if isinstance(named, dict) else ())]
    own = [value for key, value in values.items() if key.endswith("_token") and key[:-6] not in NAMED]
    return [*stated, *(value for value in own if isinstance(value, str | dict))]


def _values(listed: object) -> list[Any]:
    return list(listed.values() if isinstance(listed, dict) else listed if isinstance(listed, list) else [])


def _added_beside(path: Path, tokens: list[str], rows: int) -> dict[str, int]:
    """Tokens with their ids in the files beside a vocabulary, in the order of the ids; some may be in it, too.

    Of two with the same id the later counts, in the order of transformers.
    """
    folder = path.parent
    config = read_object(folder / TOKENIZER_CONFIG) if (folder / TOKENIZER_CONFIG).is_file() else {}
    decoder = config.get("added_tokens_decoder")
    found: dict[object, object] = {}
    if decoder is None and (folder / ADDED).is_file():
        found |= {number: token for token, number in read_object(folder / ADDED).items()}
    if (folder / TOKENIZER).is_file():
        found |= {
            listed.get("id", -1): listed.get("content", "") for listed in _listed_in_backend(folder / TOKENIZER)
        }
    for key, value in decoder.items() if isinstance(decoder, dict) else ():
        if isinstance(value, dict) and key.isdecimal():
            found[int(key)] = value.get("content", "")
    kept = {
        token: number
        for number, token in found.items()
        if isinstance(token, str) and token and type(number) is int and number >= 0
    }
    taken = [token for token, number in kept.items() if number < len(tokens) and tokens[number] != token]
    for token in (*taken, *_listed_without_id(folder, config)):
        kept.pop(token, None) if token in taken else None
        number = max([len(tokens) - 1, *kept.values()]) + 1
        if token not in kept and token not in tokens and number < rows:
            kept[token] = number
    return dict(sorted(kept.items(), key=lambda item: item[1]))


def _listed_without_id(folder: Path, config: Mapping[str, Any]) -> list[str]:
    """Further special tokens by name: transformers numbers those that are new."""
    file = folder / "special_tokens_map.json"
    maps = [config] + ([read_object(file)] if file.is_file() and "added_tokens_decoder" not in config else [])
    contents = [
        value.get("content") if isinstance(value, dict) else value for one in maps for value in extra_tokens(one)
    ]
    return [content for content in contents if isinstance(content, str) and content]


def read_object(path: Path) -> dict[str, Any]:
    """The keys of a JSON file of a tokenizer.

    Raises:
      UsageError: not readable as a JSON object.
    """
    try:
        values = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise UsageError(f"{path}: not a readable tokenizer configuration: {error}") from error
    if not isinstance(values, dict):
        raise UsageError(f"{path}: not a tokenizer configuration: expected a JSON object")
    return values


def _some(tokens: list[str]) -> str:
    shown = ", ".join(tokens[:NAMED_IN_NOTES])
    return shown if len(tokens) <= NAMED_IN_NOTES else f"{shown}, …"
