"""Cuts any text into word pieces, character by character, as `tokenizers` does."""

from typing import NamedTuple

import tensorflow as tf

from bertferry.core.tokenizer import AddedToken, Tokenizer
from bertferry.export.text.characters import Characters, Normalizer, has, read_characters, repeat
from bertferry.export.text.found import Finder, matches_somewhere
from bertferry.export.text.mapping import ALONE, BLANK, FOUND, SPACED, map_code_points
from bertferry.export.text.wordpieces import WordPieces

ANYTHING = 0xFFFF
"""Encoded in the place of a token that was found: no character, so in no other token."""


class Pieces(NamedTuple):
    """Word pieces of texts; each field has a row for each text.

    Attributes:
      ids: int32.
      first: whether a piece begins a word.
      starts, ends: in bytes of the text, if requested; int64.
    """

    ids: tf.RaggedTensor
    first: tf.RaggedTensor
    starts: tf.RaggedTensor | None = None
    ends: tf.RaggedTensor | None = None


class ExactTokenizer:
    """Finds tokens, normalizes what is between them, and cuts it into words and those into pieces."""

    def __init__(self, tokenizer: Tokenizer, pieces: WordPieces) -> None:
        self._pieces = pieces
        self._longest = tokenizer.max_word_length
        self._normalizer = Normalizer(map_code_points(tokenizer))
        first = [token for token in sought(tokenizer) if not token.normalized]
        later = [token for token in sought(tokenizer) if token.normalized]
        left = [token for token in tokenizer.added if token not in tokenizer.found]
        self.finder = Finder({token.content: token for token in first}, left) if first else None
        contents = self._normalized([token.content for token in later]) if later else []
        named = dict(reversed(list(zip(contents, later, strict=True))))
        self.later_finder = Finder(named, left) if later else None

    def tokenize(self, texts: tf.Tensor, *, offsets: bool = False) -> Pieces:
        """The pieces of texts [B]."""
        count = tf.size(texts, tf.int64)
        characters = self._find(texts, read_characters(texts))
        characters, results = self._normalizer.normalize(characters)
        if self.later_finder:
            characters, results = self._find_later(self.later_finder, characters, results, count)
        return self._cut(*find_words(characters, results), count, offsets)

    def _find(self, texts: tf.Tensor, characters: Characters) -> Characters:
        finder = self.finder
        if finder is None:
            return characters
        some = tf.reduce_any(tf.strings.regex_full_match(texts, matches_somewhere(finder.pattern)))
        found = tf.cond(
            some,
            lambda: tuple(finder.collapse(texts, characters, tf.cast(characters.starts, tf.int64))[0]),
            lambda: tuple(characters),
        )
        return Characters(*found)

    def _find_later(
        self, finder: Finder, characters: Characters, results: tf.Tensor, count: tf.Tensor
    ) -> tuple[Characters, tf.Tensor]:
        """Finds tokens in normalized texts."""
        characters, results = _add_blanks(characters, results)
        texts, starts = _encode(characters, count)
        characters, left = finder.collapse(texts, characters, starts)
        return characters, tf.where(characters.tokens >= 0, FOUND | ALONE, tf.gather(results, left))

    def _normalized(self, contents: list[str]) -> list[str]:
        characters, results = self._normalizer.normalize(read_characters(tf.constant(contents)))
        characters, _ = _add_blanks(characters, results)
        texts, _ = _encode(characters, tf.constant(len(contents), tf.int64))
        return [text.decode() for text in texts.numpy()]

    def _cut(self, characters: Characters, first: tf.Tensor, count: tf.Tensor, offsets: bool) -> Pieces:
        """Cuts words into pieces; `first` are the places of the characters with which they begin."""
        splits = tf.concat([first, [tf.size(characters.rows, tf.int64)]], axis=0)
        points = tf.where(tf.equal(characters.points, FOUND), ANYTHING, characters.points)
        words = tf.RaggedTensor.from_row_splits(points, splits, validate=False)
        long = words.row_lengths() > self._longest
        ids, word, start, end = self._pieces.cut(tf.strings.unicode_encode(words, "UTF-8"), long)
        begin = tf.gather(first, word)
        token = tf.gather(characters.tokens, begin)
        ids = tf.RaggedTensor.from_value_rowids(
            tf.where(token >= 0, token, ids), tf.gather(characters.rows, begin), count, validate=False
        )
        pieces = Pieces(ids, ids.with_values(tf.equal(start, 0)))
        if not offsets:
            return pieces
        begins, ends = self._characters_of(points, begin, start, end)
        ends = tf.where(tf.gather(long, word), tf.gather(splits, word + 1), ends) - 1
        starts = ids.with_values(tf.cast(tf.gather(characters.starts, begins), tf.int64))
        return pieces._replace(
            starts=starts, ends=ids.with_values(tf.cast(tf.gather(characters.ends, ends), tf.int64))
        )

    @staticmethod
    def _characters_of(
        points: tf.Tensor, word: tf.Tensor, start: tf.Tensor, end: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """The characters with which pieces begin, and those after their last ones.

        Args:
          points: code points of all words.
          word: the character with which the word of each piece begins.
          start, end: of each piece in its word, in bytes.
        """
        begins = tf.cumsum(_sizes(points), exclusive=True)
        base = tf.gather(begins, word)
        return (
            tf.searchsorted(begins, base + start, out_type=tf.int64),
            tf.searchsorted(begins, base + end, out_type=tf.int64),
        )


def sought(tokenizer: Tokenizer) -> list[AddedToken]:
    """The tokens that are looked for, in order of precedence: the special ones first, even if they are left in the
    text; none, if all of them are."""
    return sorted(tokenizer.added, key=lambda token: not token.special) if tokenizer.found else []


def find_words(characters: Characters, results: tf.Tensor) -> tuple[Characters, tf.Tensor]:
    """The characters of words, and the places of those with which a word begins."""
    blank, alone = has(results, BLANK), has(results, ALONE)
    edge = tf.logical_or(blank, alone)
    begins = tf.logical_or(alone, _shifted(edge, True))
    begins = tf.logical_or(begins, tf.not_equal(characters.rows, _shifted(characters.rows, -1)))
    solid = tf.where(tf.logical_not(blank))[:, 0]
    return characters.take(solid), tf.where(tf.gather(begins, solid))[:, 0]


def _shifted(values: tf.Tensor, before: bool | int) -> tf.Tensor:
    """The value before each."""
    return tf.concat([[before], values], axis=0)[:-1]


def _add_blanks(characters: Characters, results: tf.Tensor) -> tuple[Characters, tf.Tensor]:
    """Puts a blank on both sides of CJK characters if they are words of their own."""
    spaced = has(results, SPACED)
    place, nth = repeat(tf.where(spaced, tf.constant(3, tf.int64), 1))
    added = tf.logical_and(tf.gather(spaced, place), tf.not_equal(nth, 1))
    characters = characters.take(place)
    points = tf.where(added, ord(" "), characters.points)
    return characters._replace(points=points), tf.where(added, ord(" ") | BLANK, tf.gather(results, place))


def _encode(characters: Characters, count: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Characters as texts [count], and where each begins in its own, in bytes."""
    points = tf.where(tf.equal(characters.points, FOUND), ANYTHING, characters.points)
    texts = tf.RaggedTensor.from_value_rowids(points, characters.rows, count, validate=False)
    begins = tf.cumsum(_sizes(points), exclusive=True)
    of_text = tf.gather(tf.concat([begins, [0]], axis=0), texts.row_starts())
    return tf.strings.unicode_encode(texts, "UTF-8"), begins - tf.gather(of_text, characters.rows)


def _sizes(points: tf.Tensor) -> tf.Tensor:
    """Bytes of code points in UTF-8; int64."""
    return 1 + tf.add_n([tf.cast(points >= limit, tf.int64) for limit in (0x80, 0x800, 0x10000)])
