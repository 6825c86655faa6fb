"""Files of `torch.save` are read without PyTorch, and nothing in them is run."""

import contextlib
import io
import pickle
import shutil
import tempfile
import zipfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import load_file, save_file
from twins import assert_converts_alike, assert_equal

from bertferry.convert import LAYOUTS, SourceOptions, open_checkpoint
from bertferry.convert.command import main
from bertferry.convert.readers.pickle_data import MAX_OPCODES, Function, PickleRefusedError, load
from bertferry.convert.readers.pytorch import LARGEST_PICKLE
from bertferry.convert.readers.state_dict import named_tensors
from bertferry.convert.readers.torch_objects import LARGEST_COPY, Storage, Tensor, stand_ins
from bertferry.core.errors import UsageError

TWINS = {
    "hf_bin_core_L2_sharded": "tf1_core_L2",
    "hf_bin_core_L2_bfloat16": "tf1_core_L2",
    "hf_bin_core_L2_big_endian": "tf1_core_L2",
    "hf_bin_core_L2_strided": "tf1_core_L2",
    "hf_bin_core_L2_legacy_strided": "tf1_core_L2",
    "hf_bin_core_L2_training": "tf1_core_L2",
    "hf_bin_core_L2_parameters": "tf1_core_L2",
    "hf_bin_core_L2_ddp": "tf1_core_L2",
    "hf_bin_pretrain_L2": "tf1_pretrain_L2",
    "hf_bin_legacy_v2.2.2_pretrain_L2": "tf1_pretrain_L2",
}


@pytest.mark.parametrize("name", TWINS)
def test_every_tensor_equals_its_twin(golden, name):
    checkpoint, twin = open_checkpoint(golden / name), open_checkpoint(golden / TWINS[name])
    assert_equal(checkpoint, twin, bfloat16="bfloat16" in name)


@pytest.mark.parametrize("name", ["hf_bin_legacy_v2.2.2_pretrain_L2", "hf_bin_core_L2_training"])
@pytest.mark.parametrize("target", ["keras_bert", "tf1", "huggingface"])
def test_it_converts_like_its_twin(golden, tmp_path, capfd, name, target):
    assert_converts_alike(golden / name, golden / TWINS[name], tmp_path, target, capfd)


@pytest.mark.parametrize(
    ("name", "code", "text"),
    [
        ("hostile_bin_call", 2, "refused: its pickle names tempfile.mkdtemp"),
        ("hostile_bin_legacy_call", 2, "refused: its pickle names tempfile.mkdtemp"),
        ("hostile_bin_dotted_global", 2, "names torch._utils._rebuild_tensor_v2.__globals__.__getitem__"),
        ("hostile_bin_beyond_storage", 1, r"a tensor of shape \[200, 8\] reaches beyond its storage 0"),
        ("hf_bin_core_L2_module", 2, "names transformers.models.bert.modeling_bert.BertModel.*save_pretrained"),
        ("damaged_bin_short_record", 1, "its record pytorch_model/data/0 has 956 bytes"),
        ("damaged_bin_missing_record", 1, "its record data/3 is missing"),
    ],
)
def test_hostile_and_damaged_files_end_in_one_line(golden, tmp_path, one_line, name, code, text):
    assert main(["--input", str(golden / name), "--output", str(tmp_path / "out")]) == code
    one_line(text)
    assert list(tmp_path.iterdir()) == []
    assert list(Path(tempfile.gettempdir()).glob("bertferry-hostile-pickle-*")) == []


def copy(golden, tmp_path, name="hf_bin_core_L2_training") -> Path:
    return Path(shutil.copytree(golden / name, tmp_path / "source"))


def test_a_truncated_file_is_damaged(golden, tmp_path, one_line):
    path = copy(golden, tmp_path) / "checkpoint.pt"
    path.write_bytes(path.read_bytes()[:9000])
    assert main(["--input", str(path), "--output", str(tmp_path / "out")]) == 1
    one_line("the list of its records at the end is missing")


def test_a_flipped_bit_contradicts_the_checksum_of_its_record(golden, tmp_path, one_line):
    path = copy(golden, tmp_path) / "checkpoint.pt"
    content = bytearray(path.read_bytes())
    with zipfile.ZipFile(path) as archive:
        content[content.index(archive.read("checkpoint/data/5"))] ^= 1
    path.write_bytes(content)
    assert main(["--input", str(path), "--output", str(tmp_path / "out")]) == 1
    one_line("the bytes of its record checkpoint/data/5 contradict their checksum")


@pytest.mark.parametrize(
    ("compression", "code", "line"),
    [
        (zipfile.ZIP_STORED, 2, "refused: its archive/data.pkl is larger than"),
        (zipfile.ZIP_DEFLATED, 1, "its record archive/data.pkl is compressed"),
    ],
)
def test_a_bomb_of_opcodes_is_refused_before_it_is_unpacked(golden, tmp_path, one_line, compression, code, line):
    path = copy(golden, tmp_path) / "checkpoint.pt"
    bomb = b"\x80\x02" + b"}" * LARGEST_PICKLE + b"."
    with zipfile.ZipFile(path, "w", compression, compresslevel=1) as archive:
        archive.writestr("archive/data.pkl", bomb)
    assert main(["--input", str(path), "--output", str(tmp_path / "out")]) == code
    one_line(line)


