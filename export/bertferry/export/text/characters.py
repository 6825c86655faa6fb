"""The characters of texts as flat tensors, and their normalization."""

from collections.abc import Callable
from typing import NamedTuple

import tensorflow as tf

from bertferry.export.text.mapping import (
    BLOCK,
    INVISIBLE,
    ORDERED,
    POINT,
    REMOVED,
    SEVERAL,
    Mapping,
    split_blocks,
)

REPLACEMENT = 0xFFFD


class Characters(NamedTuple):
    """The characters of several texts, one after the other; each field is a vector.

    Attributes:
      points: code points, or `FOUND`.
      rows: the number of the text of each; int64.
      tokens: the id of a token that was found in the text, whose place one character takes; others have -1.
      starts, ends: in bytes of the text; int32.
    """

    points: tf.Tensor
    rows: tf.Tensor
    tokens: tf.Tensor
    starts: tf.Tensor
    ends: tf.Tensor

    def take(self, places: tf.Tensor) -> "Characters":
        """Those at the given places."""
        return Characters(*(tf.gather(field, places) for field in self))

    def where(self, kept: tf.Tensor) -> "Characters":
        """Those that are kept."""
        return self.take(tf.where(kept)[:, 0])


class Table:
    """Integers by code point, in blocks, of which most are equal."""

    def __init__(self, values: "tf.types.experimental.TensorLike") -> None:
        blocks, first = split_blocks(values)
        self._blocks = tf.constant(blocks)
        self._first = tf.constant(first)

    def look_up(self, points: tf.Tensor) -> tf.Tensor:
        """The integer of each code point."""
        first = tf.gather(self._first, tf.bitwise.right_shift(points, BLOCK.bit_length() - 1))
        return tf.gather(self._blocks, first + tf.bitwise.bitwise_and(points, BLOCK - 1))


def read_characters(texts: tf.Tensor) -> Characters:
    """The characters of texts [B]; bytes that are not UTF-8 are U+FFFD."""
    points, starts = tf.strings.unicode_decode_with_offsets(
        texts, "UTF-8", errors="replace", replacement_char=REPLACEMENT
    )
    begin = tf.cast(starts.flat_values, tf.int32)
    rows = points.value_rowids()
    lengths = tf.gather(tf.strings.length(texts), rows)
    following = tf.concat([begin[1:], [0]], axis=0)
    ends = tf.where(following > begin, following, lengths)  # the next begins in another text, or there is none
    return Characters(points.flat_values, rows, tf.fill(tf.shape(begin), -1), begin, ends)


class Normalizer:
    """Normalizes characters as a `Mapping` says."""

    def __init__(self, mapping: Mapping) -> None:
        self._results = Table(mapping.results)
        self._combining = Table(mapping.combining)
        self._several = tf.constant(mapping.several)
        self._splits = tf.constant(mapping.splits)

    def normalize(self, characters: Characters) -> tuple[Characters, tf.Tensor]:
        """The characters after normalization, and the bits of their results."""
        results = self._results.look_up(characters.points)
        characters, results = self._if_any(SEVERAL, self._expand, characters, results)
        characters, results = self._if_any(ORDERED, self._order, characters, results)
        kept = tf.where(tf.equal(tf.bitwise.bitwise_and(results, REMOVED), 0))[:, 0]
        results = tf.gather(results, kept)
        characters = characters.take(kept)
        return characters._replace(points=tf.bitwise.bitwise_and(results, POINT)), results

    def _if_any(
        self,
        bit: int,
        change: Callable[[Characters, tf.Tensor], tuple[tf.Tensor, ...]],
        characters: Characters,
        results: tf.Tensor,
    ) -> tuple[Characters, tf.Tensor]:
        """The changed characters and results if any result has the bit."""
        changed = tf.cond(
            tf.reduce_any(has(results, bit)),
            lambda: change(characters, results),
            lambda: (*characters, results),
        )
        return Characters(*changed[:-1]), changed[-1]

    def _expand(self, characters: Characters, results: tf.Tensor) -> tuple[tf.Tensor, ...]:
        """Puts the several code points of a result in its place."""
        several = has(results, SEVERAL)
        rows = tf.where(several, tf.bitwise.bitwise_and(results, POINT), 0)
        begin = tf.gather(self._splits, rows)
        counts = tf.where(several, tf.gather(self._splits, rows + 1) - begin, 1)
        place, nth = repeat(counts)
        inside = tf.gather(self._several, tf.gather(begin, place) + nth)
        points = tf.where(tf.gather(several, place), inside, tf.gather(characters.points, place))
        expanded = characters.take(place)._replace(points=points)
        return (*expanded, self._results.look_up(points))

    def _order(self, characters: Characters, results: tf.Tensor) -> tuple[tf.Tensor, ...]:
        """Sorts the marks after each other character by their combining classes: Unicode 3.11, D108.

        As in `tokenizers`, the places in the text are not sorted with them.
        """
        seen = tf.where(tf.logical_not(has(results, INVISIBLE)))[:, 0]
        characters, results = characters.take(seen), tf.gather(results, seen)
        classes = tf.cast(self._combining.look_up(characters.points), tf.int64)
        first = tf.not_equal(characters.rows, tf.concat([[-1], characters.rows[:-1]], axis=0))
        runs = tf.cumsum(tf.cast(tf.logical_or(first, tf.equal(classes, 0)), tf.int64))
        count = tf.size(classes, tf.int64)
        order = tf.argsort((runs * 256 + classes) * count + tf.range(count))  # a stable sort
        fresh = tf.logical_or(
            first, tf.not_equal(characters.starts, tf.concat([[-1], characters.starts[:-1]], axis=0))
        )
        place = tf.gather(tf.where(fresh)[:, 0], tf.cumsum(tf.cast(tf.gather(fresh, order), tf.int64)) - 1)
        starts, ends = (tf.gather(field, place) for field in (characters.starts, characters.ends))
        return (*characters.take(order)._replace(starts=starts, ends=ends), tf.gather(results, order))


def has(results: tf.Tensor, bit: int) -> tf.Tensor:
    """Which results have a bit."""
    return tf.not_equal(tf.bitwise.bitwise_and(results, bit), 0)


def repeat(counts: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """For each of `counts[i]` repetitions of every i: i, and the how manieth it is; int64."""
    ends = tf.cumsum(counts)
    total = tf.reduce_sum(counts)
    place = tf.searchsorted(ends, tf.range(total), side="right", out_type=tf.int64)
    return place, tf.range(total) - tf.gather(ends - counts, place)
