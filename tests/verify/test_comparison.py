import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from bertferry.core.errors import UsageError
from bertferry.verify import PROFILES, Tolerance, compare
from bertferry.verify.tolerance import profile

LOOSE = Tolerance("test", atol=1e-3, rtol=1e-3)
EXACT = PROFILES["exact"]
finite = arrays.arrays(
    np.float32, arrays.array_shapes(min_dims=0, max_dims=3), elements=st.floats(-1e3, 1e3, width=32)
)


def compare_one(want, got, tolerance=LOOSE, name="pooled_output", **options):
    (diff,) = compare({name: np.asarray(want)}, {name: np.asarray(got)}, tolerance, **options)
    return diff


@given(array=finite)
def test_equal_arrays_agree_under_every_profile(array):
    for tolerance in PROFILES.values():
        diff = compare_one(array, array.copy(), tolerance)
        assert diff.ok
        assert diff.statistics.max_abs == diff.statistics.needed_atol == diff.statistics.violations == 0
        assert diff.statistics.sqnr_db == math.inf


@given(array=finite, data=st.data())
def test_one_changed_element_is_caught_and_named(array, data):
    index = tuple(data.draw(st.integers(0, size - 1)) for size in array.shape)
    changed = array.copy()
    changed[index] += 2 * (1e-3 + 1e-3 * abs(array[index])) + 0.01
    diff = compare_one(array, changed)
    assert not diff.ok
    assert diff.statistics.worst_index == index
    assert diff.statistics.violations == pytest.approx(1 / array.size)
    assert diff.statistics.candidate_value == changed[index]


@given(want=finite, noise=st.floats(0, 5))
def test_the_needed_tolerance_would_have_been_enough(want, noise):
    got = want + np.float32(noise) * np.sign(want + 0.5)
    statistics = compare_one(want, got.astype(np.float32)).statistics
    slack = 1 + 1e-9
    assert compare_one(want, got, Tolerance("t", statistics.needed_atol * slack + 1e-12, LOOSE.rtol)).ok
    if math.isfinite(statistics.needed_rtol):
        assert compare_one(want, got, Tolerance("t", LOOSE.atol, statistics.needed_rtol * slack + 1e-12)).ok


class TestOrderOfChecks:
    def test_a_missing_output_fails(self):
        diffs = compare({"a": np.ones(2), "b": np.ones(2)}, {"a": np.ones(2)}, LOOSE)
        assert [diff.reason for diff in diffs] == ["", "missing in the candidate"]

    def test_an_extra_output_fails(self):
        diffs = compare({"a": np.ones(2)}, {"a": np.ones(2), "b": np.ones(2)}, LOOSE)
        assert [diff.reason for diff in diffs] == ["", "not in the reference"]

    def test_conveniences_of_a_module_never_count(self):
        (diff,) = compare({"a": np.ones(2)}, {"a": np.ones(2), "default": np.ones(3)}, LOOSE)
        assert diff.ok

    def test_nothing_to_compare_fails(self):
        (diff,) = compare({}, {"default": np.ones(3)}, LOOSE)
        assert not diff.ok

    @pytest.mark.parametrize(
        ("got", "reason"),
        [
            (np.ones((4, 1), np.float32), r"shape [4, 1], reference [4]"),
            (np.ones((1,), np.float32), r"shape [1], reference [4]"),
            (np.ones(4, np.float16), "dtype float16, reference float32"),
            (np.ones(4, np.float64), "dtype float64, reference float32"),
            (np.array([1, np.nan, 1, 1], np.float32), "nan in the candidate at [1]"),
            (np.array([1, 1, -np.inf, 1], np.float32), "-inf in the candidate at [2]"),
        ],
    )
    def test_the_first_failing_check_is_the_reason(self, got, reason):
        assert compare_one(np.ones(4, np.float32), got).reason == reason

    def test_shape_comes_before_dtype_and_dtype_before_values(self):
        assert compare_one(np.ones(4, np.float32), np.full(3, np.nan, np.float16)).reason.startswith("shape")
        assert compare_one(np.ones(4, np.float32), np.full(4, np.nan, np.float16)).reason.startswith("dtype")

    def test_empty_outputs_prove_nothing(self):
        assert compare_one(np.ones((0, 3)), np.ones((0, 3))).reason == "empty: shape [0, 3]"

    def test_nan_on_both_sides_is_no_agreement(self):
        both = np.array([1, np.nan], np.float32)
        assert compare_one(both, both).reason == "nan in the reference at [1]"

    def test_infinity_on_both_sides_is_no_agreement(self):
        both = np.array([np.inf], np.float32)
        assert not compare_one(both, both).ok


