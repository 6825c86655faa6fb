"""Restores a written checkpoint in the encoders of tf-models-official, strictly, and stores what they compute.

Usage, in an environment with tf-models-official: garden_restores.py LAYOUT TASK PREFIX INPUTS.npz OUTPUTS.npz
"""

import sys
from typing import Any

import numpy as np
import tensorflow as tf
from official.nlp.modeling import layers, models, networks

SIZES = {
    "vocab_size": 30,
    "hidden_size": 8,
    "num_layers": 2,
    "num_attention_heads": 2,
    "type_vocab_size": 3,
}


def gelu(values):
    """The tanh form, which the garden's encoders compute by default."""
    return tf.nn.gelu(values, approximate=True)


def encoder(layout):
    if layout == "garden_v1":
        return networks.BertEncoder(**SIZES, intermediate_size=12, max_sequence_length=16, dict_outputs=True)
    return networks.BertEncoderV2(**SIZES, inner_dim=12, max_sequence_length=16)


def main() -> None:
    layout, task, prefix, arrays_path, destination = sys.argv[1:]
    stored = np.load(arrays_path)
    inputs = {
        "input_word_ids": stored["ids"],
        "input_mask": stored["mask"],
        "input_type_ids": stored["seg"],
    }
    computed = {}
    # A v1 file loads into the later class too, through the attributes that both have.
    for encoder_layout in dict.fromkeys((layout, "garden_v2")):
        network = encoder(encoder_layout)
        network(network.inputs)
        if task == "encoder":
            restore(tf.train.Checkpoint(encoder=network), prefix)
            outputs = network(inputs)
            computed[f"{encoder_layout}/seq"] = outputs["sequence_output"]
            computed[f"{encoder_layout}/pooled"] = outputs["pooled_output"]
            continue
        head = layers.ClassificationHead(8, 2, name="next_sentence")
        model = models.BertPretrainerV2(network, mlm_activation=gelu, classification_heads=[head])
        model({**inputs, "masked_lm_positions": stored["pos"]})
        items = {**model.checkpoint_items, "model": model}
        restore(tf.train.Checkpoint(**items), prefix)
        got = model({**inputs, "masked_lm_positions": stored["pos"]})
        computed[f"{encoder_layout}/mlm_logp"] = tf.reshape(tf.nn.log_softmax(got["mlm_logits"]), [4, -1])
        computed[f"{encoder_layout}/nsp_logp"] = tf.nn.log_softmax(got["next_sentence"])
    arrays: dict[str, Any] = {name: np.asarray(value) for name, value in computed.items()}
    np.savez(destination, **arrays)


def restore(checkpoint, prefix):
    """Every object has to be matched, every value consumed."""
    checkpoint.restore(prefix).assert_existing_objects_matched().assert_consumed()


if __name__ == "__main__":
    main()
