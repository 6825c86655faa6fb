"""Fine-tunes a Hub module as a classifier with hub.KerasLayer, which is Keras 2 (`tf_keras`).

Usage: finetune_hub.py MODULE

MODULE is a directory that `export-hub-module --task encoder` wrote. The data are generated: the class of a text is
the half of the vocabulary from which its tokens are drawn.
"""

import sys

import numpy as np
import tensorflow as tf
import tensorflow_hub as hub
import tf_keras

LENGTH = 8


def main(module: str) -> None:
    encoder = hub.KerasLayer(module, trainable=True, name="bert")
    vocabulary = encoder.weights[0].shape[0]
    names = ("input_word_ids", "input_mask", "input_type_ids")
    inputs = {name: tf_keras.Input((LENGTH,), dtype=tf.int32, name=name) for name in names}
    pooled = tf_keras.layers.Dropout(0.1)(encoder(inputs)["pooled_output"])
    model = tf_keras.Model(inputs, tf_keras.layers.Dense(2)(pooled))

    texts, labels = make_data(vocabulary)
    loss = tf_keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(tf_keras.optimizers.legacy.Adam(1e-3), loss=loss, metrics=["accuracy"])
    before, _ = model.evaluate(texts, labels, verbose=0)
    model.fit(texts, labels, batch_size=16, epochs=30, verbose=0)
    after, accuracy = model.evaluate(texts, labels, verbose=0)
    print(f"loss {before:.3f} before, {after:.3f} after; accuracy {accuracy:.2f}")


def make_data(vocabulary: int) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """64 texts of random tokens, and their classes."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, 64)
    half = vocabulary // 2
    words = rng.integers(5, half, (64, LENGTH), np.int32) + (labels[:, np.newaxis] * (half - 5)).astype(np.int32)
    ones = np.ones_like(words)
    return {"input_word_ids": words, "input_mask": ones, "input_type_ids": 0 * ones}, labels


if __name__ == "__main__":
    main(sys.argv[1])