class TestValues:
    def test_the_tolerance_is_absolute_plus_relative_to_the_reference(self):
        want = np.array([0.0, 100.0], np.float32)
        assert compare_one(want, np.array([0.00099, 100.1], np.float32)).ok
        assert not compare_one(want, np.array([0.0011, 100.0], np.float32)).ok
        assert not compare_one(want, np.array([0.0, 100.2], np.float32)).ok

    def test_worst_is_judged_by_excess_not_by_size(self):
        want = np.array([1000.0, 0.0], np.float32)
        statistics = compare_one(want, np.array([1000.9, 0.5], np.float32)).statistics
        assert statistics.worst_index == (1,)
        assert statistics.max_abs == pytest.approx(0.9, rel=1e-3)

    def test_float16_is_compared_without_overflow(self):
        diff = compare_one(np.array([60000], np.float16), np.array([-60000], np.float16))
        assert diff.statistics.max_abs == 120000 - 2 * (60000 - float(np.float16(60000)))

    def test_integers_compare(self):
        assert compare_one(np.array([1, 2]), np.array([1, 2])).ok
        assert not compare_one(np.array([1, 2]), np.array([1, 3])).ok

    def test_scalars_compare(self):
        diff = compare_one(np.array(1), np.array(3), PROFILES["fp32"], any_values=True)
        assert diff.reason == "3 at [], reference 1"
        assert compare_one(np.array(0.0), np.array(math.inf)).reason == "inf in the candidate at []"

    def test_a_constant_output_is_caught(self):
        want = np.random.default_rng(0).normal(size=(4, 8)).astype(np.float32)
        assert not compare_one(want, np.zeros_like(want), PROFILES["bf16"]).ok

    def test_swapped_signs_of_small_values_fail_by_sqnr(self):
        want = np.full(100, 5e-6, np.float32)
        diff = compare_one(want, -want, PROFILES["fp32"])
        assert diff.statistics.violations == 0
        assert diff.reason.startswith("SQNR -6.0 dB, at least 100 required")

    def test_the_minimum_cosine_of_a_row(self):
        want = np.array([[1.0, 0.0], [0.0, 1.0]], np.float32)
        got = np.array([[1.0, 0.0], [1.0, 0.0]], np.float32)
        tolerance = Tolerance("t", atol=10, rtol=0, min_cosine=0.9)
        diff = compare_one(want, got, tolerance)
        assert diff.statistics.worst_row_cosine == 0
        assert "cosine of worst row 0.0000" in diff.reason


class TestStatistics:
    def test_sqnr(self):
        statistics = compare_one(np.array([3.0, 4.0]), np.array([3.0, 4.5]), PROFILES["bf16"]).statistics
        assert statistics.sqnr_db == pytest.approx(10 * math.log10(25 / 0.25))

    def test_noise_on_silence_has_no_ratio(self):
        assert compare_one(np.zeros(2), np.ones(2)).statistics.sqnr_db == -math.inf

    @pytest.mark.parametrize("dtype", [np.float16, np.float32])
    def test_units_in_the_last_place(self, dtype):
        want = np.array([1, 1, -1, 0], dtype)
        got = np.array([np.nextafter(dtype(1), dtype(2)), 1, -1, -np.nextafter(dtype(0), dtype(1))], dtype)
        statistics = compare_one(want, got).statistics
        assert statistics.ulp_median == 0.5
        assert statistics.ulp_p99 == pytest.approx(1)

    def test_there_are_no_ulps_of_other_types(self):
        assert compare_one(np.ones(2), np.ones(2)).statistics.ulp_median is None

    def test_percentiles(self):
        want = np.zeros(1001)
        statistics = compare_one(want, np.arange(1001.0)).statistics
        assert statistics.percentiles == pytest.approx({"50": 500, "90": 900, "99": 990, "99.9": 999})

    def test_needed_rtol_is_infinite_at_a_zero(self):
        assert compare_one(np.zeros(1), np.ones(1)).statistics.needed_rtol == math.inf


class TestPositions:
    WANT = np.zeros((2, 3, 4), np.float32)
    MASK = np.array([[1, 1, 0], [0, 0, 0]])

    def changed(self, *index):
        got = self.WANT.copy()
        got[index] = 1
        return got

    def test_all_positions_are_judged_by_default(self):
        assert not compare_one(self.WANT, self.changed(0, 2), name="sequence_output", mask=self.MASK).ok

    def test_unmasked_judges_tokens_alone(self):
        options = {"name": "sequence_output", "mask": self.MASK, "positions": "unmasked"}
        assert compare_one(self.WANT, self.changed(0, 2), **options).ok
        assert not compare_one(self.WANT, self.changed(0, 1), **options).ok
        assert compare_one(self.WANT, self.changed(1), **options).ok

    def test_span_logits_have_positions_too(self):
        want, got = np.zeros((1, 3), np.float32), np.array([[0, 0, 1]], np.float32)
        mask = np.array([[1, 1, 0]])
        assert compare_one(want, got, name="start_logits", mask=mask, positions="unmasked").ok
        assert not compare_one(want, got, name="logits", mask=mask, positions="unmasked").ok

    def test_unjudged_positions_must_be_finite_too(self):
        got = self.changed(0, 2)
        got[0, 2] = np.nan
        options = {"name": "sequence_output", "mask": self.MASK, "positions": "unmasked"}
        assert "nan" in compare_one(self.WANT, got, **options).reason

    def test_all_padding_rows_can_be_left_out(self):
        options = {"name": "sequence_output", "mask": self.MASK, "judge_padding": False}
        assert compare_one(self.WANT, self.changed(1), **options).ok
        assert not compare_one(self.WANT, self.changed(0, 2), **options).ok
        pooled = np.zeros((2, 4), np.float32)
        other = pooled.copy()
        other[1] = 1
        assert compare_one(pooled, other, mask=self.MASK, judge_padding=False).ok


def test_profiles_by_name():
    assert profile("fp16") is PROFILES["fp16"]
    with pytest.raises(UsageError, match="expected one of exact, fp32"):
        profile("fp12")


def test_wider_profiles_are_wider():
    by_element = [profile for profile in PROFILES.values() if profile.name != "int8"]  # judged by aggregates alone
    for narrow, wide in pairwise(by_element[1:]):
        assert narrow.atol < wide.atol
        assert narrow.rtol < wide.rtol
        assert narrow.min_sqnr_db > wide.min_sqnr_db
