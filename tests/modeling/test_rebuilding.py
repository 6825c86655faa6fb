"""Every network is rebuilt from what it says about itself."""

import json

import numpy as np
import pytest
import tensorflow as tf
import tf_keras
from small_networks import BATCH, LENGTH, POSITIONS, PREDICTIONS, RNG, encoder, inputs, randomize

from bertferry.modeling.activations import gelu_erf, gelu_tanh
from bertferry.modeling.networks import (
    BertClassifier,
    BertMaskedLM,
    BertPretrainer,
    BertSpanLabeler,
    BertTokenClassifier,
    Classification,
    MaskedLM,
    SpanLabeling,
    TokenClassification,
)

SEQUENCE = RNG.normal(size=(BATCH, LENGTH, 8)).astype(np.float32)
REBUILT = {
    "TransformerEncoder": (lambda: encoder(activation="relu", dropout_rate=0.3), inputs()),
    "Classification": (lambda: Classification(8, 5, "normal", "predictions"), SEQUENCE[:, 0]),
    "TokenClassification": (lambda: TokenClassification(8, 5, "normal", "predictions"), SEQUENCE),
    "SpanLabeling": (lambda: SpanLabeling(8, "relu", "normal", "predictions"), SEQUENCE),
    "MaskedLM": (lambda: MaskedLM(8, PREDICTIONS, encoder(), gelu_erf, "normal"), [SEQUENCE, POSITIONS]),
    "BertClassifier": (lambda: BertClassifier(encoder(), 5, "normal", "predictions", 0.3), inputs()),
    "BertTokenClassifier": (lambda: BertTokenClassifier(encoder(), 5, "normal", "predictions", 0.3), inputs()),
    "BertSpanLabeler": (lambda: BertSpanLabeler(encoder(), "normal", "predictions"), inputs()),
    "BertMaskedLM": (lambda: BertMaskedLM(encoder(), gelu_erf, "normal"), [*inputs(), POSITIONS]),
    "BertPretrainer": (
        lambda: BertPretrainer(encoder(), 2, PREDICTIONS, gelu_tanh, "tanh", "normal"),
        [*inputs(), POSITIONS],
    ),
}


@pytest.mark.parametrize("way", ["config", "json"])
@pytest.mark.parametrize(("build", "arrays"), REBUILT.values(), ids=REBUILT)
def test_every_network_rebuilds_with_equal_outputs_and_weights(build, arrays, way):
    model = randomize(build())
    if way == "json":
        again = tf_keras.models.model_from_json(model.to_json())
    else:
        again = type(model).from_config(json.loads(json.dumps(model.get_config())))
    assert type(again) is type(model)
    assert [(v.name, v.shape) for v in again.variables] == [(v.name, v.shape) for v in model.variables]
    again.set_weights(model.get_weights())
    if isinstance(model, MaskedLM):  # the source's table is rebuilt with it, but is no weight of its own
        copy_source_table(model, again)
    for got, want in zip(tf.nest.flatten(again(arrays)), tf.nest.flatten(model(arrays)), strict=True):
        np.testing.assert_array_equal(got, want)
    assert again.get_config() == model.get_config()


def copy_source_table(model, again):
    tables = [m.layers[-2]._tied.embedding_table for m in (model, again)]
    tables[1].assign(tables[0])
