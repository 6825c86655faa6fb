"""A module that was fine-tuned in Keras 2 or 3 comes back from whatever the model was saved as."""

import shutil
from dataclasses import replace

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_hub as hub
import tf_keras

from bertferry.convert import SourceOptions, open_checkpoint
from bertferry.convert.command import main
from bertferry.core.errors import BertferryError
from bertferry.core.tasks import ENCODER_INPUTS
from bertferry.export import ModuleOptions, export_hub_module

KERAS_2 = {
    "m.h5": {},
    "m.keras": {},
    "w.h5": {"activation": "gelu_tanh"},
    "w.weights.h5": {"config": "module/MANIFEST.json"},
    "saved": {"activation": "gelu_tanh"},
    "serving/1": {"config": "module/MANIFEST.json"},
    "nested.h5": {},
    "nested.keras": {},
    "nested.weights.h5": {"config": "module/MANIFEST.json"},
}
KERAS_3 = {
    "k.keras": {},
    "k.h5": {},
    "k.weights.h5": {"config": "module/MANIFEST.json"},
    "k_export": {"config": "module/MANIFEST.json"},
    "signature.keras": {},
}
"""Files in which the fine-tuned models are saved, and what else is stated about them."""


@pytest.fixture(scope="module")
def module(golden, tmp_path_factory):
    path = tmp_path_factory.mktemp("finetuned") / "module"
    export_hub_module(golden / "tf1_core_L2", path, ModuleOptions(verify=False))
    return path


def change(variables, factor):
    """Trains them, in a way that shows which is which."""
    for number, variable in enumerate(variables):
        variable.assign(tf.convert_to_tensor(variable) * (1 + factor * (number + 1)))


@pytest.fixture(scope="module")
def keras_2(module):
    """The folder with the models of Keras 2, and the variables of the module in them by name."""
    inputs = {name: tf_keras.Input((8,), dtype="int32", name=name) for name in ENCODER_INPUTS}
    layer = hub.KerasLayer(str(module), trainable=True)
    model = tf_keras.Model(inputs, tf_keras.layers.Dense(2)(layer(inputs)["pooled_output"]))
    change(layer.variables, 0.01)
    folder = module.parent
    for name in ("m.h5", "m.keras", "saved"):
        model.save(str(folder / name))
    for name in ("w.h5", "w.weights.h5"):
        model.save_weights(str(folder / name))
    model.export(str(folder / "serving" / "1"))
    outer = {name: tf_keras.Input((8,), dtype="int32", name=name) for name in ENCODER_INPUTS}
    nested = tf_keras.Model(outer, tf_keras.layers.Dense(1)(model(outer)))
    nested.save(str(folder / "nested.h5"))
    nested.save(str(folder / "nested.keras"))
    nested.save_weights(str(folder / "nested.weights.h5"))
    return folder, {variable.name.removesuffix(":0"): variable.numpy() for variable in layer.variables}


def tfsm_model(module, **endpoints):
    """A model of Keras 3 around the module, as the README shows it; returns also its layer."""
    import keras

    layer = keras.layers.TFSMLayer(str(module), **endpoints)
    for variable in layer.variables:
        variable._path = variable.path.replace(":", "_")
    inputs = {name: keras.Input((8,), dtype="int32", name=name) for name in ENCODER_INPUTS}
    return keras.Model(inputs, keras.layers.Dense(2)(layer(inputs)["pooled_output"])), layer


@pytest.fixture(scope="module")
def keras_3(module):
    """The same for Keras 3."""
    model, layer = tfsm_model(module, call_endpoint="serve", call_training_endpoint="serve_training")
    change(layer.variables, 0.02)
    folder = module.parent
    model.save(str(folder / "k.keras"))
    model.save(str(folder / "k.h5"))
    model.save_weights(str(folder / "k.weights.h5"))
    model.export(str(folder / "k_export"), verbose=False)
    other, by_signature = tfsm_model(module, call_endpoint="serving_default")
    values = {variable.path: variable.value for variable in layer.variables}
    for variable in by_signature.variables:
        variable.assign(values[variable.path])
    other.save(str(folder / "signature.keras"))
    names = {variable.name.replace("/", "_"): variable.name for variable in hub.load(str(module)).variables}
    tuned = {name.removesuffix("_0"): value.numpy() for name, value in values.items()}
    return folder, {names[f"{name}:0"].removesuffix(":0"): value for name, value in tuned.items()}


