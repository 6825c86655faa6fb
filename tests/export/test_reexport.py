"""Modules exported from modules, and from checkpoints of models that contain one."""

import json
import shutil
import zipfile
from pathlib import Path

import h5py
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_hub as hub
import tf_keras

from bertferry.convert import ConversionOptions, SourceOptions, convert_checkpoint, open_checkpoint
from bertferry.core.errors import UsageError
from bertferry.core.parameters import parameter_names
from bertferry.core.tasks import ENCODER_INPUTS
from bertferry.export import ModuleOptions, check_module_contract, export_hub_module
from bertferry.export.command import main
from bertferry.export.manifest import hashes
from bertferry.export.module_source import detect_activation


def fine_tuned(module, layers=1):
    """A tf_keras model around `hub.KerasLayer`, trained for a few steps."""
    inputs = {name: tf_keras.Input((None,), dtype=tf.int32, name=name) for name in ENCODER_INPUTS}
    encoders = [hub.KerasLayer(str(module), trainable=True, name=f"bert_{number}") for number in range(layers)]
    pooled = [encoder(inputs)["pooled_output"] for encoder in encoders]
    joined = tf_keras.layers.Concatenate()(pooled) if layers > 1 else pooled[0]
    model = tf_keras.Model(inputs, tf_keras.layers.Dense(2, name="head")(joined))
    model.compile(tf_keras.optimizers.Adam(1e-2), "mse")
    ones = {name: np.ones((4, 5), np.int32) for name in ENCODER_INPUTS}
    model.fit(ones, np.eye(4, 2), epochs=2, verbose=0)
    return model, encoders


def as_checkpoint(model, path):
    tf.train.Checkpoint(model=model, optimizer=model.optimizer).write(str(path / "ckpt"))
    return path / "ckpt"


def as_saved_model(model, path):
    model.save(str(path / "saved"), save_format="tf")
    return path / "saved"


def as_keras_file(model, path):
    path.mkdir(exist_ok=True)
    model.save(str(path / "model.keras"))
    return path / "model.keras"


def as_weights(model, path):
    model.save_weights(str(path / "weights"))
    return path / "weights"


SAVES = {"Checkpoint": as_checkpoint, "SavedModel": as_saved_model, ".keras": as_keras_file, "weights": as_weights}


def values_of(layer):
    return {weight.name.removesuffix(":0"): weight.numpy() for weight in layer.weights}


@pytest.fixture(scope="module")
def trained(module):
    """The model, and its encoder."""
    model, (encoder,) = fine_tuned(module)
    return model, encoder


@pytest.mark.parametrize("save", SAVES.values(), ids=SAVES)
@pytest.mark.filterwarnings("ignore:.*")  # from Keras on saving
def test_the_fine_tuned_encoder_comes_out_of_a_model(module, trained, tmp_path, save):
    model, encoder = trained
    path = save(model, tmp_path / "model")
    report = export_hub_module(path, tmp_path / "new", source=SourceOptions(activation="gelu_tanh"))
    assert report.source_layout == "hub_module"
    assert report.verdict.startswith("AGREE")
    want, got = values_of(encoder), values_of(hub.KerasLayer(str(tmp_path / "new"), trainable=True))
    assert set(got) == set(parameter_names(2))
    for name, value in got.items():
        np.testing.assert_array_equal(value, want[name])
    assert np.abs(got["pooler/kernel"] - open_checkpoint(module).read("pooler/kernel")).max() > 0


@pytest.mark.parametrize(
    ("save", "prefixes", "problem"),
    [
        (
            as_checkpoint,
            ("model/layer_with_weights-0", "model/layer_with_weights-1"),
            "/ckpt: several variables are called encoder/0/attention/query/kernel, below",
        ),
        pytest.param(as_keras_file, ("bert_0", "bert_1"), "several encoders:", marks=pytest.mark.slow),
    ],
)
@pytest.mark.filterwarnings("ignore:.*")
def test_one_of_two_encoders_is_chosen_by_its_prefix(module, tmp_path, save, prefixes, problem):
    model, encoders = fine_tuned(module, layers=2)
    path = save(model, tmp_path / "model")
    with pytest.raises(UsageError, match=f"{problem} {', '.join(prefixes)}: choose one with --prefix$"):
        export_hub_module(
            path, tmp_path / "new", ModuleOptions(verify=False), source=SourceOptions(activation="gelu_tanh")
        )
    for prefix, encoder in zip(prefixes, encoders, strict=True):
        export_hub_module(
            path,
            tmp_path / "new",
            ModuleOptions(verify=False),
            source=SourceOptions(activation="gelu_tanh", prefix=prefix),
            overwrite=True,
        )
        got = values_of(hub.KerasLayer(str(tmp_path / "new")))
        for name, value in values_of(encoder).items():
            np.testing.assert_array_equal(got[name], value)


