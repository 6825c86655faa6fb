"""Reading and writing TensorFlow checkpoint files without TensorFlow, compared with TensorFlow."""

import random
import shutil
import tempfile
from itertools import pairwise
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes
from judges import tf

from bertferry.convert import ConversionOptions, convert_checkpoint
from bertferry.convert.bundle import BundleReader, BundleWriter
from bertferry.convert.bundle.entry import DTYPE_OF_NUMBER, STRINGS
from bertferry.core.errors import DataError

UNREADABLE = {"qint8", "quint8", "qint16", "quint16", "qint32", "resource", "variant"}
NARROW = {"int2": (-2, 2), "uint2": (0, 4), "int4": (-8, 8), "uint4": (0, 16), "float4_e2m1fn": (-6, 7)}
"""Types narrower than a byte, of which not every byte is a number: the range from which they are drawn."""
NUMERIC = sorted(set(DTYPE_OF_NUMBER.values()) - {STRINGS} - UNREADABLE)
GOLDENS = sorted(Path(__file__).parents[1].glob("fixtures/golden/*/*.index"))


def save_with_tensorflow(prefix, tensors, parts=1, cut=None):
    """Saves with `SaveV2`, or in several parts that `MergeV2Checkpoints` merges.

    `cut` returns the pieces into which to partition a tensor, as specification and values, or nothing.
    """
    saved = [piece for name in sorted(tensors) for piece in pieces_of(name, tensors[name], cut)]
    prefixes = [str(prefix)] if parts == 1 else [f"{prefix}-part{number}/part" for number in range(parts)]
    for number, one in enumerate(prefixes):
        names, specifications, values = zip(*saved[number::parts], strict=True)
        tf.raw_ops.SaveV2(
            prefix=one,
            tensor_names=names,
            shape_and_slices=specifications,
            tensors=[as_tensor(value) for value in values],
        )
    if parts > 1:
        tf.raw_ops.MergeV2Checkpoints(
            checkpoint_prefixes=prefixes, destination_prefix=str(prefix), delete_old_dirs=True
        )


def pieces_of(name, array, cut):
    pieces = cut(array) if cut and array.dtype != object else []
    return [(name, *piece) for piece in pieces or [("", array)]]


def cut_along(axes, random):
    """A function that partitions tensors of more than one element at a random place along these axes."""

    def cut(array):
        pieces: list[tuple[list[str], Any]] = [([], array)]
        for axis, size in enumerate(array.shape):
            if axis not in axes or size < 2 or not array.size:
                pieces = [([*extents, "-"], values) for extents, values in pieces]
                continue
            place = random.randrange(1, size)
            pieces = [
                ([*extents, f"{start},{stop - start}"], np.take(values, range(start, stop), axis))
                for extents, values in pieces
                for start, stop in ((0, place), (place, size))
            ]
        shape = " ".join(map(str, array.shape))
        return [(f"{shape} {':'.join(extents)}", values) for extents, values in pieces] if len(pieces) > 1 else []

    return cut


def as_tensor(array):
    if array.dtype == object:
        return (
            tf.constant(array.reshape(-1).tolist(), tf.string, [array.size])
            if array.ndim
            else tf.constant(array[()])
        )
    return tf.constant(array)


def save_here(prefix, tensors):
    with BundleWriter(prefix) as writer:
        for name in sorted(tensors, key=str.encode):
            array = tensors[name]
            if array.dtype == object:
                writer.add_strings(name, array.shape, array.reshape(-1).tolist())
            else:
                pieces = [array.tobytes()[:3], array.tobytes()[3:]]
                writer.add(name, array.dtype.name, array.shape, pieces)


def read_with_tensorflow(prefix):
    reader = tf.train.load_checkpoint(str(prefix))
    dtypes = reader.get_variable_to_dtype_map()  # converts every name: once, not once per tensor
    found = {}
    for name, shape in reader.get_variable_to_shape_map().items():
        value = reader.get_tensor(name)
        if dtypes[name] == tf.string:
            kept = np.empty(shape, object)
            kept[...] = value
            value = kept
        found[name] = np.asarray(value)
    return found


def assert_same(found, expected):
    assert found.keys() == expected.keys()
    for name, array in expected.items():
        assert found[name].dtype == array.dtype, name
        assert found[name].shape == array.shape, name
        same = (
            found[name].tolist() == array.tolist()
            if array.dtype == object
            else found[name].tobytes() == array.tobytes()
        )
        assert same, name


