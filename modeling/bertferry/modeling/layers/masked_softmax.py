"""A softmax that excludes what a mask marks as padding."""

from collections.abc import Sequence
from typing import Any

import tensorflow as tf
import tf_keras

from bertferry.core.config import MASKED_SCORE
from bertferry.modeling.plain_call import plain_call


@tf_keras.utils.register_keras_serializable(package="Text")
class MaskedSoftmax(tf_keras.layers.Layer):
    """Softmax over the last axis of `scores`, or of `[scores, mask]`; `mask` is 1 to keep, 0 to drop, or None.

    The mask is first expanded by axes of size 1 at `mask_expansion_axes`.
    """

    def __init__(self, mask_expansion_axes: int | Sequence[int] | None = None, **arguments: Any) -> None:
        super().__init__(**arguments)
        axes = [mask_expansion_axes] if isinstance(mask_expansion_axes, int) else mask_expansion_axes
        self._axes = tuple(axes or ())

    @plain_call
    def call(self, inputs: Any) -> tf.Tensor:
        """Scores of any shape → probabilities of the same shape."""
        scores, mask = inputs if isinstance(inputs, list | tuple) else (inputs, None)
        if mask is not None:
            for axis in self._axes:
                mask = tf.expand_dims(mask, axis=axis)
            added = (1.0 - tf.cast(mask, scores.dtype)) * MASKED_SCORE
            # A softmax ignores an offset that all scores share. If everything is masked, adding -10000 would only
            # round the scores to multiples of 1e-3, and smaller differences would grow to that size.
            scores += added - tf.reduce_max(added, axis=-1, keepdims=True)
        return tf.nn.softmax(scores)

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments as serializable values."""
        return {**super().get_config(), "mask_expansion_axes": list(self._axes) or None}
