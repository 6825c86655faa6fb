"""Networks have exactly the canonical parameters."""

import numpy as np
import pytest
import tf_keras

from bertferry.core.config import ACTIVATIONS, EncoderConfig
from bertferry.core.parameters import axis_sizes, canonical_axes, parameter_names
from bertferry.modeling.builders import task_model
from bertferry.modeling.variables import named_variables

CONFIG = EncoderConfig(30, 8, 2, 2, 12, 16, 3, "gelu_tanh")
HEADS_OF = {"encoder": (), "classifier": ("classifier",), "span": ("span",), "pretrainer": ("mlm", "nsp")}


@pytest.mark.parametrize(("task", "heads"), HEADS_OF.items())
def test_a_network_has_exactly_the_canonical_parameters_in_their_shapes(task, heads):
    variables = named_variables(task_model(CONFIG, task, num_classes=5))
    assert tuple(variables) == parameter_names(2, heads)
    sizes = axis_sizes(CONFIG) | {"classes": 5}
    for name, variable in variables.items():
        assert tuple(variable.shape) == tuple(sizes[axis] for axis in canonical_axes(name).split()), name


@pytest.mark.parametrize("task", HEADS_OF)
def test_no_variable_is_named_twice_or_left_out(task):
    model = task_model(CONFIG, task, num_classes=5)
    assert {id(v) for v in named_variables(model).values()} == {id(v) for v in model.variables}


def test_another_model_is_refused():
    with pytest.raises(TypeError, match="no TransformerEncoder"):
        named_variables(tf_keras.Sequential([tf_keras.layers.Dense(2)]))


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_every_known_activation_builds_an_encoder(activation):
    config = EncoderConfig(30, 8, 1, 2, 12, 16, 3, activation)
    ids = np.ones((1, 3), np.int32)
    assert np.isfinite(task_model(config, "encoder")([ids, ids, ids])[0]).all()
