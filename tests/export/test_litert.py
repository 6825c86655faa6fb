"""LiteRT files of checkpoints and SavedModels: what they compute, and what is refused."""

import json
import zipfile

import numpy as np
import pytest
import tensorflow as tf
from closeness import assert_close
from saved_functions import normal, save, spec

from bertferry.convert import SourceOptions
from bertferry.core.errors import DataError, UsageError
from bertferry.export import LitertOptions, ModuleOptions, export_hub_module, export_litert
from bertferry.export.litert.command import main
from bertferry.verify import verify_parity


def interpret(file):
    """The file's signature, as a function of arrays."""
    from ai_edge_litert.interpreter import Interpreter

    return Interpreter(model_path=str(file)).get_signature_runner()


def run(file, inputs):
    """What LiteRT computes of those inputs that the file takes."""
    function = interpret(file)
    given = {name: inputs[name].astype(tensor["dtype"]) for name, tensor in function.get_input_details().items()}
    return function(**given)


@pytest.fixture(scope="module")
def encoder(golden, tmp_path_factory):
    """A file of the golden encoder, and the report."""
    file = tmp_path_factory.mktemp("litert") / "encoder.tflite"
    return file, export_litert(file, checkpoint=golden / "tf1_core_L2")


def test_the_encoder_is_that_of_tensorflow_1(encoder, references):
    file, report = encoder
    references["encoder"].check(run(file, references["encoder"].inputs), "fp32-cross")
    assert report.verdict.startswith("AGREE on 11 probes within fp32-cross")
    assert report.total_bytes == file.stat().st_size
    assert report.outputs == ("sequence_output", "pooled_output")
    assert [path.name for path in file.parent.iterdir()] == [file.name]


def test_the_encoder_takes_any_shape(encoder, golden_inputs):
    function = interpret(encoder[0])
    details = function.get_input_details()
    assert {name: (list(one["shape_signature"]), one["dtype"]) for name, one in details.items()} == {
        name: ([-1, -1], np.int32) for name in golden_inputs
    }
    for shape in ((1, 1), (3, 7), (2, 16), (0, 4)):
        outputs = function(**{name: np.ones(shape, np.int32) for name in golden_inputs})
        assert outputs["sequence_output"].shape == (*shape, 8)


@pytest.mark.parametrize(
    ("task", "names"),
    [("pretrainer", "tensorflow"), ("mlm", "huggingface"), ("classifier", "tensorflow"), ("span", "huggingface")],
)
def test_heads_are_those_of_tensorflow_1(references, tmp_path, task, names):
    reference, file = references[task], tmp_path / "head.tflite"
    options = LitertOptions(task=task, names=names, verify=False)
    report = export_litert(file, options, checkpoint=reference.source)
    inputs = dict(reference.inputs)
    if names == "huggingface":
        inputs = {
            "input_ids": inputs["input_word_ids"],
            "attention_mask": inputs["input_mask"],
            "token_type_ids": inputs["input_type_ids"],
        }
    got = run(file, inputs)
    if (task, names) == ("mlm", "huggingface"):
        assert report.outputs == ("logits",)
        positions = reference.inputs["masked_lm_positions"]
        got = {"mlm_logits": got["logits"][np.arange(len(positions))[:, np.newaxis], positions]}
    reference.check(got, "fp32-cross")


def test_the_check_compares_a_head_under_other_names(references, tmp_path):
    file = tmp_path / "mlm.tflite"
    options = LitertOptions(task="mlm", names="huggingface", int64_inputs=True)
    report = export_litert(file, options, checkpoint=references["mlm"].source)
    assert report.verdict.startswith("AGREE")
    assert {one["dtype"] for one in interpret(file).get_input_details().values()} == {np.int64}


@pytest.mark.parametrize("pooling", ["mean", "max"])
def test_embeddings_in_float16_survive_a_text_without_tokens(golden, tmp_path, pooling):
    """Of which the converter's float16 has neither the small divisors nor the lower bound."""
    options = LitertOptions(task="embeddings", precision="fp16")
    source = SourceOptions(pooling=pooling, normalize=True)
    file = tmp_path / "embeddings.tflite"
    report = export_litert(file, options, checkpoint=golden / "tf1_core_L2", source=source)
    assert (report.outputs, report.verdict.split()[0]) == (("sentence_embedding",), "AGREE")