def read_here(prefix):
    reader = BundleReader(Path(prefix))
    found = {name: reader.read(name) for name in reader.entries}
    for name, array in found.items():
        if array.dtype != object:
            assert b"".join(map(bytes, reader.chunks(name))) == array.tobytes()
    return found


@pytest.mark.parametrize("index", GOLDENS, ids=lambda index: index.parent.name)
def test_what_every_release_wrote_reads_to_the_same_bits(index, tmp_path):
    """Written again, the files have the same bytes as those that TensorFlow writes."""
    expected = read_with_tensorflow(index.with_suffix(""))
    assert_same(read_here(index.with_suffix("")), expected)
    save_here(tmp_path / "ours", expected)
    save_with_tensorflow(tmp_path / "theirs", expected)
    for ending in (".index", ".data-00000-of-00001"):
        assert (
            Path(f"{tmp_path / 'ours'}{ending}").read_bytes()
            == Path(f"{tmp_path / 'theirs'}{ending}").read_bytes()
        )


def numbers(dtype, shape, seed):
    """Random bits, including NaNs of every kind; booleans are 0 or 1."""
    rng = np.random.default_rng(seed)
    count = int(np.prod(shape, dtype=int))
    if dtype == "bool":
        return rng.integers(0, 2, shape).astype(bool)
    if dtype in NARROW:
        return rng.integers(*NARROW[dtype], shape).astype(dtype)
    return np.frombuffer(rng.bytes(count * np.dtype(dtype).itemsize), dtype).reshape(shape)


@st.composite
def bundles(draw):
    """Names with common prefixes, all types, empty and scalar tensors; sometimes names for several blocks."""
    stem = draw(st.text("ab/_.é", max_size=20))
    names = draw(st.sets(st.text("ab/_é", min_size=1, max_size=8), min_size=1, max_size=8))
    tensors = {}
    for number, name in enumerate(sorted(names)):
        shape = draw(array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=5))
        dtype = draw(st.sampled_from([*NUMERIC, STRINGS]))
        if dtype == STRINGS:
            array = np.empty((3,) if shape else (), object)
            array[...] = draw(st.binary(max_size=300))
        else:
            array = numbers(dtype, shape, number)
        tensors[stem + name] = array
    if draw(st.booleans()):
        for number in range(300):
            tensors[f"{number:03}{stem}{'x' * 1000}"] = np.array(number, np.int16)
    return tensors


