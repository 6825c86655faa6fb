"""Inputs for signatures that nobody described.

A first batch is looked for that the source accepts: free dimensions of other lengths, values of other ranges. Then
others of that kind follow, each for a class of faults: negative and large integers, the first and last row of a
table, ties, zeros, batches of one, NaN where the graph looks for it.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import tensorflow as tf

from bertferry.export.onnx.input_roles import Input, Values, is_integer
from bertferry.verify.probes import Probe

LENGTHS = (16, 32, 64, 128, 224)
"""Lengths of free dimensions to try; the last is that of images."""
BATCH = 3
FEW = 2
"""Integers of which nothing is known are 0 and 1 at first."""
LARGE = 2**24 + 1
"""The first integer that float32 does not have."""


@dataclass(frozen=True)
class Style:
    """How values are drawn: a name, floats, and integers."""

    name: str
    floats: Callable[[np.random.Generator, tuple[int, ...]], np.ndarray]
    integers: Callable[[np.random.Generator, tuple[int, ...], int], np.ndarray]


def _below(first: int) -> Callable[[np.random.Generator, tuple[int, ...], int], np.ndarray]:
    return lambda rng, shape, limit: rng.integers(first, max(limit, first + 1), shape)


FIRST = (
    Style("typical", lambda rng, shape: rng.normal(size=shape), _below(0)),
    Style("positive", lambda rng, shape: np.abs(rng.normal(size=shape)) + 0.1, _below(1)),
    Style("fractions", lambda rng, shape: rng.uniform(size=shape), _below(1)),
    Style("zeros", lambda rng, shape: np.zeros(shape), lambda rng, shape, limit: np.zeros(shape, np.int64)),
    Style("ones", lambda rng, shape: np.ones(shape), lambda rng, shape, limit: np.ones(shape, np.int64)),
)


@dataclass(frozen=True)
class Kind:
    """What a signature accepts: a length of free dimensions, a style, and whether its inputs are ragged."""

    length: int
    style: Style
    ragged: bool

    def probe(
        self, name: str, inputs: Sequence[Input], values: Values, batch: int = BATCH, scale: float = 1.0
    ) -> Probe:
        """A batch; a free first dimension is the batch, the other free dimensions have one length."""
        arrays = {}
        for given in inputs:
            free = (batch if axis == 0 else self.length for axis in range(len(given.shape)))
            shape = tuple(
                size if size is not None else other for size, other in zip(given.shape, free, strict=True)
            )
            arrays[given.name] = _as_type(values(given, shape), given)
        return Probe(name, _with_rows(arrays, inputs) if self.ragged else arrays, scale)


def first_probes(inputs: Sequence[Input]) -> Iterator[tuple[Kind, Probe]]:
    """Batches to try until the source accepts one, with the kind of each."""
    free = any(size is None for one in inputs for size in one.shape[1:])
    for ragged in (False, True) if any(one.splits for one in inputs) else (False,):
        for length in (*LENGTHS, BATCH) if free else LENGTHS[:1]:
            for style in FIRST:
                if length == LENGTHS[0] or style.name in ("typical", "fractions"):
                    kind = Kind(length, style, ragged)
                    yield kind, kind.probe(style.name, inputs, _drawn(style))


def other_values(inputs: Sequence[Input], kind: Kind) -> Probe:
    """A batch of the same shapes as the first of a kind."""
    style = next(style for style in FIRST if style is not kind.style)
    return kind.probe(style.name, inputs, _drawn(style))


def more_probes(inputs: Sequence[Input], kind: Kind) -> Iterator[Probe]:
    """The other batches of the kind that the source accepted first."""
    typical = _drawn(kind.style)
    for style in FIRST:
        if style is not kind.style:
            yield kind.probe(style.name, inputs, _drawn(style))
    yield kind.probe("batch of 1", inputs, typical, 1)
    odd = replace(kind, length=7 if kind.length == LENGTHS[0] else kind.length + 1)
    yield odd.probe("odd length", inputs, typical)
    if kind.length == LENGTHS[0]:
        yield replace(kind, length=1).probe("length 1", inputs, typical)
    for name, floats, integers, scale in SPECIAL:
        yield kind.probe(name, inputs, _special(typical, floats, integers), scale=scale)
    if any(is_integer(one) and not one.is_size for one in inputs):
        yield kind.probe("first and last rows", inputs, _special(typical, None, _ends))
        yield kind.probe("last row by -1", inputs, _special(typical, None, _minus_one))
    if any(one.keys is not None for one in inputs):
        yield kind.probe("keys of a table", inputs, _keys(typical))
    if any(one.dtype == tf.float64 for one in inputs):
        yield kind.probe("close floats", inputs, _special(typical, _close, None))
    if any(one.may_be_nan for one in inputs):
        yield kind.probe("not finite", inputs, _special(typical, _not_finite, None))


def _with_rows(arrays: dict[str, np.ndarray], inputs: Sequence[Input]) -> dict[str, np.ndarray]:
    """The arrays with limits that divide others into rows, the second of which is empty."""
    rows = dict(arrays)
    for given in sorted(inputs, key=lambda one: one.name, reverse=True):  # inner limits before outer ones
        if given.splits is not None:
            divided = rows[given.splits]
            is_limits = any(one.name == given.splits and one.splits is not None for one in inputs)
            count = len(divided) - is_limits
            limits = np.linspace(0, count, max(2, len(arrays[given.name])))
            limits[1:-1] = np.floor(limits[1:-1])
            limits[2:-1] = limits[1:-2]
            rows[given.name] = limits.astype(given.dtype.as_numpy_dtype)
    return rows


def _drawn(style: Style) -> Values:
    """Typical values: integers are rows of their table, or few."""
    rng = np.random.default_rng(0)

    def draw(given: Input, shape: tuple[int, ...]) -> np.ndarray:
        if given.dtype.is_floating or given.dtype.is_complex:
            return style.floats(rng, shape)
        if given.dtype.is_bool:
            return rng.integers(0, 2, shape)
        if not is_integer(given):
            return rng.choice(np.array(["a", "b", ""], object), shape)
        limit = 4 if given.is_size and given.rows is None else given.rows or FEW
        return style.integers(rng, shape, limit)

    return draw


def _special(typical: Values, floats: Values | None, integers: Values | None) -> Values:
    """Other floats or integers where no size depends on them, else typical values."""

    def draw(given: Input, shape: tuple[int, ...]) -> np.ndarray:
        other = floats if given.dtype.is_floating else integers if is_integer(given) else None
        return typical(given, shape) if other is None or given.is_size else other(given, shape)

    return draw


def _keys(typical: Values) -> Values:
    """Keys of the tables in which inputs are looked up."""

    def draw(given: Input, shape: tuple[int, ...]) -> np.ndarray:
        if given.keys is None or not len(given.keys) or (given.dtype == tf.string) != (given.keys.dtype == object):
            return typical(given, shape)
        return np.random.default_rng(5).choice(given.keys, shape)

    return draw


def _from(choices: Sequence[float]) -> Values:
    """Values drawn from a few, each at least once if there is room."""

    def draw(given: Input, shape: tuple[int, ...]) -> np.ndarray:
        rng = np.random.default_rng(len(choices))
        values = rng.choice(np.array(choices), shape)
        room = min(len(choices), values.size)
        values.reshape(-1)[:room] = choices[:room]
        return values

    return draw


def _integers(given: Input, shape: tuple[int, ...]) -> np.ndarray:
    """Negative and large integers of the input's type, in no order, some twice."""
    limits = np.iinfo(given.dtype.as_numpy_dtype)
    wide = (-1, LARGE, 2**53 + 1, -7, 5, LARGE - 1, -LARGE, 2**31 - 1, -(2**31), 2**31 + 1, -2, 3, LARGE, 0, -1)
    choices = [number for number in (*wide, limits.max, limits.min) if limits.min <= number <= limits.max]
    rng = np.random.default_rng(1)
    values = rng.choice(np.array(choices, given.dtype.as_numpy_dtype), shape)
    values.reshape(-1)[: len(choices)] = np.array(choices, values.dtype)[: values.size]
    return values


