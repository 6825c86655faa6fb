"""Frames word pieces as an encoder's inputs: cut, between special tokens, and padded."""

from collections.abc import Callable, Sequence
from typing import TypeAlias

import tensorflow as tf

from bertferry.core.tasks import ENCODER_INPUTS
from bertferry.core.tokenizer import FramePart, Tokenizer

Length: TypeAlias = "tf.Tensor | int"
PIECES = tf.RaggedTensorSpec([None, None], tf.int32, ragged_rank=1)


class Packer:
    """Packs one or two segments as a tokenizer does."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self.frames = {1: tokenizer.single, 2: tokenizer.pair}
        self._cuts_left = tokenizer.truncation_side == "left"
        self._pads_left = tokenizer.padding_side == "left"
        self._pad_id, self._pad_type = tokenizer.ids["pad"], tokenizer.pad_type_id
        self._traced: dict[int, Callable[..., Sequence[tf.Tensor]]] = {}

    def pack(self, segments: Sequence[tf.RaggedTensor], seq_length: Length) -> dict[str, tf.Tensor]:
        """Packs segments [B, (pieces)] to the int32 inputs [B, `seq_length`] of an encoder."""
        count = len(segments)
        if count not in self._traced:  # once for all callers: operations on ragged tensors take long to trace
            length = tf.TensorSpec([], tf.int32)
            function = tf.function(self._pack, input_signature=[[PIECES] * count, length], autograph=False)
            self._traced[count] = function.get_concrete_function()
        inputs = self._traced[count](list(segments), tf.convert_to_tensor(seq_length, tf.int32))
        width = seq_length if isinstance(seq_length, int) else None
        return {
            name: tf.ensure_shape(tensor, [None, width])
            for name, tensor in zip(ENCODER_INPUTS, inputs, strict=True)
        }

    def _pack(self, segments: Sequence[tf.RaggedTensor], seq_length: tf.Tensor) -> tuple[tf.Tensor, ...]:
        frame = self.frames[len(segments)]
        room = tf.maximum(seq_length - added(frame), 0)
        cut = self._cut(segments, room)
        parts = [
            self._constant(part, cut[0].nrows()) if part.segment is None else cut[part.segment] for part in frame
        ]
        types = [tf.ones_like(tokens) * part.type_id for tokens, part in zip(parts, frame, strict=True)]
        ids = tf.concat(parts, axis=1)
        lengths = tf.minimum(tf.cast(ids.row_lengths(), tf.int32), seq_length)
        inputs = (
            _dense(ids, self._pad_id, seq_length),
            tf.sequence_mask(lengths, seq_length, tf.int32),
            _dense(tf.concat(types, axis=1), self._pad_type, seq_length),
        )
        if self._pads_left:
            places = (tf.range(seq_length) + lengths[:, None]) % seq_length
            inputs = tuple(tf.gather(tensor, places, batch_dims=1) for tensor in inputs)
        return inputs

    def _cut(self, segments: Sequence[tf.RaggedTensor], room: tf.Tensor) -> list[tf.RaggedTensor]:
        """Cuts segments until they fit, the longer one first, as the strategy `longest_first` of `tokenizers`."""
        lengths = [tf.cast(segment.row_lengths(), tf.int32) for segment in segments]
        if len(segments) == 1:
            kept = [tf.minimum(lengths[0], room)]
        else:
            shorter, longer = tf.minimum(*lengths), tf.maximum(*lengths)
            half = tf.minimum(shorter, room // 2)
            rest = tf.minimum(longer, room - half)
            first_is_longer = lengths[0] > lengths[1]
            kept = [tf.where(first_is_longer, rest, half), tf.where(first_is_longer, half, rest)]
        return [self._keep(segment, count) for segment, count in zip(segments, kept, strict=True)]

    def _keep(self, segment: tf.RaggedTensor, counts: tf.Tensor) -> tf.RaggedTensor:
        """The first pieces of each row, or the last ones."""
        counts = tf.cast(counts, segment.row_splits.dtype)
        begins = segment.row_limits() - counts if self._cuts_left else segment.row_starts()
        places = tf.ragged.range(begins, begins + counts)
        return places.with_values(tf.gather(segment.values, places.values))

    @staticmethod
    def _constant(part: FramePart, rows: tf.Tensor) -> tf.RaggedTensor:
        tokens = tf.tile(tf.constant([part.ids], tf.int32), [tf.cast(rows, tf.int32), 1])
        return tf.RaggedTensor.from_tensor(tokens)


def added(frame: Sequence[FramePart]) -> int:
    """How many tokens a frame adds."""
    return sum(len(part.ids) for part in frame if part.segment is None)


def _dense(rows: tf.RaggedTensor, value: int, length: tf.Tensor) -> tf.Tensor:
    return rows.to_tensor(value, shape=tf.cast(tf.stack([-1, length]), rows.row_splits.dtype))
