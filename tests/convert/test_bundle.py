"""TensorFlow's checkpoint files, read and written without it: TensorFlow is the judge of both ways."""

import random
import shutil
import tempfile
from itertools import pairwise
from pathlib import Path

import ml_dtypes
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes

from bertferry.convert.bundle import BundleReader, BundleWriter
from bertferry.convert.bundle.checksum import crc32c, masked
from bertferry.convert.bundle.entry import DTYPES, STRINGS
from bertferry.convert.bundle.messages import EntryMessage, HeaderMessage
from bertferry.convert.bundle.table import FOOTER_BYTES, TRAILER_BYTES, _handle, read_table
from bertferry.convert.bundle.table_writer import write_table
from bertferry.core.errors import DataError

NUMERIC = sorted(set(DTYPES.values()) - {STRINGS})
GOLDENS = sorted(Path(__file__).parents[1].glob("fixtures/golden/*/*.index"))


def save_with_tensorflow(prefix, tensors, parts=1):
    """What `SaveV2` writes, or what `MergeV2Checkpoints` makes of several such files."""
    names = sorted(tensors)
    prefixes = [str(prefix)] if parts == 1 else [f"{prefix}-part{number}/part" for number in range(parts)]
    for number, one in enumerate(prefixes):
        some = names[number::parts]
        tf.raw_ops.SaveV2(
            prefix=one,
            tensor_names=some,
            shape_and_slices=[""] * len(some),
            tensors=[as_tensor(tensors[name]) for name in some],
        )
    if parts > 1:
        tf.raw_ops.MergeV2Checkpoints(
            checkpoint_prefixes=prefixes, destination_prefix=str(prefix), delete_old_dirs=True
        )


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
    found = {}
    for name, shape in reader.get_variable_to_shape_map().items():
        value = reader.get_tensor(name)
        if reader.get_variable_to_dtype_map()[name] == tf.string:
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
    """And written again, the files have the bytes that TensorFlow gives them."""
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
    """Any bits, so NaNs of every kind; truth values are 0 or 1."""
    rng = np.random.default_rng(seed)
    count = int(np.prod(shape, dtype=int))
    if dtype == "bool":
        return rng.integers(0, 2, shape).astype(bool)
    return np.frombuffer(rng.bytes(count * np.dtype(dtype).itemsize), dtype).reshape(shape)


@st.composite
def bundles(draw):
    """Names with shared beginnings, any type, empty and scalar tensors; sometimes enough for several blocks."""
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
    @given(bundles(), st.integers(1, 3))
    def both_ways(tensors, parts):
        with tempfile.TemporaryDirectory() as folder:
            save_here(Path(folder, "ours"), tensors)
            assert_same(read_with_tensorflow(Path(folder, "ours")), tensors)
            save_with_tensorflow(Path(folder, "theirs"), tensors, min(parts, len(tensors)))
            assert_same(read_here(Path(folder, "theirs")), tensors)

    both_ways()


def test_every_type_of_numbers(tmp_path):
    tensors = {dtype: numbers(dtype, (3, 5), 0) for dtype in NUMERIC}
    assert tensors["bfloat16"].dtype == ml_dtypes.bfloat16
    save_here(tmp_path / "ours", tensors)
    assert_same(read_with_tensorflow(tmp_path / "ours"), tensors)
    save_with_tensorflow(tmp_path / "theirs", tensors, parts=3)
    assert_same(read_here(tmp_path / "theirs"), tensors)


def test_names_fill_several_blocks(tmp_path):
    tensors = {f"layer_{number}/{'n' * 100}/\xff{number}": np.array(number, np.int64) for number in range(9000)}
    save_here(tmp_path / "ours", tensors)
    save_with_tensorflow(tmp_path / "theirs", tensors)
    assert (tmp_path / "ours.index").read_bytes() == (tmp_path / "theirs.index").read_bytes()
    assert_same(read_here(tmp_path / "ours"), tensors)


@pytest.mark.parametrize("length", [10, 100, 9000, 2**21])
def test_a_partitioned_variable_is_joined(tmp_path, length):
    """Starts and lengths of every width that their keys write them in."""
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


