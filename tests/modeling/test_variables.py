"""Values put in by canonical name compute what the genuine TF 1.15.5 graph computed from them."""

import numpy as np
import pytest
import tensorflow as tf
from closeness import assert_close

from bertferry.modeling.builders import task_model
from bertferry.modeling.variables import named_variables

# The names of google-research/bert, replaced in this order.
TF1 = {
    "embeddings/word": "bert/embeddings/word_embeddings",
    "embeddings/position": "bert/embeddings/position_embeddings",
    "embeddings/segment": "bert/embeddings/token_type_embeddings",
    "embeddings/norm": "bert/embeddings/LayerNorm",
    "encoder/": "bert/encoder/layer_",
    "attention/query": "attention/self/query",
    "attention/key": "attention/self/key",
    "attention/value": "attention/self/value",
    "attention/output": "attention/output/dense",
    "attention/norm": "attention/output/LayerNorm",
    "intermediate": "intermediate/dense",
    "/output/kernel": "/output/dense/kernel",
    "/output/bias": "/output/dense/bias",
    "/output/norm": "/output/LayerNorm",
    "pooler": "bert/pooler/dense",
    "mlm/dense": "cls/predictions/transform/dense",
    "mlm/norm": "cls/predictions/transform/LayerNorm",
    "mlm/bias": "cls/predictions/output_bias",
    "nsp/kernel": "cls/seq_relationship/output_weights",
    "nsp/bias": "cls/seq_relationship/output_bias",
    "classifier/kernel": "output_weights",
    "classifier/bias": "output_bias",
    "span/kernel": "cls/squad/output_weights",
    "span/bias": "cls/squad/output_bias",
}
OUTPUTS = {
    "encoder": ("core", ["seq", "pooled"]),
    "classifier": ("cls", ["logits"]),
    "span": ("squad", ["start", "end"]),
    "pretrainer": ("pretrain", ["mlm_logp", "nsp_logp"]),
}


def tf1_name(parameter):
    for ours, theirs in TF1.items():
        if ours in parameter and theirs not in parameter:
            parameter = parameter.replace(ours, theirs)
    return parameter


@pytest.mark.parametrize("task", OUTPUTS)
def test_values_by_canonical_name_compute_what_tf1_did(golden, golden_inputs, config, task):
    folder, names = OUTPUTS[task]
    checkpoint = tf.train.load_checkpoint(str(golden / f"tf1_{folder}_L2" / "bert_model.ckpt"))
    model = task_model(config, task, num_classes=5)
    for name, variable in named_variables(model).items():
        value = checkpoint.get_tensor(tf1_name(name))
        # TF 1 holds the output layers transposed: [classes, hidden].
        value = value.T if name in ("nsp/kernel", "classifier/kernel", "span/kernel") else value
        variable.assign(value.reshape(variable.shape))
    with np.load(golden / f"tf1_{folder}_L2.npz") as stored:
        inputs = [*golden_inputs.values(), *([stored["pos"]] if task == "pretrainer" else [])]
        for got, name in zip(tf.nest.flatten(model(inputs)), names, strict=True):
            got = tf.nn.log_softmax(got) if name.endswith("logp") else got
            assert_close(tf.reshape(got, stored[name].shape), stored[name])