@pytest.mark.filterwarnings("ignore:.*")
def test_a_keras_file_whose_module_is_gone_says_so(module, tmp_path, capfd):
    gone = shutil.copytree(module, tmp_path / "gone")
    path = as_keras_file(fine_tuned(gone)[0], tmp_path / "model")
    shutil.rmtree(gone)
    capfd.readouterr()
    assert main(["--checkpoint", str(path), "--output", str(tmp_path / "new"), "--activation", "gelu_tanh"]) == 2
    err = capfd.readouterr().err
    assert f" was created from {gone}, which identifies its variables: " in err
    assert err.endswith("if it is elsewhere now, name it with --config MODULE/MANIFEST.json\n")
    assert err.count("\n") == 1


@pytest.mark.parametrize("way", ["raw bytes", "link"])
@pytest.mark.filterwarnings("ignore:.*")
def test_a_keras_file_does_not_bring_in_other_files(trained, tmp_path, capfd, way):
    """HDF5 can store a tensor's bytes in any file: reading it would copy that file into the output."""
    path = as_keras_file(trained[0], tmp_path / "model")
    with zipfile.ZipFile(path) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    weights = tmp_path / "weights.h5"
    weights.write_bytes(files["model.weights.h5"])
    with h5py.File(weights, "a") as stored:
        group = "layers/keras_layer/vars"
        values = stored[f"{group}/0"][:]
        del stored[f"{group}/0"]
        if way == "raw bytes":
            (tmp_path / "secret").write_bytes(values.tobytes())
            external = [(str(tmp_path / "secret"), 0, values.nbytes)]
            stored.create_dataset(f"{group}/0", values.shape, values.dtype, external=external)
        else:
            with h5py.File(tmp_path / "secret", "w") as other:
                other["tensor"] = values
            stored[f"{group}/0"] = h5py.ExternalLink(str(tmp_path / "secret"), "tensor")
    files["model.weights.h5"] = weights.read_bytes()
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    capfd.readouterr()
    assert main(["--checkpoint", str(path), "--output", str(tmp_path / "new"), "--activation", "gelu_tanh"]) == 1
    err = capfd.readouterr().err
    assert f"{path}: refused: its tensor {group}/0 is stored in another file" in err
    assert err.count("\n") == 1
    assert not (tmp_path / "new").exists()


def old_module(golden, path, style):
    """As older versions of tf-models-official: /1 and /2 accept lists only, /3 and /4 dicts only."""
    from bertferry.export.forward import encode

    source = open_checkpoint(golden / "tf1_core_L2")
    names = {
        parameter: row.variable
        for layout in [open_layout(style)]
        for row in layout.bind(layout.forms[0], 2)
        for parameter in [row.parameter]
    }
    parameters = {name: tf.Variable(source.read(name), name=names[name]) for name in parameter_names(2)}
    module = tf.train.Checkpoint()
    module.variables = list(parameters.values())
    module.trainable_variables = list(parameters.values())
    module.regularization_losses = []

    @tf.function(autograph=False)
    def call(inputs, training=False):
        ids = inputs if style == "list" else [inputs[name] for name in ENCODER_INPUTS]
        encoded = encode(parameters, source.config, *ids, training=False)
        if style == "list":
            return [encoded.pooled, encoded.sequence]
        return {"pooled_output": encoded.pooled, "sequence_output": encoded.sequence}

    specs = [tf.TensorSpec([None, None], tf.int32, name) for name in ENCODER_INPUTS]
    for training in (False, True):
        call.get_concrete_function(
            specs if style == "list" else dict(zip(ENCODER_INPUTS, specs, strict=True)), training=training
        )
    module.__call__ = call
    vocabulary = path.parent / "vocab.txt"
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *(f"word{number}" for number in range(25))]
    vocabulary.write_text("\n".join(words) + "\n")
    module.vocab_file = tf.saved_model.Asset(str(vocabulary))
    module.do_lower_case = tf.Variable(True, trainable=False)
    tf.saved_model.save(module, str(path))
    vocabulary.unlink()


def open_layout(style):
    from bertferry.convert.layouts import LAYOUTS

    return LAYOUTS["tf_20_3d" if style == "list" else "garden_v1"]


