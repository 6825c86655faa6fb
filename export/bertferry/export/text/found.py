"""Finds tokens in texts before they are cut into words, as the added vocabulary of `tokenizers` does."""

from collections.abc import Collection, Mapping

import numpy as np
import tensorflow as tf
import tensorflow_text as tf_text

from bertferry.core.errors import UsageError
from bertferry.core.tokenizer import AddedToken
from bertferry.export.text.characters import Characters, Table
from bertferry.export.text.code_points import read_code_points
from bertferry.export.text.mapping import FOUND

NUL = "\x00"
ROW = 1 << 32
"""More than the bytes of any text."""


class Finder:
    """Finds the leftmost of the given contents, and of those that begin there the longest.

    Args:
      tokens: by what is looked for.
      left: tokens that are left in the text when they are found; none is found inside them.

    Raises:
      UsageError: one of the contents is not one that operations of TensorFlow find.
    """

    def __init__(self, tokens: Mapping[str, AddedToken], left: Collection[AddedToken] = ()) -> None:
        contents = sorted(tokens, key=lambda content: len(content.encode()), reverse=True)
        for content in contents:
            if not content or NUL in content:
                raise UsageError(
                    f"no graph finds the added token {tokens[content].content!r}: in texts it is {content!r}",
                    "export the encoder, with --task encoder, and tokenize with the source's own tokenizer",
                )
        found = [tokens[content] for content in contents]
        self.pattern = "|".join(escape(content) for content in contents)
        entries = tf.lookup.KeyValueTensorInitializer(contents, tf.range(len(contents)))
        self.table = tf.lookup.StaticHashTable(entries, -1, experimental_is_anonymous=True)
        self._ids = tf.constant([token.id for token in found], tf.int32)
        self._stays = tf.constant([token in left for token in found]) if left else None
        flags = ("single_word", "lstrip", "rstrip")
        self._flags = {name: tf.constant([getattr(token, name) for token in found]) for name in flags}
        self._used = {name for name in flags if any(getattr(token, name) for token in found)}
        used = set("".join(contents))
        self._no_character = next(control for control in map(chr, range(1, 0x80)) if control not in used)
        data = read_code_points()
        self._word, self._blank = (
            Table(np.append(flag, False).astype(np.int32)) for flag in (data.word, data.blank)
        )

    def collapse(
        self, texts: tf.Tensor, characters: Characters, starts: tf.Tensor
    ) -> tuple[Characters, tf.Tensor]:
        """Puts one character in the place of each token that is found; also returns which places are left.

        Args:
          texts: strings [B].
          characters: their characters.
          starts: where each of them begins in its text, in bytes; int64.
        """
        places = characters.rows * ROW + starts
        which, rows, begins, ends = self._matches(texts)
        first = tf.searchsorted(places, rows * ROW + begins, out_type=tf.int64)
        stop = tf.searchsorted(places, rows * ROW + ends, out_type=tf.int64)
        if "single_word" in self._used:
            kept = tf.where(self._stands_alone(which, characters, first, stop))[:, 0]
            which, first, stop = (tf.gather(field, kept) for field in (which, first, stop))
        place = stop - 1  # of the character that stands for the token
        first, stop = self._with_blanks(which, characters, first, stop)
        count = tf.size(characters.points, tf.int64)
        edges = tf.concat([tf.ones_like(first), -tf.ones_like(stop)], axis=0)
        covered = tf.cumsum(tf.scatter_nd(tf.concat([first, stop], axis=0)[:, None], edges, [count + 1]))[:-1]
        changed = Characters(
            _put(characters.points, place, tf.fill(tf.shape(place), FOUND)),
            characters.rows,
            _put(characters.tokens, place, tf.gather(self._ids, which)),
            _put(characters.starts, place, tf.gather(characters.starts, first)),
            _put(characters.ends, place, tf.gather(characters.ends, stop - 1)),
        )
        left = tf.where(tf.logical_or(tf.equal(covered, 0), tf.not_equal(changed.tokens, -1)))[:, 0]
        return changed.take(left), left

    def _matches(self, texts: tf.Tensor) -> tuple[tf.Tensor, ...]:
        """The number of each token that is found, its text, and where it begins and ends; int64."""
        texts = tf.strings.regex_replace(texts, NUL, self._no_character)  # at a NUL the operation would end a text
        pieces, begins, ends = tf_text.regex_split_with_offsets(texts, self.pattern, self.pattern)
        which = self.table.lookup(pieces.values)
        hit = which >= 0
        if self._stays is not None:
            hit = tf.logical_and(hit, tf.logical_not(tf.gather(self._stays, tf.maximum(which, 0))))
        found = tf.where(hit)[:, 0]
        fields = which, pieces.value_rowids(), begins.values, ends.values
        return tuple(tf.cast(tf.gather(field, found), tf.int64) for field in fields)

    def _stands_alone(
        self, which: tf.Tensor, characters: Characters, first: tf.Tensor, stop: tf.Tensor
    ) -> tf.Tensor:
        """Which tokens may be found where they are."""
        word = tf.concat([self._word.look_up(characters.points), [0]], axis=0)
        rows = tf.concat([characters.rows, [-1]], axis=0)
        row = tf.gather(rows, first)
        before, count = first - 1, tf.size(rows, tf.int64)
        before = tf.where(before < 0, count - 1, before)
        beside = [
            tf.logical_and(tf.equal(tf.gather(rows, p), row), tf.gather(word, p) > 0) for p in (before, stop)
        ]
        alone = tf.logical_not(tf.logical_or(*beside))
        return tf.logical_or(alone, tf.logical_not(tf.gather(self._flags["single_word"], which)))

    def _with_blanks(
        self, which: tf.Tensor, characters: Characters, first: tf.Tensor, stop: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Where tokens begin and end with the blanks that they take."""
        if not self._used & {"lstrip", "rstrip"}:
            return first, stop
        row = tf.gather(characters.rows, first)
        solid = tf.equal(self._blank.look_up(characters.points), 0)
        places = tf.where(solid)[:, 0]
        before = tf.concat([[0], tf.cumsum(tf.cast(solid, tf.int64))], axis=0)  # solid characters before each
        count = tf.size(solid, tf.int64)
        bounded = tf.concat([[-1], places, [count]], axis=0)
        previous, following = (
            tf.gather(bounded, tf.gather(before, first)) + 1,
            tf.gather(bounded, tf.gather(before, stop) + 1),
        )
        stop = tf.where(
            tf.gather(self._flags["rstrip"], which),
            tf.minimum(following, tf.searchsorted(characters.rows, row, side="right", out_type=tf.int64)),
            stop,
        )
        start = tf.maximum(previous, tf.searchsorted(characters.rows, row, out_type=tf.int64))
        start = tf.maximum(start, tf.concat([[0], stop[:-1]], axis=0))
        return tf.where(tf.gather(self._flags["lstrip"], which), tf.minimum(start, first), first), stop


def escape(content: str) -> str:
    """A regular expression of RE2 for a literal."""
    return "".join(character if character.isalnum() else f"\\x{{{ord(character):x}}}" for character in content)


def matches_somewhere(pattern: str) -> str:
    """A regular expression for texts in which another matches."""
    return f"(?s).*(?:{pattern}).*"


def _put(values: tf.Tensor, places: tf.Tensor, new: tf.Tensor) -> tf.Tensor:
    return tf.tensor_scatter_nd_update(values, places[:, None], new)
