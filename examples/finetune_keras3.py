"""Fine-tunes a Hub module as a classifier in Keras 3, through keras.layers.TFSMLayer.

Usage: finetune_keras3.py MODULE

MODULE is a directory that `export-hub-module --task encoder` wrote. The data are those of finetune_hub.py.
"""

import sys

import keras
from finetune_hub import LENGTH, make_data


def main(module: str) -> None:
    encoder = keras.layers.TFSMLayer(module, call_endpoint="serve", call_training_endpoint="serve_training")
    for variable in encoder.variables:  # Adam names its slots after their paths, which must not contain colons
        variable._path = variable.path.replace(":", "_")  # noqa: SLF001 - Keras 3 has no public way
    names = ("input_word_ids", "input_mask", "input_type_ids")
    inputs = {name: keras.Input((LENGTH,), dtype="int32", name=name) for name in names}
    pooled = keras.layers.Dropout(0.1)(encoder(inputs)["pooled_output"])
    model = keras.Model(inputs, keras.layers.Dense(2)(pooled))

    texts, labels = make_data(max(variable.shape[0] for variable in encoder.variables if len(variable.shape) == 2))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(1e-3), loss=loss, metrics=["accuracy"])
    before, _ = model.evaluate(texts, labels, verbose=0)
    model.fit(texts, labels, batch_size=16, epochs=30, verbose=0)
    after, accuracy = model.evaluate(texts, labels, verbose=0)
    print(f"loss {before:.3f} before, {after:.3f} after; accuracy {accuracy:.2f}")


if __name__ == "__main__":
    main(sys.argv[1])