def encoder_of(folder, name, stated):
    """The parameters of the encoder in a file."""
    options = SourceOptions(**stated)
    if options.config is not None:
        options = replace(options, config=str(folder / options.config))
    checkpoint = open_checkpoint(folder / name, options)
    return {parameter: checkpoint.read(parameter) for parameter in checkpoint.match.found}


@pytest.mark.filterwarnings("ignore:.*")  # from Keras, about its own formats
@pytest.mark.parametrize(
    ("fixture", "name", "stated"),
    [("keras_2", *item) for item in KERAS_2.items()] + [("keras_3", *item) for item in KERAS_3.items()],
)
def test_the_encoder_comes_back(request, fixture, name, stated):
    folder, tuned = request.getfixturevalue(fixture)
    encoder = encoder_of(folder, name, stated)
    assert encoder.keys() == tuned.keys()
    for parameter, value in encoder.items():
        np.testing.assert_array_equal(value, tuned[parameter])


@pytest.mark.filterwarnings("ignore:.*")  # from Keras, about its own formats
class TestWhatIsMissing:
    def test_weights_without_names_ask_for_their_module(self, keras_2):
        folder, _ = keras_2
        with pytest.raises(
            BertferryError, match=r"only numbers: name the module .* --config MODULE/MANIFEST\.json"
        ):
            open_checkpoint(folder / "w.weights.h5")

    @pytest.mark.parametrize(("fixture", "name"), [("keras_2", "m.keras"), ("keras_3", "k.keras")])
    def test_a_module_may_have_moved(self, request, tmp_path, capfd, fixture, name):
        folder, tuned = request.getfixturevalue(fixture)
        (folder / "module").rename(tmp_path / "elsewhere")
        try:
            capfd.readouterr()
            assert main(["--input", str(folder / name), "--inspect", "--activation", "gelu_tanh"]) == 2
            line = capfd.readouterr().err
            assert line.endswith(": if it is elsewhere now, name it with --config MODULE/MANIFEST.json\n")
            assert line.count("\n") == 1
            encoder = encoder_of(tmp_path, folder / name, {"config": "elsewhere/MANIFEST.json"})
            np.testing.assert_array_equal(encoder["pooler/kernel"], tuned["pooler/kernel"])
        finally:
            (tmp_path / "elsewhere").rename(folder / "module")

    def test_another_module_is_refused(self, golden, keras_3, tmp_path):
        folder, _ = keras_3
        export_hub_module(
            golden / "tf1_cls_L2", tmp_path / "other", ModuleOptions(task="classifier", verify=False)
        )
        with pytest.raises(BertferryError, match=r"has 39 variables, .*other 41: it was created from another"):
            open_checkpoint(folder / "k.keras", SourceOptions(config=tmp_path / "other" / "MANIFEST.json"))

    def test_a_version_directory_is_named(self, keras_2, capfd):
        folder, _ = keras_2
        capfd.readouterr()
        assert main(["--input", str(folder / "serving"), "--inspect"]) == 2
        assert f"but in {folder / 'serving' / '1'}: give one of these folders" in capfd.readouterr().err

    def test_copies_that_differ_are_refused(self, keras_3, tmp_path):
        folder, _ = keras_3
        saved = tf.saved_model.load(str(folder / "k_export"))
        saved.variables[5].assign(saved.variables[5] * 2)
        checkpoint = tf.train.Checkpoint(variables=saved.variables, _all_variables=saved._all_variables)
        shutil.copytree(folder / "k_export", tmp_path / "export")
        checkpoint.write(str(tmp_path / "export" / "variables" / "variables"))
        with pytest.raises(BertferryError, match="several variables are called"):
            open_checkpoint(tmp_path / "export", SourceOptions(activation="gelu_tanh"))


def test_what_the_configuration_states_otherwise_is_refused(golden, keras_2):
    folder, _ = keras_2
    config = golden / "tf1_core_L2" / "bert_config.json"
    for stated, line in (
        ({"activation": "gelu_erf"}, "its activation is gelu_tanh, not gelu_erf: leave out --activation"),
        ({"num_attention_heads": 4}, "its num_attention_heads is 2, not 4: leave out --num-attention-heads"),
    ):
        with pytest.raises(BertferryError, match=line):
            open_checkpoint(folder / "m.h5", SourceOptions(config=config, **stated))