@pytest.mark.slow
@pytest.mark.parametrize("case", range(10))
def test_random_bundles_go_both_ways(case):
    @settings(max_examples=50, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(bundles(), st.integers(1, 3), st.sets(st.integers(0, 2)), st.randoms(use_true_random=False))
    def both_ways(tensors, parts, axes, random):
        with tempfile.TemporaryDirectory() as folder:
            save_here(Path(folder, "ours"), tensors)
            assert_same(read_with_tensorflow(Path(folder, "ours")), tensors)
            save_with_tensorflow(
                Path(folder, "theirs"), tensors, min(parts, len(tensors)), cut_along(axes, random)
            )
            assert_same(read_here(Path(folder, "theirs")), tensors)

    both_ways()


def test_every_type_of_numbers(tmp_path):
    known = [dtype for dtype in NUMERIC if hasattr(np, dtype) or hasattr(ml_dtypes, dtype)]  # older ones lack some
    tensors = {dtype: numbers(dtype, (3, 5), 0) for dtype in known}
    assert tensors["bfloat16"].dtype == ml_dtypes.bfloat16
    save_here(tmp_path / "ours", tensors)
    assert_same(read_with_tensorflow(tmp_path / "ours"), tensors)
    save_with_tensorflow(tmp_path / "theirs", tensors, parts=3)
    assert_same(read_here(tmp_path / "theirs"), tensors)


def test_types_without_numbers_are_named(tmp_path):
    quantized = tf.quantization.quantize(tf.constant([0.0, 1.0]), 0.0, 1.0, tf.qint8)[0]
    tf.raw_ops.SaveV2(prefix=str(tmp_path / "q"), tensor_names=["q"], shape_and_slices=[""], tensors=[quantized])
    reader = BundleReader(tmp_path / "q")
    assert reader.entries["q"].dtype == "qint8"
    reader.check("q")
    with pytest.raises(DataError, match="tensor q is damaged: its type, qint8, is not a supported numeric type"):
        reader.read("q")


def test_the_state_of_a_data_pipeline_is_checked(tmp_path):
    """It is opaque, but damage there casts doubt on the whole file."""
    pipeline = iter(tf.data.Dataset.range(100).shuffle(10).batch(3))
    prefix = Path(tf.train.Checkpoint(pipeline=pipeline).write(str(tmp_path / "state")))
    (key,) = (key for key, entry in BundleReader(prefix).entries.items() if entry.dtype == "variant")
    BundleReader(prefix).check(key)
    entry = BundleReader(prefix).entries[key]
    data = tmp_path / "state.data-00000-of-00001"
    content = bytearray(data.read_bytes())
    for place in (entry.offset, entry.offset + 1, entry.offset + entry.size // 2, entry.offset + entry.size - 1):
        content[place] ^= 1
        data.write_bytes(content)
        with pytest.raises(DataError, match=r"state: tensor pipeline/.* is damaged"):
            BundleReader(prefix).check(key)
        content[place] ^= 1


@pytest.mark.parametrize("axes", [{0}, {1}, {0, 2}])
def test_a_partitioned_tensor_has_the_bytes_of_the_whole(tmp_path, axes):
    whole = {"table": np.arange(60, dtype=np.float32).reshape(3, 4, 5), "other": np.ones(3, np.int8)}
    save_with_tensorflow(tmp_path / "parts", whole, 2, cut_along(axes, random.Random(0)))
    assert BundleReader(tmp_path / "parts").entries["table"].slices
    assert_same(read_here(tmp_path / "parts"), whole)


def test_names_fill_several_blocks(tmp_path):
    tensors = {f"layer_{number}/{'n' * 100}/\xff{number}": np.array(number, np.int64) for number in range(9000)}
    save_here(tmp_path / "ours", tensors)
    save_with_tensorflow(tmp_path / "theirs", tensors)
    assert (tmp_path / "ours.index").read_bytes() == (tmp_path / "theirs.index").read_bytes()
    assert_same(read_here(tmp_path / "ours"), tensors)


@pytest.mark.parametrize("length", [10, 100, 9000, 2**21])
def test_a_partitioned_variable_is_joined(tmp_path, length):
    """Starts and lengths that take different numbers of bytes in the keys."""
    whole = np.arange(2 * length, dtype=np.int16).reshape(length, 2)
    cuts = [0, length // 3, length - 1, length]
    tf.raw_ops.SaveV2(
        prefix=str(tmp_path / "parts"),
        tensor_names=["table"] * 3 + ["other"],
        shape_and_slices=[f"{length} 2 {one},{other - one}:-" for one, other in pairwise(cuts)] + [""],
        tensors=[tf.constant(whole[one:other]) for one, other in pairwise(cuts)] + [tf.ones([2])],
    )
    found = read_here(tmp_path / "parts")
    assert found.keys() == {"table", "other"}
    assert (
        found["table"].tobytes() == whole.tobytes() == read_with_tensorflow(tmp_path / "parts")["table"].tobytes()
    )


def test_a_checkpoint_with_a_partitioned_table_converts(golden, tmp_path):
    """As TensorFlow 1 saved it from several parameter servers."""
    expected = read_with_tensorflow(golden / "tf1_core_L2" / "bert_model.ckpt")
    names = sorted(expected)
    table = "bert/embeddings/word_embeddings"
    rows, width = expected[table].shape
    half = rows // 2
    tf.raw_ops.SaveV2(
        prefix=str(tmp_path / "bert_model.ckpt"),
        tensor_names=[*names, table],
        shape_and_slices=[f"{rows} {width} 0,{half}:-" if name == table else "" for name in names]
        + [f"{rows} {width} {half},{rows - half}:-"],
        tensors=[tf.constant(expected[name][:half] if name == table else expected[name]) for name in names]
        + [tf.constant(expected[table][half:])],
    )
    shutil.copy(golden / "tf1_core_L2" / "bert_config.json", tmp_path)
    convert_checkpoint(tmp_path, tmp_path / "out", ConversionOptions("tf1"))
    assert_same(
        read_with_tensorflow(tmp_path / "out" / "bert_model.ckpt"),
        {**expected, "global_step": np.array(0, np.int64)},
    )