def _overflowing(given: Input, shape: tuple[int, ...]) -> np.ndarray:
    """Integers so large that the sum of two is beyond their type."""
    dtype = given.dtype.as_numpy_dtype
    largest = np.iinfo(dtype).max
    less = np.random.default_rng(4).integers(0, min(largest, 2**24), shape)
    return np.asarray(largest - less.astype(dtype), dtype)


def _close_integers(given: Input, shape: tuple[int, ...]) -> np.ndarray:
    """Integers that are equal in the float in which a translation may compare them."""
    largest = np.iinfo(given.dtype.as_numpy_dtype).max
    first = max(base for base in (0, 2**8, 2**11, 2**24, 2**53) if base < largest)
    return first + np.random.default_rng(3).integers(0, 2, shape)


def _ends(given: Input, shape: tuple[int, ...]) -> np.ndarray:
    return _from((0, (given.rows or FEW) - 1))(given, shape)


def _minus_one(given: Input, shape: tuple[int, ...]) -> np.ndarray:
    return _from((-1, 0, (given.rows or FEW) - 1))(given, shape)


def _not_finite(given: Input, shape: tuple[int, ...]) -> np.ndarray:
    return _from((np.nan, 1.0, np.inf, -0.5, -np.inf, 0.0))(given, shape)


def _close(given: Input, shape: tuple[int, ...]) -> np.ndarray:
    """Values that are equal in float32 and different in float64."""
    return 1 + 1e-12 * _from((3.0, 1.0, 4.0, 2.0, 5.0))(given, shape)


SPECIAL: tuple[tuple[str, Values | None, Values | None, float], ...] = (
    ("ties", _from((1.0, 0.0, 1.0, -1.0, 2.0)), _from((1, 0, 1)), 1.0),
    ("negative", lambda given, shape: -np.abs(_from((1.0, 0.3, 2.5, 0.7))(given, shape)), None, 1.0),
    ("large floats", _from((-1000.0, 250.0, 1000.0, -3.5, 0.01)), None, 1000.0),
    ("small integers", None, _from((-1, 2, -2, 7, 3, -9, 4)), 10.0),
    ("large integers", None, _integers, float(2**32)),
    ("overflowing integers", None, _overflowing, float(2**32)),
    ("close integers", None, _close_integers, float(2**53)),
)
"""Probes of special values: name, floats, integers, and the scale of the values."""


def _as_type(values: np.ndarray, given: Input) -> np.ndarray:
    dtype = given.dtype.as_numpy_dtype
    if is_integer(given) and values.dtype != dtype:
        limits = np.iinfo(dtype)
        values = np.clip(values, max(limits.min, -(2**62)), min(int(limits.max), 2**62))
    return np.asarray(values).astype(dtype)
