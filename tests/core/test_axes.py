import numpy as np
import pytest
from closeness import assert_close
from hypothesis import given
from hypothesis import strategies as st

from bertferry.core import axes

LAYOUTS_OF_A_KERNEL = ("hidden heads head_size", "hidden (heads head_size)", "(heads head_size) hidden")


def test_groups_keep_merged_names_together():
    assert axes.groups("hidden (heads head_size)") == (("hidden",), ("heads", "head_size"))
    assert axes.groups("(heads head_size) hidden") == (("heads", "head_size"), ("hidden",))
    assert axes.groups("hidden") == (("hidden",),)


def test_shape_multiplies_merged_sizes():
    assert axes.shape("hidden (heads head_size)", {"hidden": 8, "heads": 2, "head_size": 4}) == (8, 8)


def test_only_brackets_may_differ_for_the_same_bytes():
    assert axes.same_bytes("hidden heads head_size", "hidden (heads head_size)")
    assert not axes.same_bytes("hidden heads head_size", "(heads head_size) hidden")


def test_a_transposed_kernel_equals_the_einsum_that_defines_it():
    kernel = np.random.default_rng(0).normal(size=(6, 2, 3))
    torch_style = axes.rearrange(
        kernel, "hidden heads head_size", "(heads head_size) hidden", {"hidden": 6, "heads": 2, "head_size": 3}
    )
    vector = np.arange(6.0)
    expected = np.einsum("h,hnd->nd", vector, kernel).reshape(-1)
    assert_close(torch_style @ vector, expected)


@given(
    heads=st.integers(1, 5),
    head_size=st.integers(1, 5),
    hidden=st.integers(1, 7),
    source=st.sampled_from(LAYOUTS_OF_A_KERNEL),
    target=st.sampled_from(LAYOUTS_OF_A_KERNEL),
)
def test_rearranging_there_and_back_changes_nothing(heads, head_size, hidden, source, target):
    sizes = {"heads": heads, "head_size": head_size, "hidden": hidden}
    array = np.arange(heads * head_size * hidden).reshape(axes.shape(source, sizes))
    there = axes.rearrange(array, source, target, sizes)
    assert there.shape == axes.shape(target, sizes)
    np.testing.assert_array_equal(axes.rearrange(there, target, source, sizes), array)


def test_rearranging_between_other_axes_fails():
    with pytest.raises(ValueError, match="not in"):
        axes.rearrange(np.zeros((2, 3)), "hidden vocab", "hidden segment", {"hidden": 2, "vocab": 3, "segment": 3})
