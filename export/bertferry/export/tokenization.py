"""BERT's tokenization as TensorFlow operations (google-research/bert, Hugging Face `tokenizers`).

Text is cleaned of control characters, lower-cased and stripped of accents if the vocabulary is, split at spaces,
punctuation and CJK characters, and cut into the longest word pieces in the vocabulary. docs/modules.md lists the
differences from Hugging Face's tokenizer that are due to the versions of the Unicode tables.
"""

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

import tensorflow as tf
import tensorflow_text as tf_text

MOST_CHARACTERS = 100
"""Longer words become [UNK], as in google-research/bert."""
TOO_LONG = "x" * 401
"""More bytes than any word of `MOST_CHARACTERS` characters has."""

INVISIBLE = r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x{9f}\x{fffd}]|\p{Cf}|\p{Co}"
BLANK = r"[\t\n\r\pZ]"
PUNCTUATION = r"[!-/:-@\[-`{-~]|\pP"
CJK = (
    r"[\x{4e00}-\x{9fff}]|[\x{3400}-\x{4dbf}]|[\x{20000}-\x{2a6df}]|[\x{2a700}-\x{2b73f}]|[\x{2b740}-\x{2b81f}]"
    r"|[\x{2b920}-\x{2ceaf}]|[\x{f900}-\x{faff}]|[\x{2f800}-\x{2fa1f}]"
)
ALONE = f"{PUNCTUATION}|{CJK}"


class Tokenizer:
    """Maps strings [B] to word pieces; holds the vocabulary's lookup table.

    Args:
      vocabulary: a `vocab.txt`, one token per line.
      asset: the same file as the asset of the module.
      do_lower_case: whether texts are lower-cased and stripped of accents.
    """

    def __init__(self, vocabulary: Path, asset: tf.saved_model.Asset, do_lower_case: bool) -> None:
        tokens = vocabulary.read_text(encoding="utf-8").removesuffix("\n").split("\n")
        tokens = [token.removesuffix("\r") for token in tokens]
        self.size = len(tokens)
        self.ids = {name: tokens.index(name) for name in ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")}
        self._do_lower_case = do_lower_case
        entries = tf.lookup.TextFileInitializer(
            asset, tf.string, tf.lookup.TextFileIndex.WHOLE_LINE, tf.int64, tf.lookup.TextFileIndex.LINE_NUMBER
        )
        # Anonymous: the name of a shared table would contain the local path of the vocabulary.
        self.table = tf.lookup.StaticHashTable(entries, self.ids["[UNK]"], experimental_is_anonymous=True)
        self._pieces = tf_text.WordpieceTokenizer(
            self.table, max_bytes_per_word=len(TOO_LONG) - 1, token_out_type=tf.int64
        )

    def normalize(self, texts: tf.Tensor) -> tf.Tensor:
        """The texts cleaned, with blanks as spaces and, if requested, lower-cased and stripped of accents."""
        cleaned = tf.strings.unicode_transcode(texts, "UTF-8", "UTF-8", replacement_char=0xFFFD)
        cleaned = tf.strings.regex_replace(cleaned, INVISIBLE, "")
        cleaned = tf.strings.regex_replace(cleaned, BLANK, " ")
        if not self._do_lower_case:
            return cleaned
        plain = tf.strings.regex_replace(tf_text.normalize_utf8(cleaned, "NFD"), r"\p{Mn}", "")
        # A capital sigma becomes σ even at the end of a word, never a final sigma, as in Hugging Face.
        return tf.strings.lower(tf.strings.regex_replace(plain, "Σ", "σ"), encoding="utf-8")

    def tokenize(self, texts: tf.Tensor) -> tf.RaggedTensor:
        """Word pieces of each word of each text: int32 [B, (words), (pieces)]."""
        return self.tokenize_with_offsets(texts)[0]

    def tokenize_with_offsets(self, texts: tf.Tensor) -> tuple[tf.RaggedTensor, tf.RaggedTensor, tf.RaggedTensor]:
        """The same, and the start and end of each piece in bytes of the normalized text."""
        offsets: tuple[tf.RaggedTensor, tf.RaggedTensor, tf.RaggedTensor] = self._traced(texts)
        return offsets

    @cached_property
    def _traced(self) -> tf.types.experimental.ConcreteFunction:
        """Traced once for all callers, because its ragged tensors add hundreds of assertions."""
        texts = tf.TensorSpec([None], tf.string, "text")
        return tf.function(self._cut, input_signature=[texts], autograph=False).get_concrete_function()

    def _cut(self, texts: tf.Tensor) -> tuple[tf.RaggedTensor, tf.RaggedTensor, tf.RaggedTensor]:
        words, starts, _ = tf_text.regex_split_with_offsets(self.normalize(texts), rf" +|{ALONE}", ALONE)
        long = tf.strings.length(words.values, unit="UTF8_CHAR") > MOST_CHARACTERS
        shortened = words.with_values(tf.where(long, TOO_LONG, words.values))
        pieces, begin, end = self._pieces.tokenize_with_offsets(shortened)
        word = pieces.values.value_rowids()  # of each piece
        first = tf.gather(tf.cast(starts.values, tf.int64), word)
        length = tf.gather(tf.cast(tf.strings.length(words.values), tf.int64), word)
        ends = tf.where(tf.gather(long, word), length, end.flat_values)
        return (
            tf.cast(pieces, tf.int32),
            begin.with_flat_values(begin.flat_values + first),
            end.with_flat_values(ends + first),
        )

    def pack(self, segments: Sequence[tf.RaggedTensor], seq_length: tf.Tensor | int) -> dict[str, tf.Tensor]:
        """Packs [CLS] and each segment followed by [SEP], truncated and padded to `seq_length`, as int32 inputs.

        Segments are truncated round robin until they fit: each keeps the same number of pieces, if it has them.
        """
        flat = [segment.merge_dims(1, -1) if segment.ragged_rank > 1 else segment for segment in segments]
        room = tf.maximum(seq_length - len(flat) - 1, 0)
        cut = tf_text.RoundRobinTrimmer(max_seq_length=room).trim(flat) if len(flat) > 1 else [flat[0][:, :room]]
        ids, types = tf_text.combine_segments(cut, self.ids["[CLS]"], self.ids["[SEP]"])
        words, mask = tf_text.pad_model_inputs(ids, seq_length, pad_value=self.ids["[PAD]"])
        type_ids, _ = tf_text.pad_model_inputs(types, seq_length, pad_value=0)
        names = ("input_word_ids", "input_mask", "input_type_ids")
        tensors = (tf.cast(tensor, tf.int32) for tensor in (words, mask, type_ids))
        return dict(zip(names, tensors, strict=True))
