"""Names of activations mean what transformers computes for them."""

import numpy as np
import pytest
from judges import activations, skip_without

from bertferry.convert.hidden_act import ELECTRA, ORIGINAL, TRANSFORMERS, original_act, transformers_act
from bertferry.core.config import ACTIVATIONS


@pytest.mark.parametrize("name", TRANSFORMERS)
def test_a_name_is_what_transformers_computes(name):
    skip_without("torch", "transformers")
    import torch
    from transformers.activations import ACT2FN

    x = np.linspace(-12, 12, 4001, dtype=np.float32)
    want = ACT2FN[name](torch.tensor(x)).numpy()
    np.testing.assert_allclose(activations.get_activation(TRANSFORMERS[name])(x), want, rtol=1e-6, atol=1e-6)


def test_every_other_name_of_transformers_computes_something_else():
    skip_without("torch", "transformers")
    import torch
    from transformers.activations import ACT2FN

    x = np.linspace(-12, 12, 4001, dtype=np.float32)
    for name in set(ACT2FN) - set(TRANSFORMERS) - {"xielu"}:  # which needs parameters
        got = ACT2FN[name](torch.tensor(x)).detach().numpy()
        assert all(np.abs(got - activations.get_activation(ours)(x)).max() > 1e-3 for ours in ACTIVATIONS), name


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_what_is_written_is_read_as_the_same(activation):
    assert TRANSFORMERS[transformers_act(activation)] == activation
    assert ORIGINAL[original_act(activation)] == activation
    assert ELECTRA[original_act(activation, "electra")] == activation
