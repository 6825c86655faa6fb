"""Modules of every task, called in every way: dicts, sub-objects, signatures, Keras 3, saved again."""

import keras
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_hub as hub

from bertferry.convert import ConversionOptions, convert_checkpoint
from bertferry.core.errors import DataError, UsageError
from bertferry.core.tasks import ENCODER_INPUTS
from bertferry.export import ModuleOptions, export_hub_module
from bertferry.verify import ParityOptions, verify_parity

TASKS = ("encoder", "classifier", "tokens", "span", "mlm", "pretrainer")
DEFAULTS = {"classifier": "logits", "tokens": "logits", "span": "start_logits"}
HEADS = {"mlm": ("mlm",), "pretrainer": ("mlm", "nsp")}
DTYPES = (tf.int32, tf.int64)


@pytest.fixture(scope="module")
def modules(references, tmp_path_factory):
    """A module by task."""
    folder = tmp_path_factory.mktemp("tasks")
    for task in TASKS:
        report = export_hub_module(references[task].source, folder / task, ModuleOptions(task=task))
        assert report.verdict.startswith("AGREE on 11 probes within fp32")
    return {task: folder / task for task in TASKS}


@pytest.fixture(scope="module")
def layers(modules):
    """The module of each task as a layer."""
    return {task: hub.KerasLayer(str(modules[task]), trainable=True) for task in TASKS}


def cast(inputs, dtype=tf.int32, names=None):
    return {name: tf.constant(array, dtype) for name, array in inputs.items() if names is None or name in names}


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("task", TASKS)
def test_the_root_answers_a_dict(layers, references, task, dtype):
    outputs = layers[task](cast(references[task].inputs, dtype, ENCODER_INPUTS))
    np.testing.assert_array_equal(outputs["default"], outputs[DEFAULTS.get(task, "pooled_output")])
    if task in ("encoder", "classifier", "tokens", "span"):
        references[task].check(outputs)
    else:
        assert set(outputs) == {"pooled_output", "sequence_output", "encoder_outputs", "default"}


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("task", ["classifier", "tokens", "span"])
def test_the_root_answers_a_list(layers, references, task, dtype):
    outputs = layers[task](list(cast(references[task].inputs, dtype, ENCODER_INPUTS).values()))
    assert isinstance(outputs, list)
    references[task].check(dict(zip(references[task].outputs, outputs, strict=True)))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("task", ["mlm", "pretrainer"])
def test_heads_are_sub_objects(layers, references, task, dtype):
    root = layers[task]
    mlm = hub.KerasLayer(root.resolved_object.mlm, trainable=True)
    outputs = dict(mlm(cast(references[task].inputs, dtype)))
    assert set(outputs) == {"pooled_output", "sequence_output", "encoder_outputs", "mlm_logits"}
    if task == "pretrainer":
        nsp = hub.KerasLayer(root.resolved_object.nsp, trainable=True)
        outputs |= nsp(cast(references[task].inputs, dtype, ENCODER_INPUTS))
        assert {weight.name.split("/")[0] for weight in nsp.weights} - {"embeddings", "encoder", "pooler"} == {
            "nsp"
        }
    references[task].check(outputs)
    of_root = {weight.name for weight in root.trainable_weights}
    extra = {weight.name.removesuffix(":0") for weight in mlm.trainable_weights} - {
        name.removesuffix(":0") for name in of_root
    }
    assert extra == {"mlm/dense/kernel", "mlm/dense/bias", "mlm/norm/gamma", "mlm/norm/beta", "mlm/bias"}


def test_any_number_of_positions(layers, references):
    inputs = cast(references["mlm"].inputs)
    mlm = hub.KerasLayer(layers["mlm"].resolved_object.mlm)
    for count in (1, 4):
        positions = tf.zeros([inputs["input_mask"].shape[0], count], tf.int32)
        assert mlm({**inputs, "masked_lm_positions": positions})["mlm_logits"].shape[1] == count


@pytest.mark.parametrize("task", TASKS)
def test_the_signature_is_the_whole_task_and_survives_being_saved_again(modules, references, tmp_path, task):
    loaded = tf.saved_model.load(str(modules[task]))
    tf.saved_model.save(loaded, str(tmp_path / "again"))
    for path in (modules[task], tmp_path / "again"):
        signature = tf.saved_model.load(str(path)).signatures["serving_default"]
        names = set(signature.structured_input_signature[1])
        outputs = signature(**cast(references[task].inputs, names=names))
        references[task].check(outputs)
        encoder = set() if task in DEFAULTS else {"pooled_output", "sequence_output"}
        assert set(outputs) == encoder | set(references[task].outputs)


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("endpoint", ["serve", "serving_default"])
def test_keras_3_loads_it(modules, references, task, endpoint):
    layer = keras.layers.TFSMLayer(
        str(modules[task]), call_endpoint=endpoint, call_training_endpoint="serve_training"
    )
    names = None if task in ("mlm", "pretrainer") else ENCODER_INPUTS
    inputs = cast(references[task].inputs, names=names)
    references[task].check(layer(inputs))
    output = next(iter(references[task].outputs))
    first, second = (np.asarray(layer(inputs, training=True)[output]) for _ in range(2))
    assert np.abs(first - second).max() > 0


