"""Everything that a TensorFlow checkpoint states is checked before it is used."""

import random
import shutil

import numpy as np
import pytest
from judges import tf

from bertferry.convert.bundle import BundleReader, BundleWriter, table_writer
from bertferry.convert.bundle.checksum import crc32c, mask
from bertferry.convert.bundle.messages import EntryMessage, HeaderMessage
from bertferry.convert.bundle.table import FOOTER_BYTES, TRAILER_BYTES, _handle, read_table
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


@pytest.mark.slow
@pytest.mark.parametrize("case", range(10))
def test_a_mutated_index_ends_in_one_line(golden, tmp_path, case):
    """Bytes of a block are changed and its checksum is corrected."""
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
            assert "\n" not in str(error)  # noqa: PT017 - it may also remain valid


def mutate(index, target, rng):
    """Changes a few bytes of the data block, the first of all; the empty meta index follows it."""
    content = bytearray(index.read_bytes())
    (meta, _), _ = _handle(memoryview(content), len(content) - FOOTER_BYTES)
    end = meta - TRAILER_BYTES
    for _ in range(rng.randrange(1, 4)):
        content[rng.randrange(end)] = rng.randrange(256)
    content[end + 1 : meta] = mask(crc32c(content[: end + 1])).to_bytes(4, "little")
    target.write_bytes(content)