def test_a_missing_part_is_named(tmp_path):
    tf.raw_ops.SaveV2(
        prefix=str(tmp_path / "parts"),
        tensor_names=["table"],
        shape_and_slices=["4 2 0,2:-"],
        tensors=[tf.ones([2, 2])],
    )
    reader = BundleReader(tmp_path / "parts")
    with pytest.raises(DataError, match="parts: tensor table is damaged: its parts are not as large as the whole"):
        reader.read("table")


def reframe(index, change):
    """The index with changed entries, its checksums right."""
    table = read_table(index)
    change(table)
    write_table(index, table)


@pytest.fixture
def two(tmp_path):
    """A checkpoint of two tensors."""
    save_here(tmp_path / "two", {"one": np.ones(4, np.float32), "other": np.zeros((2, 3), np.float32)})
    return tmp_path / "two"


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"offset": 2**62}, "two.data-00000-of-00001 ends before it does"),
        ({"shape": {"dim": [{"size": 2**40}]}}, "it has 16 bytes, not those of its shape"),
        ({"shape": {"dim": [{"size": 2**40}]}, "size": 2**42}, "ends before it does"),
        ({"shard_id": 7}, "it is in data file 7 of 1"),
        ({"dtype": 21}, "its type is TensorFlow's number 21, which is none of numbers"),
        ({"dtype": 7}, "its strings are not as long as they say|a number that does not end|fewer strings"),
        ({"crc32c": 5}, "its checksum is not that of its bytes"),
    ],
)
def test_a_wrong_entry_is_named(two, fields, said):
    def change(table):
        entry = EntryMessage.FromString(table[b"one"])
        entry.MergeFrom(EntryMessage(**fields)) if "shape" not in fields else None
        if "shape" in fields:
            entry.ClearField("shape")
            entry.MergeFrom(EntryMessage(**fields))
        table[b"one"] = entry.SerializeToString()

    reframe(two.with_suffix(".index"), change)
    reader = BundleReader(two)
    with pytest.raises(DataError, match=f"two: tensor one is damaged: .*({said})"):
        reader.read("one")


@pytest.mark.parametrize(
    ("header", "said"),
    [
        ({"num_shards": 1, "endianness": 1}, "written on a big-endian machine"),
        ({"num_shards": 1, "version": {"min_consumer": 2}}, "asks for a reader of version 2"),
    ],
)
def test_a_file_for_another_reader_is_refused(two, header, said):
    reframe(
        two.with_suffix(".index"), lambda table: table.update({b"": HeaderMessage(**header).SerializeToString()})
    )
    with pytest.raises(DataError, match=said):
        BundleReader(two)


def test_a_block_compressed_by_snappy_is_refused_by_name(two):
    """With a right checksum: the first block's type byte stands behind it."""
    from bertferry.convert.bundle import table_writer

    table = read_table(two.with_suffix(".index"))
    plain, table_writer.PLAIN = table_writer.PLAIN, 1
    try:
        write_table(two.with_suffix(".index"), table)
    finally:
        table_writer.PLAIN = plain
    with pytest.raises(DataError, match="compressed by Snappy"):
        BundleReader(two)


@pytest.mark.slow
@pytest.mark.parametrize("case", range(10))
def test_a_mutated_index_ends_in_one_line(golden, tmp_path, case):
    """Bytes of a block changed and its checksum made right again: nothing in it may be believed."""
    shutil.copy(golden / "tf1_core_L2" / "bert_model.ckpt.data-00000-of-00001", tmp_path / "m.data-00000-of-00001")
    index = golden / "tf1_core_L2" / "bert_model.ckpt.index"
    for turn in range(100):
        rng = random.Random(f"{case} {turn}")
        mutate(index, tmp_path / "m.index", rng)
        try:
            reader = BundleReader(tmp_path / "m")
            for name in reader.entries:
                reader.read(name)
        except DataError as error:
            assert "\n" not in str(error)  # noqa: PT017 - it may also be unharmed


def mutate(index, target, rng):
    """Changes a few bytes of the data block, the first of all; the empty meta index follows it."""
    content = bytearray(index.read_bytes())
    (meta, _), _ = _handle(memoryview(content), len(content) - FOOTER_BYTES)
    end = meta - TRAILER_BYTES
    for _ in range(rng.randrange(1, 4)):
        content[rng.randrange(end)] = rng.randrange(256)
    content[end + 1 : meta] = masked(crc32c(content[: end + 1])).to_bytes(4, "little")
    target.write_bytes(content)