def test_a_module_in_half_precision_is_converted_in_float32(golden, tmp_path):
    options = ModuleOptions(precision="fp16", verify=False)
    export_hub_module(golden / "tf1_core_L2", tmp_path / "module", options)
    report = export_litert(tmp_path / "half.tflite", saved_model=tmp_path / "module")
    assert report.verdict.startswith("AGREE on 10 probes within fp16")
    assert report.notes == ("the SavedModel computes in fp16: the file computes in float32",)


def test_a_module_keeps_its_interface(module, references, tmp_path):
    file = tmp_path / "module.tflite"
    report = export_litert(file, saved_model=module)
    assert report.outputs == ("sequence_output", "pooled_output")
    references["encoder"].check(run(file, references["encoder"].inputs), "fp32-cross")
    parity = verify_parity(f"hub:{module}", [file])  # detected by its bytes; its notes state the valid inputs
    assert parity.ok, parity.verdict()


def test_the_same_export_gives_the_same_bytes(encoder, golden, tmp_path):
    again = tmp_path / "again.tflite"
    export_litert(again, LitertOptions(verify=False), checkpoint=golden / "tf1_core_L2")
    assert again.read_bytes() == encoder[0].read_bytes()
    notes = json.loads(zipfile.ZipFile(again).read("bertferry.json"))
    assert (notes["task"], notes["precision"], notes["configuration"]["hidden_size"]) == ("encoder", "fp32", 8)


def test_int8_is_measured_and_a_quarter_of_the_size(tmp_path):
    """The converter leaves small weights as they are."""
    first, second = normal(64, 256), normal(256, 8, seed=2)
    specs = [spec("x", None, 64)]
    saved = save(tmp_path / "saved", lambda x: {"y": tf.tanh(x @ first) @ second}, specs, first, second)
    sizes = {}
    for precision in ("fp32", "int8"):
        file = tmp_path / f"{precision}.tflite"
        report = export_litert(file, LitertOptions(precision=precision), saved_model=saved)
        sizes[precision] = file.stat().st_size
    assert 3 < sizes["fp32"] / sizes["int8"] < 4
    assert "AGREE" not in report.verdict


def test_a_file_that_differs_is_not_written(golden, tmp_path, monkeypatch):
    from bertferry.export import forward

    monkeypatch.setattr(forward, "MASKED_SCORE", -1.0)
    with pytest.raises(DataError, match="not written: the file differs from its source: DISAGREE"):
        export_litert(tmp_path / "out.tflite", checkpoint=golden / "tf1_core_L2")
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize("large", [np.full((4, 600), 1e5, np.float32), np.full(4, 1e5, np.float32)])
@pytest.mark.parametrize("constant", [True, False])
def test_weights_beyond_float16_are_refused(tmp_path, large, constant):
    """The converter would store zeros, or the largest number."""
    weight = tf.constant(large) if constant else tf.Variable(large)
    saved = save(tmp_path / "saved", lambda x: {"y": x[:, :1] * weight[0]}, [spec("x")], weight)
    with pytest.raises(DataError, match=r"100000 does not fit into float16 .*keep --precision fp32"):
        export_litert(tmp_path / "o.tflite", LitertOptions(precision="fp16", verify=False), saved_model=saved)


@pytest.mark.parametrize(
    ("function", "specs", "named"),
    [
        (lambda x: {"y": tf.linalg.svd(x, compute_uv=False)}, [spec("x")], r"built-in operations: Svd$"),
        (lambda x: {"y": x @ tf.transpose(x)}, [spec("x", dtype=tf.float64)], r"built-in operations: MatMul"),
        (
            lambda text: {"y": tf.strings.upper(text)},
            [spec("text", None, dtype=tf.string)],
            r"built-in operations: StringUpper$",
        ),
        (lambda x: {"y": x + tf.random.uniform([4])}, [spec("x")], r"RandomUniform .* is random"),
        (
            lambda x: {"y": tf.map_fn(tf.math.cumsum, x)},
            [spec("x", None, None)],
            r"TensorListReserve requires element_shape .* need a fixed batch",
        ),
    ],
)
def test_what_litert_lacks_is_named(tmp_path, function, specs, named):
    saved = save(tmp_path / "saved", function, specs)
    for dry_run in (True, False):
        with pytest.raises(DataError, match=named):
            export_litert(tmp_path / "out.tflite", saved_model=saved, dry_run=dry_run)
    assert not (tmp_path / "out.tflite").exists()


