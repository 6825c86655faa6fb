"""--check: our modules pass every check of the contract, and each fault of other modules is named."""

import json
import shutil
from dataclasses import replace

import pytest
import tensorflow as tf

from bertferry.convert import SourceOptions
from bertferry.core.tasks import ENCODER_INPUTS
from bertferry.export import ModuleOptions, check_module_contract, export_hub_module
from bertferry.export.command import main

LOWER = SourceOptions(do_lower_case=True)

ALWAYS = ("encoder", "classifier")
"""The tasks whose modules every run checks: with and without the encoder's outputs."""
TASKS = (
    *ALWAYS,
    *(pytest.param(task, marks=pytest.mark.slow) for task in ("tokens", "span", "mlm", "pretrainer")),
)


@pytest.fixture(scope="module")
def checked(text_sources, tmp_path_factory):
    """Returns the module of a task with its assets, made once; the source is deleted."""
    folder = tmp_path_factory.mktemp("contract")

    def module(task):
        if not (folder / task).exists():
            source = shutil.copytree(text_sources[task], folder / f"{task}-source")
            export_hub_module(
                source,
                folder / task,
                ModuleOptions(task=task, verify=False),
                source=LOWER,
            )
            shutil.rmtree(source)
        return folder / task

    return module


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.filterwarnings("ignore:.*")  # from Keras and TensorFlow on loading
def test_our_modules_pass_every_check(checked, task, capfd):
    capfd.readouterr()
    code = main(["--check", str(checked(task))])
    out, _ = capfd.readouterr()  # on a busy machine, stderr shows progress
    assert code == 0, out
    assert out.endswith("\nPASSED: 26 of 26 checks\n")
    assert "FAULT" not in out


@pytest.mark.parametrize(
    ("choices", "kind", "lines"),
    [
        ({"task": "text"}, "text embedding", 10),
        ({"export": "preprocessing"}, "preprocessing", 8),
    ],
)
@pytest.mark.filterwarnings("ignore:.*")
def test_our_text_modules_pass_checks_of_their_own(text_source, tmp_path, capfd, choices, kind, lines):
    pytest.importorskip("tensorflow_text", reason="pip install 'bertferry[text]'")
    export_hub_module(
        text_source,
        tmp_path / "text",
        ModuleOptions(verify=False, **choices),
        source=replace(LOWER, pooling="mean" if "task" in choices else None),
    )
    capfd.readouterr()
    code = main(["--check", str(tmp_path / "text")])
    out, _ = capfd.readouterr()
    assert code == 0, out
    assert out.startswith(f"{kind}  {tmp_path}/text\n")
    assert out.endswith(f"\nPASSED: {lines} of {lines} checks\n")


def saved(function, path):
    """A module with one function of strings, as another project might write it."""
    module = tf.Module()
    module.__call__ = tf.function(function, input_signature=[tf.TensorSpec([None], tf.string)], autograph=False)
    tf.saved_model.save(module, str(path))
    return path


def as_embeddings(texts):
    lengths = tf.cast(tf.strings.length(texts), tf.float32)
    return lengths[:, tf.newaxis] / tf.reduce_sum(lengths)


def as_int64_inputs(texts):
    ids = tf.strings.length(texts)[:, tf.newaxis]
    return {name: tf.cast(ids, tf.int64) for name in ENCODER_INPUTS}


@pytest.mark.parametrize(
    ("function", "kind", "faults"),
    [
        (
            as_embeddings,
            "text embedding",
            [
                "an embedding does not depend on the other texts of the batch: a text on its own differs by",
                "every trainable variable has a gradient: no trainable variables",
                "contains its vocabulary and casing: missing .vocab_file",
            ],
        ),
        (
            as_int64_inputs,
            "preprocessing",
            ["maps texts to int32 encoder inputs: inputs are int64", "special tokens are at their positions: "],
        ),
    ],
)
@pytest.mark.filterwarnings("ignore:.*")
def test_a_fault_of_a_text_module_is_named(tmp_path, function, kind, faults):
    report = check_module_contract(saved(function, tmp_path / "texts"))
    assert (report.ok, report.kind) == (False, kind)
    shown = report.render()
    assert all(f"  FAULT  {fault}" in shown for fault in faults), shown


@pytest.mark.parametrize(
    ("changes", "code", "fault"),
    [
        ({"task": "translation"}, 1, "unknown task 'translation': expected one of encoder"),
        ({"task": ["encoder"]}, 2, "task must be a string, not ['encoder']"),
        ({"precision": "half"}, 2, "precision is 'half': expected one of fp32"),
    ],
)
def test_a_manifest_with_unknown_values_is_refused(checked, tmp_path, capfd, changes, code, fault):
    copy = shutil.copytree(checked("encoder"), tmp_path / "copy")
    manifest = json.loads((copy / "MANIFEST.json").read_text())
    (copy / "MANIFEST.json").write_text(json.dumps(manifest | changes))
    capfd.readouterr()
    assert main(["--check", str(copy)]) == code
    out, err = capfd.readouterr()
    assert out == ""
    assert f"MANIFEST.json: {fault}" in err


