import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bertferry.verify.probes import ModelLimits, coverage, standard_probes

TINY = ModelLimits(vocab_size=30, type_vocab_size=3, max_positions=16)
BASE = ModelLimits(vocab_size=30522, type_vocab_size=2, max_positions=512)

limits = st.builds(ModelLimits, st.integers(1, 200), st.integers(1, 5), st.integers(1, 70))


@settings(deadline=None)
@given(limits=limits, seed=st.integers(0, 5), with_positions=st.booleans())
def test_probes_are_valid_for_any_model(limits, seed, with_positions):
    for probe in standard_probes(limits, seed, with_positions):
        ids, mask, segments = (probe.inputs[name] for name in ("input_word_ids", "input_mask", "input_type_ids"))
        assert ids.shape == mask.shape == segments.shape
        assert {array.dtype for array in probe.inputs.values()} == {np.dtype(np.int32)}
        assert 1 <= ids.shape[1] <= limits.max_positions
        assert 0 <= ids.min() <= ids.max() < limits.vocab_size
        assert 0 <= segments.min() <= segments.max() < limits.type_vocab_size
        assert set(np.unique(mask)) <= {0, 1}
        assert ("masked_lm_positions" in probe.inputs) == with_positions
        if with_positions:
            positions = probe.inputs["masked_lm_positions"]
            assert 0 <= positions.min() <= positions.max() < ids.shape[1]


@settings(deadline=None)
@given(limits=limits)
def test_every_token_position_and_segment_of_a_small_model_is_used(limits):
    probes = standard_probes(limits)
    assert coverage(probes, limits) == 1
    assert max(probe.inputs["input_mask"].sum(axis=1).max() for probe in probes) == limits.max_positions
    segments = {int(s) for p in probes for s in p.inputs["input_type_ids"][p.inputs["input_mask"] == 1]}
    assert 0 in segments
    if limits.max_positions > 1:
        assert limits.type_vocab_size - 1 in segments


@pytest.mark.parametrize("limits", [TINY, BASE])
class TestStructure:
    @pytest.fixture
    def probes(self, limits):
        return {probe.name: probe.inputs for probe in standard_probes(limits)}

    def test_mixed_has_rows_of_different_lengths_with_padding_on_the_right(self, limits, probes):
        mask = probes["mixed"]["input_mask"]
        assert len(mask) >= 3
        assert len(set(mask.sum(axis=1))) == len(mask)
        assert (np.diff(mask, axis=1) <= 0).all()
        assert set(np.unique(probes["mixed"]["input_type_ids"])) == set(range(limits.type_vocab_size))

    def test_lengths(self, limits, probes):
        assert probes["length 1"]["input_mask"].shape[1] == 1
        assert probes["odd length"]["input_mask"].shape[1] % 2 == 1
        assert probes["maximum length"]["input_mask"].shape[1] == limits.max_positions
        assert probes["maximum length"]["input_mask"].all()

    def test_masks(self, limits, probes):
        left = probes["left padding"]["input_mask"]
        assert (np.diff(left, axis=1) >= 0).all()
        assert (left == 0).any()
        holes = probes["mask with holes"]["input_mask"]
        assert (np.diff(holes, axis=1) > 0).any()
        assert (probes["a row of padding"]["input_mask"].sum(axis=1) == 0).any()

    def test_the_same_rows_in_other_batches_and_widths(self, limits, probes):
        mixed = probes["mixed"]
        np.testing.assert_array_equal(probes["batch of 1"]["input_word_ids"], mixed["input_word_ids"][:1])
        widths = [int(name.split()[-1]) for name in probes if name.startswith("padded to")]
        assert widths == [min(limits.max_positions // 4, 64), min(limits.max_positions // 2, 128)]
        for width in widths:
            shared = min(width, mixed["input_word_ids"].shape[1])
            got = probes[f"padded to {width}"]["input_word_ids"]
            np.testing.assert_array_equal(got[:, :shared], mixed["input_word_ids"][:, :shared])

    def test_first_and_last_token(self, limits, probes):
        used = {int(i) for p in probes.values() for i in p["input_word_ids"][p["input_mask"] == 1]}
        assert {0, limits.vocab_size - 1} <= used


def test_equal_seeds_give_equal_probes_and_others_do_not():
    def flat(seed):
        return [p.inputs["input_word_ids"].tolist() for p in standard_probes(BASE, seed)]

    assert flat(3) == flat(3)
    assert flat(3) != flat(4)


def test_coverage_counts_unmasked_words():
    probes = standard_probes(BASE)
    assert 0 < coverage(probes, BASE) < 0.1