def test_a_recurrent_layer_of_a_fixed_batch_is_converted(tmp_path):
    """Its weights are read in the body of a loop."""
    import keras

    model = keras.Sequential([keras.Input(batch_shape=(2, 3, 4)), keras.layers.LSTM(2)])
    saved = save(tmp_path / "saved", lambda x: {"y": model(x)}, [spec("x", 2, 3, 4)], *model.variables)
    report = export_litert(tmp_path / "out.tflite", saved_model=saved)
    assert report.verdict.startswith("AGREE")


def test_texts_pass_through(tmp_path):
    saved = save(tmp_path / "s", lambda text: {"y": tf.identity(text)}, [spec("text", None, dtype=tf.string)])
    report = export_litert(tmp_path / "out.tflite", saved_model=saved)
    assert report.verdict.startswith("AGREE")


def test_somebody_elses_network_is_converted(tmp_path):
    import keras

    keras.utils.set_random_seed(1)
    layers = [keras.layers.Conv2D(2, 3, activation="relu"), keras.layers.GlobalAveragePooling2D()]
    model = keras.Sequential([keras.Input((8, 8, 1)), *layers, keras.layers.Dense(2)])
    model.export(tmp_path / "saved", verbose=False)
    report = export_litert(tmp_path / "out.tflite", saved_model=tmp_path / "saved")
    assert report.verdict.startswith("AGREE")
    images = np.random.default_rng(2).normal(size=(5, 8, 8, 1)).astype(np.float32)
    (got,) = run(tmp_path / "out.tflite", {report.inputs[0]: images}).values()
    assert_close(got, model(images).numpy(), "fp32-cross")


@pytest.mark.slow  # traces TensorFlow Text's operations
def test_a_module_of_strings_is_refused(text_source, tmp_path):
    options = ModuleOptions(export="preprocessing", verify=False)
    source = SourceOptions(do_lower_case=True)
    export_hub_module(text_source, tmp_path / "strings", options, source=source)
    with pytest.raises(UsageError, match=r"a module of strings, for which LiteRT has no operations"):
        export_litert(tmp_path / "out.tflite", saved_model=tmp_path / "strings")


@pytest.mark.parametrize("name", ["model", "model.onnx", "folder"])
def test_another_suffix_is_refused(golden, tmp_path, name):
    (tmp_path / "folder").mkdir()
    with pytest.raises(UsageError, match=r"for the suffix \.tflite: name such a file"):
        export_litert(tmp_path / name, checkpoint=golden / "tf1_core_L2")


def test_the_command_reports_and_replaces_nothing(golden, tmp_path, capfd):
    arguments = ["--checkpoint", str(golden / "tf1_core_L2"), "--output", str(tmp_path / "out.tflite")]
    assert main([*arguments, "--dry-run", "--precision", "fp16"]) == 0
    assert capfd.readouterr().out.startswith("would export ")
    (tmp_path / "out.tflite").write_bytes(b"old")
    assert main(arguments) == 2
    assert (tmp_path / "out.tflite").read_bytes() == b"old"
    assert "already exists: choose another --output or give --overwrite" in capfd.readouterr().err
    assert main([*arguments, "--overwrite", "--no-verify", "--json"]) == 0
    report = json.loads(capfd.readouterr().out)
    assert (report["schema"], report["verdict"]) == ("bertferry.litert/1", "not checked")


def test_given_inputs_replace_the_probes(golden, golden_inputs, tmp_path):
    np.savez(tmp_path / "inputs.npz", **golden_inputs)
    options = LitertOptions(inputs=str(tmp_path / "inputs.npz"))
    report = export_litert(tmp_path / "out.tflite", options, checkpoint=golden / "tf1_core_L2")
    assert report.verdict.startswith("AGREE on 1 probe ")
    np.savez(tmp_path / "other.npz", x=np.ones(3))
    with pytest.raises(UsageError, match=r"other\.npz"):
        export_litert(
            tmp_path / "no.tflite",
            LitertOptions(inputs=str(tmp_path / "other.npz")),
            checkpoint=golden / "tf1_core_L2",
            dry_run=True,
        )