@pytest.mark.parametrize("style", ["list", pytest.param("dict", marks=pytest.mark.slow)])
@pytest.mark.filterwarnings("ignore:.*")
def test_a_module_of_an_older_style_is_upgraded(golden, tmp_path, style, capfd):
    old_module(golden, tmp_path / "old", style)
    capfd.readouterr()
    assert main(["--module", str(tmp_path / "old"), "--output", str(tmp_path / "new")]) == 0
    out, _ = capfd.readouterr()
    assert "vocabulary included, texts lower-cased; activation gelu_tanh" in out
    assert "AGREE" in out
    report = check_module_contract(tmp_path / "new")
    assert report.ok, report.render()


def test_a_module_of_ours_gives_the_same_files(golden, references, tmp_path):
    """Except the manifest and the card, which describe the source."""
    export_hub_module(
        references["pretrainer"].source, tmp_path / "first", ModuleOptions(task="pretrainer", verify=False)
    )
    export_hub_module(None, tmp_path / "second", ModuleOptions(task="pretrainer"), module=tmp_path / "first")
    for path in (tmp_path / "first").rglob("*"):
        if path.is_file() and path.name not in ("MANIFEST.json", "README.md"):
            again = tmp_path / "second" / path.relative_to(tmp_path / "first")
            assert path.read_bytes() == again.read_bytes(), path.name


def test_a_module_of_the_model_garden_is_upgraded(garden_module, tmp_path):
    report = export_hub_module(None, tmp_path / "new", module=garden_module)
    assert report.verdict.startswith("AGREE")
    assert report.do_lower_case is True


def test_a_module_that_differs_from_its_source_is_not_upgraded(module, tmp_path, capfd):
    """The original is the reference, so a wrong activation is detected."""
    manifest = json.loads((module / "MANIFEST.json").read_text())
    copy = shutil.copytree(module, tmp_path / "copy")
    manifest["configuration"]["activation"] = "gelu_erf"
    (copy / "MANIFEST.json").write_text(json.dumps(manifest))
    capfd.readouterr()
    assert main(["--module", str(copy), "--output", str(tmp_path / "new")]) == 1
    assert "not written: the module differs from its source" in capfd.readouterr().err
    assert not (tmp_path / "new").exists()


def test_a_manifest_of_another_project_is_no_configuration(module, tmp_path):
    copy = shutil.copytree(module, tmp_path / "copy")
    (copy / "MANIFEST.json").write_text('{"name": "somebody\'s", "version": 3}')
    report = export_hub_module(None, tmp_path / "new", module=copy)
    assert report.verdict.startswith("AGREE")


@pytest.mark.parametrize("activation", ["gelu_tanh", "gelu_erf", "relu"])
def test_the_activation_is_read_from_the_functions(golden, tmp_path, activation):
    source = shutil.copytree(golden / "tf1_core_L2", tmp_path / "source")
    config = json.loads((source / "bert_config.json").read_text())
    (source / "bert_config.json").write_text(json.dumps({**config, "activation": activation}))
    export_hub_module(source, tmp_path / "module", ModuleOptions(verify=False))
    assert detect_activation(tmp_path / "module") == activation


def test_a_module_that_cannot_be_read_is_named(module, tmp_path, capfd):
    """Reading a process's memory from its start fails with an OSError."""
    copy = shutil.copytree(module, tmp_path / "copy")
    (copy / "saved_model.pb").unlink()
    (copy / "saved_model.pb").symlink_to("/proc/self/mem")
    capfd.readouterr()
    assert main(["--module", str(copy), "--output", str(tmp_path / "new")]) == 1
    assert f"{copy}/saved_model.pb: not a readable SavedModel: " in capfd.readouterr().err


def test_a_source_that_cannot_be_hashed_is_named():
    with pytest.raises(UsageError, match=r"/proc/self/mem: cannot be read: Input/output error"):
        hashes([Path("/proc/self/mem")])


def test_one_source_is_needed(golden, tmp_path, capfd):
    both = ["--checkpoint", str(golden / "tf1_core_L2"), "--module", str(tmp_path)]
    for arguments in ([], both):
        capfd.readouterr()
        assert main([*arguments, "--output", str(tmp_path / "new")]) == 2
        assert "give one source: --checkpoint PATH or --module DIR" in capfd.readouterr().err
    assert main(["--module", str(tmp_path), "--output", str(tmp_path / "new")]) == 2
    assert "not a Hub module" in capfd.readouterr().err


def test_a_module_converts_like_any_checkpoint(module, golden, tmp_path):
    convert_checkpoint(module, tmp_path / "tf1", ConversionOptions(to="tf1"))
    want, got = open_checkpoint(golden / "tf1_core_L2"), open_checkpoint(tmp_path / "tf1")
    for name in parameter_names(2):
        np.testing.assert_array_equal(got.read(name), want.read(name))
