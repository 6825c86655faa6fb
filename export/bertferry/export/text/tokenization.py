"""A tokenizer as TensorFlow operations: texts of plain ASCII by the fastest way, others character by character."""

from collections.abc import Callable
from functools import partial
from string import punctuation

import tensorflow as tf

from bertferry.core.tokenizer import Tokenizer
from bertferry.export.text.exact import ExactTokenizer
from bertferry.export.text.found import escape, matches_somewhere
from bertferry.export.text.wordpieces import WordPieces, fast_tokenizer

PLAIN = r"[\t\n\r -~]*"
"""Texts in which no setting but lower case has an effect."""
BLANKS = r"[\t\n\r ]"
"""What may become a blank."""
IDS, WORDS, OFFSETS = 1, 2, 4
"""How many fields of `Pieces` are computed."""
TEXTS = tf.TensorSpec([None], tf.string, "text")


class GraphTokenizer:
    """Maps strings [B] to word pieces.

    Args:
      tokenizer: its settings.

    Attributes:
      tables: resources of TensorFlow that belong to a module's objects.
    """

    def __init__(self, tokenizer: Tokenizer) -> None:
        self.settings = tokenizer
        self._exact = ExactTokenizer(tokenizer, WordPieces(tokenizer))
        finders = [finder for finder in (self._exact.finder, self._exact.later_finder) if finder]
        self.tables = [finder.table for finder in finders]
        patterns = [finder.pattern.replace(escape(" "), BLANKS) for finder in finders]
        if tokenizer.lower_case:
            patterns = [f"(?i:{pattern})" for pattern in patterns]
        self._found = matches_somewhere("|".join(patterns)) if patterns else None
        self._plain = None
        if has_fast_way(tokenizer.subword_prefix):
            self._plain = fast_tokenizer(tokenizer, tokenizer.max_word_length, split=True)
        self._traced: dict[int, Callable[[tf.Tensor], tuple[tf.RaggedTensor, ...]]] = {}
        self._inside = tf.constant([token.startswith(tokenizer.subword_prefix) for token in tokenizer.tokens])

    def tokenize(self, texts: tf.Tensor) -> tf.RaggedTensor:
        """Pieces of each text: int32 [B, (pieces)]."""
        return self._cut(texts, IDS)[0]

    def tokenize_words(self, texts: tf.Tensor) -> tf.RaggedTensor:
        """Pieces of each word of each text: int32 [B, (words), (pieces)]."""
        return _by_word(*self._cut(texts, WORDS))[0]

    def tokenize_with_offsets(self, texts: tf.Tensor) -> tuple[tf.RaggedTensor, ...]:
        """The same, and where each piece begins and ends in the text, in bytes, int64."""
        ids, first, starts, ends = self._cut(texts, OFFSETS)
        return _by_word(ids, first, starts, ends)

    def _cut(self, texts: tf.Tensor, count: int) -> tuple[tf.RaggedTensor, ...]:
        """The first fields of `Pieces`, as many as are needed: traced once for all callers."""
        if count not in self._traced:
            function = tf.function(partial(self._trace, count=count), input_signature=[TEXTS], autograph=False)
            self._traced[count] = function.get_concrete_function()
        return self._traced[count](texts)

    def _trace(self, texts: tf.Tensor, count: int) -> tuple[tf.RaggedTensor, ...]:
        if self._plain is None:
            return self._cut_exactly(texts, count)
        plain = tf.strings.regex_full_match(texts, PLAIN)
        if self._found:
            plain = tf.logical_and(plain, tf.logical_not(tf.strings.regex_full_match(texts, self._found)))
        return tf.cond(
            tf.reduce_all(plain),
            lambda: self._cut_plain(texts, count),
            lambda: self._cut_both(texts, plain, count),
        )

    def _cut_plain(self, texts: tf.Tensor, count: int) -> tuple[tf.RaggedTensor, ...]:
        """Pieces of texts that match `PLAIN` and contain no tokens to be found."""
        if self.settings.lower_case:
            texts = tf.strings.lower(texts)  # of ASCII alone, whatever the locale
        assert self._plain is not None
        ids, starts, ends = self._plain.tokenize_with_offsets(texts)
        first = ids.with_values(tf.logical_not(tf.gather(self._inside, ids.values)))
        return (ids, first, starts, ends)[:count]

    def _cut_exactly(self, texts: tf.Tensor, count: int) -> tuple[tf.RaggedTensor, ...]:
        """Pieces of texts, character by character."""
        return self._exact.tokenize(texts, offsets=count == OFFSETS)[:count]

    def _cut_both(self, texts: tf.Tensor, plain: tf.Tensor, count: int) -> tuple[tf.RaggedTensor, ...]:
        """Pieces of any texts: of the `plain` ones by the fastest way."""
        one, other = tf.where(plain)[:, 0], tf.where(tf.logical_not(plain))[:, 0]
        fast = self._cut_plain(tf.gather(texts, one), count)
        exact = self._cut_exactly(tf.gather(texts, other), count)
        places = tf.math.invert_permutation(tf.concat([one, other], axis=0))
        return tuple(tf.gather(tf.concat(parts, axis=0), places) for parts in zip(fast, exact, strict=True))


def has_fast_way(prefix: str) -> bool:
    """Whether it shows which pieces begin a word: what begins with ASCII punctuation never does, as that is a word
    of its own. TensorFlow Text refuses a prefix that is one such character."""
    return len(prefix) > 1 and prefix[0] in punctuation


def _by_word(
    ids: tf.RaggedTensor, first: tf.RaggedTensor, *offsets: tf.RaggedTensor
) -> tuple[tf.RaggedTensor, ...]:
    """Fields [B, (pieces)] with a dimension for words: [B, (words), (pieces)]."""
    begins = tf.where(first.values)[:, 0]
    words = tf.concat([begins, [tf.size(first.values, tf.int64)]], axis=0)
    before = tf.concat([[0], tf.cumsum(tf.cast(first.values, tf.int64))], axis=0)
    rows = tf.gather(before, ids.row_splits)

    def regroup(field: tf.RaggedTensor) -> tf.RaggedTensor:
        inner = tf.RaggedTensor.from_row_splits(field.values, words, validate=False)
        return tf.RaggedTensor.from_row_splits(inner, rows, validate=False)

    return tuple(regroup(field) for field in (ids, *offsets))