def broken_module(golden, path, changes):
    """A module of the golden encoder, changed before it is saved."""
    from bertferry.convert import open_checkpoint
    from bertferry.core.parameters import parameter_names
    from bertferry.export.hub_module import build_hub_module

    source = open_checkpoint(golden / "tf1_core_L2")
    parameters = {name: tf.Variable(source.read(name), name=name) for name in parameter_names(2)}
    module, signatures = build_hub_module(source.config, parameters)
    for change in changes:
        change(module, signatures)
    tf.saved_model.save(module, str(path), signatures=signatures)


def without_names(module, signatures):
    serve = signatures["serving_default"]
    signatures["serving_default"] = tf.function(
        lambda **inputs: {
            f"bert_encoder_{number}": tensor for number, tensor in enumerate(serve(**inputs).values())
        }
    ).get_concrete_function(**serve.structured_input_signature[0][0])


def without_training(module, signatures):
    call = module.__call__

    @tf.function(autograph=False)
    def still(inputs, training=False):
        return call(inputs, training=False)

    specs = {name: tf.TensorSpec([None, None], tf.int32, name) for name in ("input_word_ids", "input_mask")}
    specs["input_type_ids"] = tf.TensorSpec([None, None], tf.int32, "input_type_ids")
    for training in (False, True):
        still.get_concrete_function(specs, training=training)
    module.__call__ = still
    module.serve_training = module.serve


def without_serve(module, signatures):
    del module.serve


def with_a_stray_weight(module, signatures):
    module.trainable_variables = [*module.trainable_variables, tf.Variable(1.0, name="stray")]


def without_mask(module, signatures):
    call = module.__call__

    @tf.function(autograph=False)
    def unmasked(inputs, training=False):
        return call({**inputs, "input_mask": tf.ones_like(inputs["input_mask"])}, training=training)

    specs = {
        name: tf.TensorSpec([None, None], tf.int32, name)
        for name in ("input_word_ids", "input_mask", "input_type_ids")
    }
    for training in (False, True):
        unmasked.get_concrete_function(specs, training=training)
    module.__call__ = unmasked


BROKEN = {
    "interface": (without_names, without_serve, with_a_stray_weight),
    "training": (without_training,),
    "mask": (without_mask,),
}
"""Changes that affect different lines of the contract share a module."""
FAULTS = {
    "names": (
        "interface",
        "serving_default has the documented input and output names: outputs are bert_encoder_0",
    ),
    "training": ("training", "dropout is on in training and off by default: two calls in training agree"),
    "list": ("training", "accepts a list (int32, inference): ValueError: Could not find matching concrete"),
    "int64": ("training", "accepts a dict (int64, inference): ValueError: Could not find matching concrete"),
    "Keras 3": (
        "interface",
        "works in Keras 3, in int64 and in training too: ValueError: The endpoint 'serve' is neither",
    ),
    "gradients": (
        "interface",
        "every trainable weight has a gradient, twice from a persistent tape: no gradient for",
    ),
    "mask": (
        "mask",
        "masked tokens do not affect other outputs: changing a masked token changes other outputs by",
    ),
    "assets": ("mask", "contains its vocabulary and casing: missing .vocab_file"),
    "path": ("mask", "contains no local file paths: notes.txt contains /home/somebody"),
}


@pytest.fixture(scope="module")
def broken_reports(golden, tmp_path_factory):
    """The report on each broken module."""
    folder = tmp_path_factory.mktemp("broken")
    for name, changes in BROKEN.items():
        broken_module(golden, folder / name, changes)
    (folder / "mask" / "notes.txt").write_text("built in /home/somebody/models/bert")
    return {name: check_module_contract(folder / name) for name in BROKEN}


@pytest.mark.parametrize(("module", "line"), FAULTS.values(), ids=FAULTS)
@pytest.mark.filterwarnings("ignore:.*")
def test_a_fault_is_named(broken_reports, module, line):
    report = broken_reports[module]
    assert not report.ok
    assert f"  FAULT  {line}" in report.render()


def test_something_else_is_refused(tmp_path, capfd):
    assert main(["--check", str(tmp_path)]) == 2
    assert "not a SavedModel" in capfd.readouterr().err


@pytest.mark.filterwarnings("ignore:.*")
def test_a_module_of_the_model_garden_fails(garden_module):
    """docs/modules.md shows the whole output."""
    faults = {finding.line for finding in check_module_contract(garden_module).findings if finding.fault}
    assert {
        "accepts a list (int32, inference)",
        "accepts a dict (int64, inference)",
        "serving_default has the documented input and output names",
        "its names are kept when the module is saved again",
        "works in Keras 3, in int64 and in training too",
    } <= faults
