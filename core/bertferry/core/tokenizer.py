"""What decides the ids of a text: a tokenizer of word pieces as it was trained, without any library.

The names are those of `tokenizer_config.json` of transformers and of `tokenizer.json` of `tokenizers`
(https://huggingface.co/docs/tokenizers); docs/modules.md says which file decides what.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, Literal

Side = Literal["left", "right"]
ROLES = ("pad", "unk", "cls", "sep", "mask")
"""What special tokens are for."""
USUAL_NAMES = {role: f"[{role.upper()}]" for role in ROLES}
USUAL_LENGTH = 128
"""Length of a preprocessing module's inputs if nothing states one, as in those of tfhub.dev."""
LONGEST_WORD = 100
"""Characters of the longest word that is not [UNK], as in google-research/bert."""


@dataclass(frozen=True)
class AddedToken:
    """A token that is found in a text before it is cut into words.

    Attributes:
      content: as it is written in texts.
      id: its row in the token embedding table.
      lstrip, rstrip: takes the blanks on its left, on its right.
      single_word: found only if no letter, digit or underscore is beside it.
      normalized: its normalized content is looked for in the normalized text, after all others.
      special: one of the special tokens, or listed among the additional ones.
    """

    content: str
    id: int
    lstrip: bool = False
    rstrip: bool = False
    single_word: bool = False
    normalized: bool = False
    special: bool = True


@dataclass(frozen=True)
class FramePart:
    """A part of an input: the pieces of the text number `segment` (0 or 1), or, if that is None, the tokens `ids`.

    All its positions have the type `type_id`.
    """

    segment: int | None
    ids: tuple[int, ...] = ()
    type_id: int = 0


@dataclass(frozen=True)
class Tokenizer:
    """A tokenizer, of word pieces unless it is `inexact`.

    Attributes:
      tokens: by id. Of equal tokens the last counts; `bertferry.convert.vocabulary.placeholder` stands for an id
        without one.
      pieces: how many of the first `tokens` are word pieces: no word is cut into the others, which are only found
        in texts or stand for nothing; None: all.
      lower_case: whether texts are lower-cased, character by character.
      strip_accents: whether texts are decomposed (NFD) and nonspacing marks (Mn) removed; None: as `lower_case`.
      tokenize_chinese_chars: whether CJK characters are words of their own.
      clean_text: whether control characters are removed and blanks are made spaces.
      max_word_length: characters of the longest word that is not `[UNK]`.
      subword_prefix: what pieces inside words begin with.
      special: names of special tokens by role, one of `ROLES`; a role without a token is absent.
      added: tokens found in texts, the special ones among them.
      split_special_tokens: whether the special ones of `added` are cut like other words; None: as the genuine
        tokenizer does, see `tokenizer_class`.
      single, pair: the input of one text, and of two.
      max_length: positions of the longest input that the source states, those of the frame among them; None: it
        states none.
      truncation_side, padding_side: the side on which texts are cut, and inputs padded.
      pad_type_id: the type of padding.
      tokenizer_class: the class of transformers; None: google-research/bert's, which splits special tokens.
      inexact: why no TensorFlow operations give the same ids, such as "BertJapaneseTokenizer cuts texts with
        MeCab"; '' if they do. The other fields are then what is known.
      backend: of such a tokenizer, the contents of a `tokenizer.json` with which the package `tokenizers` gives
        its ids; None: it does not either.
    """

    tokens: tuple[str, ...]
    lower_case: bool
    strip_accents: bool | None = None
    tokenize_chinese_chars: bool = True
    clean_text: bool = True
    max_word_length: int = LONGEST_WORD
    subword_prefix: str = "##"
    special: Mapping[str, str] = field(default_factory=lambda: dict(USUAL_NAMES))
    added: tuple[AddedToken, ...] = ()
    split_special_tokens: bool | None = None
    single: tuple[FramePart, ...] = ()
    pair: tuple[FramePart, ...] = ()
    max_length: int | None = None
    truncation_side: Side = "right"
    padding_side: Side = "right"
    pad_type_id: int = 0
    tokenizer_class: str | None = None
    inexact: str = ""
    pieces: int | None = None
    backend: Mapping[str, Any] | None = field(default=None, repr=False)

    @property
    def strips_accents(self) -> bool:
        """Whether texts are stripped of accents."""
        return self.lower_case if self.strip_accents is None else self.strip_accents

    @property
    def finds_special_tokens(self) -> bool:
        """Whether special tokens that are spelled out in a text are themselves."""
        if self.split_special_tokens is None:
            return self.tokenizer_class is not None
        return not self.split_special_tokens

    @property
    def found(self) -> tuple[AddedToken, ...]:
        """The tokens that are found in texts."""
        return tuple(token for token in self.added if self.finds_special_tokens or not token.special)

    def length(self, positions: int, *, padded: bool = True) -> int:
        """The length at which a module cuts texts, for an encoder with a number of positions.

        If nothing states one: `USUAL_LENGTH` for inputs that are all `padded` to it, else all positions.
        """
        usual = USUAL_LENGTH if padded else positions
        return min(usual if self.max_length is None else self.max_length, positions)

    def facts(self) -> dict[str, Any]:
        """Its settings without its tokens, for reports."""
        hidden = ("tokens", "pieces", "added", "single", "pair", "split_special_tokens", "inexact", "backend")
        values = {item.name: getattr(self, item.name) for item in fields(self) if item.name not in hidden}
        found = [token.content for token in self.found]
        more = {"special_tokens": "find" if self.finds_special_tokens else "split", "found": found}
        frame = " ".join("text" if part.segment is not None else self._names(part) for part in self.single)
        return {**values, "special": dict(self.special), **more, "frame": frame, "inexact": self.inexact}

    def _names(self, part: FramePart) -> str:
        return " ".join(self.tokens[number] for number in part.ids)

    @property
    def ids(self) -> dict[str, int]:
        """Ids of the special tokens by role."""
        numbers = {token: number for number, token in enumerate(self.tokens)}
        return {role: numbers[name] for role, name in self.special.items() if name in numbers}


def usual_frames(tokenizer: Tokenizer) -> Tokenizer:
    """The tokenizer with BERT's frames: `[CLS] A [SEP]`, and `[CLS] A [SEP] B [SEP]` with the types 0 and 1."""
    ids = tokenizer.ids
    start, end = FramePart(None, (ids["cls"],)), FramePart(None, (ids["sep"],))
    second = FramePart(1, type_id=1), replace(end, type_id=1)
    single = start, FramePart(0), end
    return replace(tokenizer, single=single, pair=(*single, *second))
