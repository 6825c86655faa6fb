"""`flax_model.msgpack` is read without Flax, and without its arrays until they are asked for."""

import shutil
import struct
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bertferry.convert import open_checkpoint
from bertferry.convert.command import main
from bertferry.convert.readers.flax import flax_tensors
from bertferry.convert.readers.msgpack_data import DEEPEST, MOST_VALUES, Bytes, Cursor


def text(value):
    return b"\xd9" + struct.pack(">B", len(value.encode())) + value.encode()


def packed(value):
    """A value in msgpack, in the smallest form for texts and the largest for all else."""
    if value is None or isinstance(value, bool):
        return {None: b"\xc0", False: b"\xc2", True: b"\xc3"}[value]
    if isinstance(value, int):
        return (b"\xd3" + struct.pack(">q", value)) if value < 0 else b"\xcf" + struct.pack(">Q", value)
    if isinstance(value, float):
        return b"\xcb" + struct.pack(">d", value)
    if isinstance(value, str):
        return text(value)
    if isinstance(value, list):
        return b"\xdd" + struct.pack(">I", len(value)) + b"".join(map(packed, value))
    return b"\xdf" + struct.pack(">I", len(value)) + b"".join(text(k) + packed(v) for k, v in value.items())


def array(shape, dtype, content, code=1):
    payload = b"\x93" + packed(shape) + text(dtype) + b"\xc6" + struct.pack(">I", len(content)) + content
    return b"\xc9" + struct.pack(">I", len(payload)) + bytes([code]) + payload


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False)
    | st.text(max_size=60),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(max_size=20), inner),
)


@settings(max_examples=50)
@given(VALUES)
def test_every_value_is_read(value):
    assert Cursor(memoryview(packed(value))).value() == value


@pytest.mark.parametrize(
    ("content", "value"),
    [
        (b"\x7f", 127),
        (b"\xff", -1),
        (b"\x81\xa1a\x01", {"a": 1}),
        (b"\x92\xcc\xff\xcd\x01\x00", [255, 256]),
        (b"\xce\x00\x00\x01\x00", 256),
        (b"\xd0\xff", -1),
        (b"\xd1\xff\xff", -1),
        (b"\xd2\xff\xff\xff\xff", -1),
        (b"\xca\x3f\x80\x00\x00", 1.0),
        (b"\xda\x00\x01a", "a"),
        (b"\xdb\x00\x00\x00\x01a", "a"),
        (b"\xdc\x00\x01\x05", [5]),
        (b"\xde\x00\x01\xa1a\x05", {"a": 5}),
        (b"\xc4\x02ab", Bytes(2, 2)),
        (b"\xc5\x00\x02ab", Bytes(3, 2)),
        (b"\xd5\x03ab", Bytes(2, 2)),
    ],
)
def test_every_form_of_a_value_is_read(content, value):
    assert Cursor(memoryview(content)).value() == value


@given(st.binary(max_size=100))
def test_bytes_that_are_no_msgpack_raise_a_value_error(content):
    cursor = Cursor(memoryview(content))
    try:
        cursor.value()
    except ValueError:
        return
    assert content


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "cannot mmap an empty file"),
        (packed({"a": 1})[:-3], "it ends too early"),
        (packed({"a": 1}) + b"\x00", "it is not a single map"),
        (packed([1]), "it is not a single map"),
        (b"\x81\x01\x01", "a map has a key of the type int"),
        (b"\xc1", "the unknown kind 0xc1"),
        (b"\x91" * 200_000, f"more than {DEEPEST} maps in each other"),
        (b"\xdd" + struct.pack(">I", MOST_VALUES + 1) + bytes(MOST_VALUES + 1), f"more than {MOST_VALUES} values"),
        (b"\x81\xa1a" + array([2, 2], "float32", bytes(15)), r"its array a of shape \[2, 2\] has 15 bytes"),
        (b"\x81\xa1a" + array([2**40, 2**40], "float32", bytes(16)), "has 16 bytes"),
        (b"\x81\xa1a" + array([-1], "float32", bytes(4)), "an array has no shape, type and bytes"),
        (b"\x81\xa1a" + array([1], "object", bytes(8)), "its array a has the unknown type 'object'"),
        (b"\x82\xa3a.b" + array([1], "int8", b"1") + b"\xa1a\x81\xa1b" + array([1], "int8", b"2"), "called a.b"),
        (packed({"__msgpack_chunked_array__": True, "chunks": {}, "shape": {}}), "no shape or no chunks"),
    ],
)
def test_damaged_files_end_in_one_line(golden, tmp_path, one_line, content, message):
    (tmp_path / "flax_model.msgpack").write_bytes(content)
    shutil.copy(golden / "hf_flax_pretrain_L2/config.json", tmp_path)
    assert main(["--input", str(tmp_path), "--output", str(tmp_path / "out")]) == 1
    one_line(f"flax_model.msgpack: not a readable msgpack file of Flax: .*{message}")


def test_a_file_without_arrays_names_the_way_out(golden, tmp_path, one_line):
    (tmp_path / "flax_model.msgpack").write_bytes(packed({"params": {}}))
    shutil.copy(golden / "hf_flax_pretrain_L2/config.json", tmp_path)
    assert main(["--input", str(tmp_path), "--output", str(tmp_path / "out")]) == 2
    one_line("flax_model.msgpack: contains no arrays of Flax: save the model with save_pretrained")


def test_an_array_is_read_when_it_is_asked_for(golden):
    """The file is mapped: a tensor is a view of it."""
    tensors = flax_tensors(golden / "hf_flax_pretrain_L2/flax_model.msgpack")
    value = tensors["bert.pooler.dense.kernel"].read()
    assert not value.flags.owndata
    assert not value.flags.writeable


def test_parameters_of_a_training_state_are_found_below_their_key(golden, tmp_path):
    content = (golden / "hf_flax_pretrain_L2/flax_model.msgpack").read_bytes()
    source = Path(shutil.copytree(golden / "hf_flax_pretrain_L2", tmp_path / "source"))
    (source / "flax_model.msgpack").write_bytes(b"\x82" + text("step") + b"\x05" + text("params") + content)
    checkpoint = open_checkpoint(source)
    assert checkpoint.heads == ("mlm", "nsp")
    assert checkpoint.match.place == "params.bert."
