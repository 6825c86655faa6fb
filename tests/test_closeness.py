"""The comparison used by the other tests accepts what is close and rejects what is not."""

import numpy as np
import pytest
from closeness import assert_close

VALUES = np.random.default_rng(0).normal(size=1000).astype(np.float32)


def test_another_order_of_summation_is_close():
    rng = np.random.default_rng(0)
    left, right = rng.normal(size=(8, 4096)).astype(np.float32), rng.normal(size=(4096, 8)).astype(np.float32)
    order = rng.permutation(4096)
    assert_close(left[:, order] @ right[order], left.astype(np.float64) @ right.astype(np.float64))


@pytest.mark.parametrize(
    ("fault", "profile"),
    [
        (lambda values: np.where(np.arange(1000) == 500, values + 1e-3, values), "fp32"),  # one element
        (lambda values: values * 1.00005, "fp32"),  # within atol and rtol everywhere, above the noise as a whole
        (lambda values: np.append(values, 0), "fp32"),  # another shape
        (lambda values: values[::-1], "int8"),
        (lambda values: values + 0.1, "fp16"),
        (lambda values: np.where(values > 3, np.nan, values), "fp16"),
        (lambda values: values.astype(np.float64) + 1e-9, "fp32"),  # float64 is held to its own precision
    ],
)
def test_a_fault_is_not(fault, profile):
    with pytest.raises(AssertionError):
        assert_close(fault(VALUES), VALUES, profile)
