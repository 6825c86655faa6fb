"""Cuts words into the longest pieces of a vocabulary, with the linear algorithm of TensorFlow Text.

Song et al., Fast WordPiece Tokenization, https://arxiv.org/abs/2012.15524.
"""

import re

import tensorflow as tf
import tensorflow_text as tf_text

from bertferry.convert.vocabulary import without_repetitions
from bertferry.core.tokenizer import Tokenizer

BLANK = re.compile(r"[^\S\x1c-\x1f]")
"""What separates words."""
NOT_PLAIN = "\x01"
"""Begins no text that is cut and split at once; and no word has the blank after it."""
BYTES = 4
"""Most bytes of a character in UTF-8."""


class WordPieces:
    """The word pieces of a tokenizer's vocabulary."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._limit = BYTES * tokenizer.max_word_length
        self._words = fast_tokenizer(tokenizer, self._limit, split=False)

    def cut(self, words: tf.Tensor, long: tf.Tensor) -> tuple[tf.Tensor, ...]:
        """Cuts words [W]; those that are too `long` become [UNK].

        Returns:
          The ids of all pieces, int32; the number of the word of each; where it begins and ends in the word, in
          bytes. All but the ids are int64.
        """
        words = tf.where(long, "x" * (self._limit + 1), words)
        pieces, starts, ends = self._words.tokenize_with_offsets(words)
        return pieces.values, pieces.value_rowids(), starts.values, ends.values


def fast_tokenizer(tokenizer: Tokenizer, limit: int, *, split: bool) -> tf_text.FastWordpieceTokenizer:
    """TensorFlow Text's tokenizer of words up to `limit` bytes, or of texts, which it splits."""
    return tf_text.FastWordpieceTokenizer(
        pieces_of(tokenizer),
        suffix_indicator=tokenizer.subword_prefix,
        max_bytes_per_word=limit,
        token_out_type=tf.int32,
        unknown_token=tokenizer.special["unk"],
        no_pretokenization=not split,
    )


def pieces_of(tokenizer: Tokenizer) -> list[str]:
    """The word pieces by id, each once.

    In the place of what is in no word, a token with a blank or without any character, stands what is in no text.
    """
    tokens = without_repetitions(list(tokenizer.tokens[: tokenizer.pieces]))
    return [
        f"{NOT_PLAIN} {number}" if not token or BLANK.search(token) else token
        for number, token in enumerate(tokens)
    ]