@pytest.mark.parametrize("make", [np.asarray, tf.constant])
def test_inputs_of_64_bits(modules, references, make):
    """A tensor of 64 bits is none of a signature's type, but TensorFlow converts arrays."""
    reference = references["mlm"]
    inputs = {name: make(array.astype(np.int64)) for name, array in reference.inputs.items()}
    loaded = tf.saved_model.load(str(modules["mlm"]))
    reference.check(loaded.serve(inputs))
    if make is np.asarray:
        reference.check(loaded.signatures["serving_default"](**inputs))
    layer = keras.layers.TFSMLayer(
        str(modules["mlm"]), call_endpoint="serve", call_training_endpoint="serve_training"
    )
    reference.check(layer(inputs))
    assert layer(inputs, training=True).keys() == layer(inputs).keys()
    model_inputs = {name: keras.Input((None,), dtype="int64", name=name) for name in inputs}
    model = keras.Model(model_inputs, layer(model_inputs))
    reference.check(model.predict({name: np.asarray(value) for name, value in inputs.items()}, verbose=0))


@pytest.mark.parametrize("task", TASKS)
def test_the_signatures_of_old_modules(modules, task):
    """Those that return what the task has; `test_tf1_modules.py` compares them with a genuine old module."""
    encoder = {"tokens"} if task not in DEFAULTS else set()
    masked_lm = {"mlm"} if task in HEADS else set()
    signatures = set(tf.saved_model.load(str(modules[task])).signatures)
    assert signatures == {"serving_default"} | encoder | masked_lm


@pytest.mark.slow
@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("training", [False, True])
def test_every_weight_gets_a_gradient(layers, references, task, training):
    root = layers[task]
    heads = HEADS.get(task, ())
    for layer in (root, *(hub.KerasLayer(getattr(root.resolved_object, head), trainable=True) for head in heads)):
        with tf.GradientTape() as tape:
            inputs = cast(references[task].inputs, names=None if "mlm" in names_of(layer) else ENCODER_INPUTS)
            outputs = tf.nest.flatten(layer(inputs, training=training))
            loss = tf.add_n([tf.reduce_sum(tensor**3 + tensor**2) for tensor in outputs])
        for weight, gradient in zip(
            layer.trainable_weights, tape.gradient(loss, layer.trainable_weights), strict=True
        ):
            assert gradient is not None, weight.name
            if not weight.name.endswith("key/bias:0"):  # softmax cancels a key bias
                assert np.abs(tf.convert_to_tensor(gradient)).max() > 0, weight.name


def names_of(layer):
    """The parts of the network that its weights belong to."""
    return {weight.name.split("/")[0] for weight in layer.weights}


@pytest.mark.slow
@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("training", [False, True])
def test_it_compiles_with_xla(modules, references, task, training):
    """On a TPU, operations that only a host supports cannot run."""
    loaded = tf.saved_model.load(str(modules[task]))
    inputs = cast(references[task].inputs, names=None if task in ("mlm", "pretrainer") else ENCODER_INPUTS)
    outputs = tf.function(loaded.serve_training if training else loaded.serve, jit_compile=True)(inputs)
    if training:
        assert all(np.isfinite(tensor).all() for tensor in outputs.values())
    else:
        references[task].check(outputs, "fp32-cross")


@pytest.mark.slow
@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("precision", ["fp16", "bf16"])
def test_half_precision_is_half_the_size_and_answers_in_float32(modules, references, tmp_path, task, precision):
    report = export_hub_module(
        references[task].source, tmp_path / "half", ModuleOptions(task=task, precision=precision)
    )
    assert report.verdict.startswith(f"AGREE on 11 probes within {precision} ")
    loaded = hub.KerasLayer(str(tmp_path / "half"))
    assert {weight.dtype for weight in loaded.weights} == {{"fp16": tf.float16, "bf16": tf.bfloat16}[precision]}
    outputs = loaded(cast(references[task].inputs, names=ENCODER_INPUTS))
    assert {tensor.dtype for tensor in tf.nest.flatten(outputs)} == {tf.float32}
    sizes = [
        sum(variable.shape.num_elements() * variable.dtype.size for variable in hub.load(str(path)).variables)
        for path in (tmp_path / "half", modules[task])
    ]
    assert sizes[0] * 2 == sizes[1]


