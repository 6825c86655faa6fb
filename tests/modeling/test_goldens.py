"""The networks restore genuine checkpoints strictly and reproduce the outputs of TF 1.15.5."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from closeness import assert_close

from bertferry.modeling.activations import gelu_tanh
from bertferry.modeling.networks import BertClassifier, BertPretrainer, BertSpanLabeler, TransformerEncoder

MODELS: dict[str, tuple[Callable[..., Any], str, list[str]]] = {
    "core": (lambda encoder: encoder, "keras_bert_L2_21/bert_model.ckpt-1", ["seq", "pooled"]),
    "cls": (lambda encoder: BertClassifier(encoder, 5), "keras_bert_L2_21_cls/ck-1", ["logits"]),
    "squad": (BertSpanLabeler, "keras_bert_L2_21_span/ck-1", ["start", "end"]),
    "pretrain": (
        lambda encoder: BertPretrainer(encoder, 2, 2, activation=gelu_tanh, output="predictions"),
        "keras_bert_L2_21_pre/ck-1",
        ["mlm_logp", "nsp_logp"],
    ),
}


@pytest.mark.parametrize("task", MODELS)
def test_a_genuine_checkpoint_restores_strictly_and_computes_what_tf1_did(golden, golden_inputs, task):
    build, prefix, outputs = MODELS[task]
    model = build(TransformerEncoder(30, 8, 2, 2, None, 16, 3, 12))
    status = tf.train.Checkpoint(model=model).restore(str(golden / prefix))
    status.assert_existing_objects_matched()
    status.assert_consumed()
    with np.load(golden / f"tf1_{task}_L2.npz") as stored:
        inputs = [*golden_inputs.values(), *([stored["pos"]] if task == "pretrain" else [])]
        for got, name in zip(tf.nest.flatten(model(inputs)), outputs, strict=True):
            want = stored[name]
            assert_close(tf.reshape(got, want.shape), want)
