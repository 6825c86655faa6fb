"""Modules inside what users make of them: a saved Keras model, a file of LiteRT."""

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_hub as hub
import tf_keras
from closeness import assert_close

from bertferry.convert import SourceOptions
from bertferry.core.tasks import ENCODER_INPUTS
from bertferry.export import ModuleOptions, export_hub_module
from bertferry.export.command import main

TEXTS = tf.constant(["a b", "c"])


@pytest.fixture(scope="module")
def preprocessing(golden, tmp_path_factory):
    folder = tmp_path_factory.mktemp("inside")
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *(chr(97 + number) for number in range(25))]
    (folder / "vocab.txt").write_text("\n".join(words) + "\n")
    options = ModuleOptions(export="preprocessing", vocab=folder / "vocab.txt")
    lower = SourceOptions(do_lower_case=True)
    export_hub_module(golden / "tf1_core_L2", folder / "module", options, source=lower)
    return folder / "module"


@pytest.mark.filterwarnings("ignore:.*")  # from Keras, about its own formats
@pytest.mark.parametrize("part", ["root", "tokenize", "bert_pack_inputs"])
def test_preprocessing_in_a_saved_model_loads_again(preprocessing, tmp_path, part):
    texts = [tf_keras.Input((), dtype="string", name=name) for name in ("first", "second")]
    loaded = hub.load(str(preprocessing))
    shorter = {"arguments": {"seq_length": 12}}
    if part == "root":
        outputs = hub.KerasLayer(str(preprocessing), **shorter)(texts[0])
    else:
        tokenize = hub.KerasLayer(loaded.tokenize)
        outputs = [tokenize(text) for text in texts]
    if part == "bert_pack_inputs":
        outputs = hub.KerasLayer(loaded.bert_pack_inputs, **shorter)(outputs)
    model = tf_keras.Model(texts, outputs)
    before = model([TEXTS, TEXTS])
    model.save(str(tmp_path / "saved"))
    after = tf_keras.models.load_model(str(tmp_path / "saved"))([TEXTS, TEXTS])
    sides = (tf.nest.flatten(side, expand_composites=True) for side in (before, after))
    for one, other in zip(*sides, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.filterwarnings("ignore:.*tf.lite.Interpreter is deprecated")
def test_litert_converts_a_module_with_its_own_operations(golden, tmp_path):
    export_hub_module(golden / "tf1_core_L2", tmp_path / "module", ModuleOptions(verify=False))
    converter = tf.lite.TFLiteConverter.from_saved_model(
        str(tmp_path / "module"), signature_keys=["serving_default"]
    )
    interpreter = tf.lite.Interpreter(model_content=converter.convert())
    inputs = {name: np.ones((2, 8), np.int32) for name in ENCODER_INPUTS}
    inputs["input_mask"][0, 5:] = 0
    for detail in interpreter.get_input_details():
        interpreter.resize_tensor_input(detail["index"], [2, 8])
    got = interpreter.get_signature_runner("serving_default")(**inputs)
    want = hub.load(str(tmp_path / "module")).signatures["serving_default"](
        **{name: tf.constant(value) for name, value in inputs.items()}
    )
    assert got.keys() == want.keys()
    for name in want:
        assert_close(got[name], want[name], "fp32-cross")


def test_a_module_of_another_task_names_it(golden, tmp_path, capfd):
    source = ["--checkpoint", str(golden / "tf1_cls_L2"), "--task", "classifier"]
    assert main([*source, "--output", str(tmp_path / "one"), "--no-verify"]) == 0
    again = ["--module", str(tmp_path / "one"), "--output", str(tmp_path / "two")]
    capfd.readouterr()
    assert main(again) == 2
    line = f"export-hub-module: {tmp_path / 'one'}: a module of task classifier: give --task classifier\n"
    assert capfd.readouterr().err == line
    assert main([*again, "--task", "classifier"]) == 0


@pytest.mark.parametrize("flags", [["--check"], ["--output", "out", "--module"]])
def test_a_version_directory_of_a_server_is_named(tmp_path, capfd, flags):
    (tmp_path / "m" / "1").mkdir(parents=True)
    (tmp_path / "m" / "1" / "saved_model.pb").touch()
    capfd.readouterr()
    assert main([*flags, str(tmp_path / "m")]) == 2
    assert capfd.readouterr().err.endswith(f"no saved_model.pb; it has {tmp_path / 'm' / '1'}\n")