@pytest.mark.parametrize(
    ("freeze", "left"),
    [
        (("embeddings",), {"encoder/0", "encoder/1", "pooler"}),
        (("first:1",), {"embeddings", "encoder/1", "pooler"}),
        (("embeddings", "first:2"), {"pooler"}),
        (("encoder", "pooler"), {"embeddings"}),
    ],
)
def test_frozen_parameters_are_not_trainable(golden, tmp_path, freeze, left):
    export_hub_module(golden / "tf1_core_L2", tmp_path / "module", ModuleOptions(freeze=freeze, verify=False))
    layer = hub.KerasLayer(str(tmp_path / "module"), trainable=True)
    parts = {
        "/".join(weight.name.split("/")[:2]) if weight.name.startswith("encoder") else weight.name.split("/")[0]
        for weight in layer.trainable_weights
    }
    assert {part.removesuffix(":0") for part in parts} == left
    assert len(layer.weights) == 39


@pytest.mark.parametrize("choice", ["heads", "first:", "first:0", "first:3"])
def test_a_wrong_freeze_is_refused(golden, tmp_path, choice):
    with pytest.raises(UsageError, match=f"--freeze {choice}: "):
        export_hub_module(golden / "tf1_core_L2", tmp_path / "module", ModuleOptions(freeze=(choice,)))


@pytest.mark.parametrize(
    ("task", "lacking"),
    [
        ("mlm", "mlm/dense/kernel"),
        ("classifier", "classifier/kernel"),
        ("span", "span/kernel"),
        ("tokens", "tokens/kernel"),
    ],
)
def test_a_missing_head_is_refused_by_name(golden, tmp_path, task, lacking):
    with pytest.raises(DataError, match=rf"missing {lacking}.*\(required by task {task}\): .*init-missing-head"):
        export_hub_module(golden / "tf1_core_L2", tmp_path / "module", ModuleOptions(task=task))
    assert list(tmp_path.iterdir()) == []


def test_a_missing_head_may_start_fresh(golden, tmp_path):
    report = export_hub_module(
        golden / "tf1_core_L2",
        tmp_path / "module",
        ModuleOptions(task="classifier", init_missing_head=True, num_labels=3),
    )
    assert report.fresh_parameters == ("classifier/kernel", "classifier/bias")
    assert "initialized: classifier/kernel, classifier/bias" in report.render()
    ones = tf.ones([2, 4], tf.int32)
    assert hub.KerasLayer(str(tmp_path / "module"))([ones, ones, ones])[0].shape == (2, 3)
    with pytest.raises(UsageError, match="give --num-labels N"):
        export_hub_module(
            golden / "tf1_core_L2", tmp_path / "other", ModuleOptions(task="classifier", init_missing_head=True)
        )


@pytest.mark.slow
@pytest.mark.parametrize(
    "layout", ["keras_bert", "tf_20", "garden_v1", "garden_v2", "huggingface", "keras_names_v2"]
)
@pytest.mark.parametrize("task", ["pretrainer", "classifier", "tokens", "span"])
def test_heads_come_from_any_layout_that_has_them(golden, references, modules, tmp_path, task, layout):
    if task != "pretrainer" and layout.startswith("garden"):
        pytest.skip("the model garden keeps no such heads in its checkpoints")
    source = references[task].source if task != "tokens" else golden / "tf1_token_L2"  # with a pooler
    convert_checkpoint(source, tmp_path / "source", ConversionOptions(to=layout, task=task))
    export_hub_module(tmp_path / "source", tmp_path / "module", ModuleOptions(task=task, verify=False))
    for path in (modules[task] / "saved_model.pb", *(modules[task] / "variables").iterdir()):
        again = tmp_path / "module" / path.relative_to(modules[task])
        assert path.read_bytes() == again.read_bytes(), path.name  # the same graph, the same values


def test_a_labeler_without_a_pooler(references, modules, tmp_path):
    """Released question-answering models of transformers have none."""
    from safetensors.numpy import load_file, save_file

    convert_checkpoint(
        references["span"].source, tmp_path / "source", ConversionOptions(to="huggingface", task="span")
    )
    path = tmp_path / "source" / "model.safetensors"
    save_file({name: array for name, array in load_file(path).items() if "pooler" not in name}, path)
    report = export_hub_module(
        tmp_path / "source", tmp_path / "module", ModuleOptions(task="span", onnx=("fp32",))
    )
    assert report.verdict.startswith("AGREE")
    assert verify_parity(modules["span"], [tmp_path / "module"], ParityOptions(task="span", profile="exact")).ok
