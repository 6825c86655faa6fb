"""What the installed PyTorch saves, in every way that it can, is read as PyTorch reads it."""

import argparse
import collections
import pathlib
import shutil

import numpy as np
import pytest
from safetensors.numpy import load_file

from bertferry.convert import SourceOptions, open_checkpoint
from bertferry.core.errors import UsageError

torch = pytest.importorskip("torch", reason="PyTorch is not installed: pip install '.[torch]'")


@pytest.fixture
def folder(golden, tmp_path):
    """The configuration of a token classifier; its weights are saved beside it."""
    shutil.copy(golden / "hf_token_L2/config.json", tmp_path)
    return tmp_path


@pytest.fixture(scope="module")
def state(golden):
    """The weights of a token classifier."""
    tensors = load_file(golden / "hf_token_L2/model.safetensors")
    return {name: torch.from_numpy(value) for name, value in tensors.items()}


def assert_read(path, state, prefix=None):
    checkpoint = open_checkpoint(path, SourceOptions(prefix=prefix))
    assert checkpoint.heads == ("tokens",)
    assert not checkpoint.match.outside
    for parameter in checkpoint.parameters:
        name = checkpoint.stored_name(parameter)
        own = name.removeprefix(checkpoint.match.place.removesuffix("bert."))
        assert np.array_equal(checkpoint.reader.read(name), state[own].numpy()), name


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
@pytest.mark.parametrize("as_zip", [True, False])
def test_any_protocol_and_container(folder, state, protocol, as_zip):
    torch.save(state, folder / "x.bin", pickle_protocol=protocol, _use_new_zipfile_serialization=as_zip)
    assert_read(folder, state)


def test_records_without_checksums(folder, state):
    torch.serialization.set_crc32_options(False)
    try:
        torch.save(state, folder / "pytorch_model.bin")
    finally:
        torch.serialization.set_crc32_options(True)
    assert_read(folder, state)


def test_tensors_with_attributes_and_parameters(folder, state):
    marked = {name: torch.nn.Parameter(value) for name, value in state.items()}
    marked["classifier.bias"] = state["classifier.bias"].clone()
    marked["classifier.bias"].note = "mine"
    torch.save(marked, folder / "pytorch_model.bin")
    assert_read(folder, state)


def optimizer_of(state):
    parameters = [torch.nn.Parameter(value) for value in state.values()]
    for parameter in parameters:
        parameter.grad = torch.ones_like(parameter)
    optimizer = torch.optim.AdamW(parameters)
    optimizer.step()
    return optimizer.state_dict()


def test_a_training_loop_s_own_checkpoint(folder, state):
    settings = argparse.Namespace(device=torch.device("cpu"), folder=pathlib.Path("/x"), dtype=torch.float16)
    counts = collections.defaultdict(int, {"steps": 3})
    beside = {"args": settings, "counts": counts, "loss": np.float64(0.3), "rng": torch.get_rng_state()}
    saved = {"epoch": 1, "model": state, "optimizer": optimizer_of(state), **beside}
    torch.save(saved, folder / "last.pth")
    assert_read(folder, state)


def test_lightning(folder, state):
    prefixed = {f"model.{name}": value for name, value in state.items()}
    saved = {"state_dict": prefixed, "optimizer_states": [optimizer_of(state)], "pytorch-lightning_version": "2"}
    torch.save(saved, folder / "epoch=1-step=10.ckpt")
    assert_read(folder, state)


def test_deepspeed(folder, state):
    prefixed = collections.OrderedDict((f"module.{name}", value) for name, value in state.items())
    shapes = [collections.OrderedDict((name, value.shape) for name, value in state.items())]
    torch.save({"module": prefixed, "param_shapes": shapes, "ds_version": "0.9"}, folder / "mp_rank_00.pt")
    assert_read(folder, state)


def test_the_average_beside_the_model(folder, state):
    torch.save({"model": state, "ema": {name: value + 1 for name, value in state.items()}}, folder / "best.pt")
    with pytest.raises(UsageError, match=r"several encoders: ema\.bert, model\.bert"):
        open_checkpoint(folder)
    assert_read(folder, state, "model.bert")


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: torch.ones(2, 2).to_sparse(), "_rebuild_sparse_tensor"),
        (lambda: torch.quantize_per_tensor(torch.ones(3), 0.1, 0, torch.qint8), "_rebuild_qtensor"),
        (lambda: torch.ones(2).to(torch.float8_e4m3fn), "_rebuild_tensor_v3"),
        (lambda: torch.ones(2, dtype=torch.complex64), "ComplexFloatStorage"),
        (lambda: torch.ones(2, device="meta"), "_rebuild_meta_tensor_no_storage"),
        (lambda: torch.nn.Linear(1, 1), "torch.nn.modules.linear.Linear"),
    ],
)
@pytest.mark.filterwarnings("ignore:.*deprecated")  # PyTorch's, of what writes this kind
def test_what_is_no_plain_tensor_is_refused_by_name(folder, state, make, text):
    torch.save({**state, "a.b": make()}, folder / "pytorch_model.bin")
    with pytest.raises(UsageError, match=f"refused: its pickle names .*{text}"):
        open_checkpoint(folder)


@pytest.mark.filterwarnings("ignore:.*deprecated")  # PyTorch's, of what writes this kind
def test_a_torchscript_program_is_refused(folder):
    torch.jit.save(torch.jit.trace(torch.nn.Linear(2, 2), torch.ones(1, 2)), folder / "model.pt")
    with pytest.raises(UsageError, match="a TorchScript program"):
        open_checkpoint(folder)
