"""keras-hub on JAX: the backbone of the folder, with two corrections.

Its layers compute gelu by tanh whatever the configuration says, and its tokenizer strips no accents from texts
that it lower-cases: the exact gelu is put in, and the ids are those of `tokenizer.json`.
"""

import os
from pathlib import Path

os.environ["KERAS_BACKEND"] = "jax"

import keras
import keras_hub
import numpy as np
from texts import embed, tokenize

KEYS = ("input_ids", "attention_mask", "token_type_ids")


def outputs(folder: Path, sentences: list[str]) -> np.ndarray:
    backbone = keras_hub.models.BertBackbone.from_preset(str(folder))
    for layer in backbone.transformer_layers:
        # No public name leads to it.
        vars(layer)["_feedforward_intermediate_dense"].activation = exact_gelu
    tokens = tokenize(folder, sentences)
    ids, mask, segments = (keras.ops.convert_to_tensor(tokens[name]) for name in KEYS)
    inputs = {"token_ids": ids, "padding_mask": mask, "segment_ids": segments}
    return embed(np.asarray(backbone(inputs)["sequence_output"]), tokens["attention_mask"])


def exact_gelu(values):
    return keras.activations.gelu(values, approximate=False)
