"""Everything that a TensorFlow checkpoint states is checked before it is used."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from judges import tf

from bertferry.convert.bundle import BundleReader, BundleWriter, table_writer
from bertferry.convert.bundle.messages import EntryMessage, HeaderMessage
from bertferry.convert.bundle.table import read_table
from bertferry.convert.bundle.table_writer import write_table
from bertferry.core.errors import DataError


def test_a_missing_part_is_named(tmp_path):
    tf.raw_ops.SaveV2(
        prefix=str(tmp_path / "parts"),
        tensor_names=["table"],
        shape_and_slices=["4 2 0,2:-"],
        tensors=[tf.ones([2, 2])],
    )
    reader = BundleReader(tmp_path / "parts")
    with pytest.raises(
        DataError, match="parts: tensor table is damaged: its parts do not have the size of the whole"
    ):
        reader.read("table")


def reframe(index, change):
    """Changes entries of the index and corrects its checksums."""
    table = read_table(index)
    change(table)
    write_table(index, table)


@pytest.fixture
def two(tmp_path):
    """A checkpoint of two tensors."""
    with BundleWriter(tmp_path / "two") as writer:
        writer.add("one", "float32", (4,), [np.ones(4, np.float32).tobytes()])
        writer.add("other", "float32", (2, 3), [bytes(24)])
    return tmp_path / "two"


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"offset": 2**62}, "two.data-00000-of-00001 is truncated"),
        ({"shape": {"dim": [{"size": 2**40}]}}, "it has 16 bytes, but its shape requires 4398046511104"),
        ({"shape": {"dim": [{"size": 2**40}]}, "size": 2**42}, "is truncated"),
        ({"shard_id": 7}, "it is in data file 7, but the checkpoint has only 1"),
        ({"dtype": 11}, "its type, qint8, is not a supported numeric type"),
        ({"dtype": 99}, "its type, number 99 in TensorFlow, is not a supported numeric type"),
        ({"dtype": 7}, "the lengths of its strings do not match|unterminated number|fewer strings"),
        ({"crc32c": 5}, "its checksum does not match its bytes"),
    ],
)
def test_a_wrong_entry_is_named(two, fields, said):
    def change(table):
        entry = EntryMessage.FromString(table[b"one"])
        for field in fields:
            entry.ClearField(field)
        entry.MergeFrom(EntryMessage(**fields))
        table[b"one"] = entry.SerializeToString()

    reframe(two.with_suffix(".index"), change)
    reader = BundleReader(two)
    with pytest.raises(DataError, match=f"two: tensor one is damaged: .*({said})"):
        reader.read("one")


@pytest.mark.parametrize("shape", [[-1], [1] * 65, [2**32, 2**31], [2**62] * 20])
def test_a_shape_that_tensorflow_does_not_permit_is_refused(two, shape):
    entry = EntryMessage(dtype=1, shape={"dim": [{"size": size} for size in shape]})
    reframe(two.with_suffix(".index"), lambda table: table.update({b"one": entry.SerializeToString()}))
    with pytest.raises(DataError, match="not a readable checkpoint index: an entry does not describe a tensor"):
        BundleReader(two)


@pytest.mark.parametrize(
    ("header", "said"),
    [
        ({"num_shards": 1, "endianness": 1}, "written on a big-endian machine"),
        ({"num_shards": 1, "version": {"min_consumer": 2}}, "requires a reader of version 2"),
    ],
)
def test_a_file_for_another_reader_is_refused(two, header, said):
    reframe(
        two.with_suffix(".index"), lambda table: table.update({b"": HeaderMessage(**header).SerializeToString()})
    )
    with pytest.raises(DataError, match=said):
        BundleReader(two)


def test_a_block_compressed_with_snappy_is_refused_by_name(two, monkeypatch):
    table = read_table(two.with_suffix(".index"))
    monkeypatch.setattr(table_writer, "PLAIN", 1)  # the byte after a block, which its checksum covers
    write_table(two.with_suffix(".index"), table)
    with pytest.raises(DataError, match="compressed with Snappy"):
        BundleReader(two)


@pytest.fixture
def parts(tmp_path):
    """A table of four rows that is stored as two parts of two."""
    tf.raw_ops.SaveV2(
        prefix=str(tmp_path / "parts"),
        tensor_names=["table", "table"],
        shape_and_slices=["4 2 0,2:-", "4 2 2,2:-"],
        tensors=[tf.ones([2, 2]), tf.zeros([2, 2])],
    )
    return tmp_path / "parts"


HUGE = 2**40


def share_bytes(whole, parts):
    parts[1].MergeFrom(EntryMessage(crc32c=parts[0].crc32c))
    parts[1].offset = parts[0].offset


def overlap(whole, parts):
    parts[1].offset = parts[0].offset + 8


def claim_much(whole, parts):
    """More than the file has, in the first of two parts that agree with the whole."""
    whole.shape.dim[1].size = HUGE
    for part in parts:
        part.shape.dim[1].size = HUGE
        part.size = 2 * HUGE * 4


def claim_much_in_the_whole(whole, parts):
    whole.shape.dim[0].size = HUGE


def list_a_part_twice(whole, parts):
    del whole.slices[1]
    whole.slices.add().CopyFrom(whole.slices[0])


def leave_the_tensor(whole, parts):
    whole.shape.dim[0].size = 3


def change_the_type_of_a_part(whole, parts):
    parts[0].dtype = 3


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (share_bytes, "its parts share bytes"),
        (overlap, "its parts share bytes"),
        (claim_much, "parts.data-00000-of-00001 is truncated"),
        (claim_much_in_the_whole, "its parts do not have the size of the whole"),
        (list_a_part_twice, "one of its parts is listed twice"),
        (leave_the_tensor, "the type or shape of one of its parts does not fit"),
        (change_the_type_of_a_part, "the type or shape of one of its parts does not fit"),
    ],
)
@pytest.mark.parametrize("use", ["read", "chunks", "check"])
def test_wrong_parts_are_refused_before_memory_is_taken(parts, change, said, use):
    def rewrite(table):
        keys = sorted(table)[1:]
        *pieces, whole = (EntryMessage.FromString(table[key]) for key in keys)
        change(whole, pieces)
        table.update({key: entry.SerializeToString() for key, entry in zip(keys, [*pieces, whole], strict=True)})

    reframe(parts.with_suffix(".index"), rewrite)
    reader = BundleReader(parts)
    with pytest.raises(DataError, match=f"parts: tensor table is damaged: {said}"):
        list(reader.chunks("table")) if use == "chunks" else getattr(reader, use)("table")


@pytest.mark.slow
@pytest.mark.parametrize("case", range(10))
def test_a_mutated_index_ends_in_one_line(golden, tmp_path, case):
    """A hundred of them, in a process of their own with limited memory."""
    command = [sys.executable, Path(__file__).with_name("mutated_indexes.py"), golden / "tf1_core_L2", tmp_path]
    run = subprocess.run([*command, str(case), "100"], capture_output=True, text=True, timeout=300)
    assert run.returncode == 0, run.stdout + run.stderr
    assert int(run.stdout.split(" refused")[0]) > 50
