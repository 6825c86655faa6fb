"""Restores a written checkpoint in the encoders of tf-models-official, strictly, and compares its outputs.

Usage, in an environment with tf-models-official: garden_restores.py LAYOUT TASK PREFIX REFERENCE.npz
"""

import sys

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
    layout, task, prefix, reference = sys.argv[1:]
    stored = np.load(reference)
    inputs = {
        "input_word_ids": stored["ids"],
        "input_mask": stored["mask"],
        "input_type_ids": stored["seg"],
    }
    # A v1 file loads into the later class too, through the attributes that both have.
    for kind in dict.fromkeys((layout, "garden_v2")):
        network = encoder(kind)
        network(network.inputs)
        if task == "encoder":
            compare(network, tf.train.Checkpoint(encoder=network), prefix, inputs, stored, layout)
            continue
        head = layers.ClassificationHead(8, 2, name="next_sentence")
        model = models.BertPretrainerV2(network, mlm_activation=gelu, classification_heads=[head])
        model({**inputs, "masked_lm_positions": stored["pos"]})
        items = {**model.checkpoint_items, "model": model}
        compare(network, tf.train.Checkpoint(**items), prefix, inputs, stored, layout)
        got = model({**inputs, "masked_lm_positions": stored["pos"]})
        scores = tf.nn.log_softmax(got["mlm_logits"]).numpy().reshape(4, -1)
        relation = tf.nn.log_softmax(got["next_sentence"]).numpy()
        print(f"  mlm {np.abs(scores - stored['mlm_logp']).max():.1e}", end="")
        print(f", nsp {np.abs(relation - stored['nsp_logp']).max():.1e}")
        assert np.abs(scores - stored["mlm_logp"]).max() < 5e-6
        assert np.abs(relation - stored["nsp_logp"]).max() < 5e-6


def compare(network, checkpoint, prefix, inputs, stored, layout):
    checkpoint.restore(prefix).assert_existing_objects_matched().assert_consumed()
    outputs = network(inputs)
    print(f"{type(network).__name__} restores a {layout} file: every object matched, every value consumed")
    for name, key in (("sequence_output", "seq"), ("pooled_output", "pooled")):
        if key in stored:
            worst = np.abs(outputs[name].numpy() - stored[key]).max()
            print(f"  {name}: largest difference to TF 1.15.5 {worst:.1e}")
            assert worst < 5e-6


if __name__ == "__main__":
    main()