def test_a_bomb_of_opcodes_ends_early_in_a_legacy_file(golden, tmp_path, one_line):
    path = copy(golden, tmp_path) / "checkpoint.pt"
    magic = pickle.dumps(0x1950A86A20F9469CFC6C, 2) + pickle.dumps(1001, 2) + pickle.dumps({}, 2)
    path.write_bytes(magic + b"\x80\x02" + b"}" * (MAX_OPCODES + 2) + b".")
    assert main(["--input", str(path), "--output", str(tmp_path / "out")]) == 2
    one_line(f"refused: more than {MAX_OPCODES} opcodes")


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.binary(min_size=1),
    lambda inner: (
        st.lists(inner) | st.lists(inner).map(tuple) | st.dictionaries(st.text() | st.integers(-1000, 1000), inner)
    ),
)


@settings(max_examples=30)
@given(VALUES, st.integers(2, 5))
def test_data_is_read_as_pickle_reads_it(value, protocol):
    stand_ins = {("_codecs", "encode"): pickle_bytes()}  # protocol 2 has no bytes of its own
    assert load(io.BytesIO(pickle.dumps(value, protocol)), stand_ins, lambda identity: identity) == value


def pickle_bytes():
    return Function(lambda text, encoding: text.encode(encoding))


@given(st.binary(max_size=200))
def test_bytes_that_are_no_pickle_raise_a_value_error(content):
    with contextlib.suppress(ValueError):
        load(io.BytesIO(b"\x80\x02" + content), {}, lambda identity: identity)


TENSOR = Tensor(Storage("float32", "0", 4), 0, (2, 2), (2, 1))


def test_the_state_dict_is_found_in_a_training_checkpoint():
    root = {"epoch": 3, "loss": TENSOR, "net": {"a.b": TENSOR, "scale": TENSOR}, "optim": [{"step": TENSOR}]}
    assert set(named_tensors(root)) == {"a.b", "scale", "['loss']", "['optim'][0]['step']"}
    reasons = {name: LAYOUTS["huggingface"].reason_to_skip(name) for name in named_tensors(root)}
    assert {name for name, reason in reasons.items() if reason} == {"['loss']", "['optim'][0]['step']"}


def test_several_state_dicts_are_told_apart_by_their_places():
    root = {"model": {"a.b": TENSOR}, "ema": {"a.b": TENSOR}}
    assert set(named_tensors(root)) == {"model.a.b", "ema.a.b"}
    assert set(named_tensors(root, "ema.a")) == {"ema.a.b", "['model']['a.b']"}
    assert set(named_tensors(root, "ema")) == {"ema.a.b", "['model']['a.b']"}


def test_a_container_in_itself_is_read_once():
    root: dict = {"a.b": TENSOR}
    root["self"] = [root]
    assert set(named_tensors(root)) == {"a.b"}


def nested(depth):
    return TENSOR if depth == 0 else [nested(depth - 1)]


def test_containers_nested_without_end_are_refused():
    with pytest.raises(PickleRefusedError, match="nests more than"):
        named_tensors({"a.b": nested(30)})


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ((TENSOR.storage, 0, (3, 2), (2, 1)), "reaches beyond its storage"),
        ((TENSOR.storage, 1, (2, 2), (2, 1)), "reaches beyond its storage"),
        ((TENSOR.storage, 0, (10**6, 10**6), (0, 0)), "reaches beyond its storage"),
        ((TENSOR.storage, 0, (2, 2), (-1, 1)), "no valid offset, size or stride"),
        ((TENSOR.storage, 2**70, (2, 2), (2, 1)), "no valid offset, size or stride"),
        ((TENSOR.storage, 0, (2, 2), (2,)), "no valid offset, size or stride"),
        (("storage", 0, (2, 2), (2, 1)), "has no storage"),
        ((TENSOR.storage, 0, (2, 2), (2, 1), False, {}, {"conj": True}), "negated or conjugated"),
    ],
)
def test_a_view_stays_in_its_storage(arguments, text):
    rebuild = stand_ins()["torch._utils", "_rebuild_tensor_v2"]
    assert isinstance(rebuild, Function)
    with pytest.raises(ValueError, match=text):
        rebuild.call(*arguments)


def test_a_list_is_not_copied_again_and_again():
    ordered = stand_ins()["collections", "OrderedDict"]
    assert isinstance(ordered, Function)
    items = [[str(number), None] for number in range(100_000)]
    for _ in range(LARGEST_COPY // len(items)):
        ordered.call(items)
    with pytest.raises(PickleRefusedError, match="repeats a list"):
        ordered.call(items)


def test_keys_that_could_collide_are_refused():
    colliding = {number * (2**61 - 1): None for number in range(1, 9)}
    with pytest.raises(PickleRefusedError, match="a dictionary with a int as a key"):
        load(io.BytesIO(pickle.dumps(colliding)), {}, lambda identity: identity)


def test_a_prefix_chooses_one_of_two_encoders_with_its_head(golden, tmp_path):
    source = Path(shutil.copytree(golden / "hf_token_L2", tmp_path / "source"))
    tensors = load_file(source / "model.safetensors")
    averaged = {f"ema.{name}": value + 1 for name, value in tensors.items()}
    save_file({f"model.{name}": value for name, value in tensors.items()} | averaged, source / "model.safetensors")
    with pytest.raises(UsageError, match=r"several encoders: ema\.bert, model\.bert"):
        open_checkpoint(source)
    checkpoint = open_checkpoint(source, SourceOptions(prefix="ema.bert"))
    assert checkpoint.heads == ("tokens",)
    assert checkpoint.stored_name("tokens/bias") == "ema.classifier.bias"
    assert not checkpoint.match.outside
