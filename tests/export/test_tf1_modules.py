"""TF1-format Hub modules are upgraded, and checked by the signatures that they have."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_hub as hub
from closeness import assert_close

from bertferry.convert import open_checkpoint
from bertferry.convert.checkpoint import same_bits
from bertferry.core.manifest import read_manifest
from bertferry.export import check_module_contract
from bertferry.export.command import main
from bertferry.export.tf1_contract_lines import NAMES
from bertferry.modeling.tf_compat import SavedModel


def test_a_module_is_upgraded_with_its_vocabulary_and_casing(golden, tmp_path):
    source = golden / "hub1_train_L1"
    assert main(["--module", str(source), "--output", str(tmp_path / "new")]) == 0
    written, expected = open_checkpoint(tmp_path / "new"), open_checkpoint(source)
    assert written.config.activation == "gelu_tanh"
    assert all(same_bits(written.read(name), expected.read(name)) for name in expected.parameters)
    assert read_manifest(tmp_path / "new").do_lower_case is True
    assert (tmp_path / "new/assets/vocab.txt").read_bytes() == (source / "assets/vocab.txt").read_bytes()


@pytest.mark.parametrize("name", ["hub1_mlm_L2", pytest.param("hub1_train_L1", marks=pytest.mark.slow)])
def test_a_genuine_module_passes_every_check(golden, tmp_path, capfd, name):
    """With two graphs, and with a masked-LM head."""
    assert main(["--check", str(golden / name), "--json", str(tmp_path / "report.json")]) == 0
    assert "PASSED: 10 of 10 checks" in capfd.readouterr().out
    assert json.loads((tmp_path / "report.json").read_text())["kind"] == "module in TF1 format"


def relu_in_the_pooler(graph):
    next(node for node in graph.graph_def.node if node.name.endswith("pooler/dense/Tanh")).op = "Relu"


def other_name_of_the_casing(graph):
    outputs = graph.signature_def["tokenization_info"].outputs
    outputs["lower"].CopyFrom(outputs["do_lower_case"])
    del outputs["do_lower_case"]


def no_masked_lm(graph):
    del graph.signature_def["mlm"]


FAULTS = {
    "tfhub_module.pb states version 3 of the format": "it contains 08 02",
    "tokens computes BERT with the module's weights": "pooled_output differs by",
    "mlm computes the masked-LM head, if there is one": "has either the weights or the signature, not both",
    "tokenization_info states the vocabulary and its casing": "missing do_lower_case",
}


@pytest.fixture(scope="module")
def broken(golden, tmp_path_factory):
    """A module with a fault in each of some lines."""
    path = Path(shutil.copytree(golden / "hub1_mlm_L2", tmp_path_factory.mktemp("tf1") / "module"))
    model = SavedModel.FromString((path / "saved_model.pb").read_bytes())
    for change in (relu_in_the_pooler, other_name_of_the_casing, no_masked_lm):
        change(model.meta_graphs[0])
    (path / "saved_model.pb").write_bytes(model.SerializeToString())
    (path / "tfhub_module.pb").write_bytes(b"\x08\x02")
    return path


def test_each_fault_is_found_in_its_line(broken):
    report = check_module_contract(broken)
    faults = {finding.line: finding.fault for finding in report.findings if finding.fault}
    assert faults.keys() == FAULTS.keys()
    assert all(fault.startswith(FAULTS[line]) for line, fault in faults.items())


def test_a_module_that_computes_something_else_is_not_upgraded(broken, tmp_path, capfd):
    assert main(["--module", str(broken), "--output", str(tmp_path / "new")]) == 1
    error = capfd.readouterr().err
    assert error.count("\n") == 1
    assert "not upgraded: tokens computes BERT with the module's weights: pooled_output differs by" in error
    assert not (tmp_path / "new").exists()


def signature_inputs(signature):
    """A batch of two rows for it, the second of which is padded."""
    ids = np.array([[2, 7, 9, 3, 5], [2, 4, 3, 0, 0]], np.int32)
    arrays = {
        "input_ids": ids,
        "input_mask": (ids > 0).astype(np.int32),
        "segment_ids": (ids == 5).astype(np.int32),
        "mlm_positions": np.array([[1, 3], [0, 2]], np.int32),
    }
    return {name: tf.constant(arrays[name]) for name in signature.structured_input_signature[1]}


def test_a_caller_of_the_old_module_gets_the_same_from_the_new_one(golden, tmp_path):
    """Signatures, their inputs and outputs, their shapes; saved again, too."""
    source = golden / "hub1_mlm_L2"
    assert main(["--module", str(source), "--task", "mlm", "--output", str(tmp_path / "new")]) == 0
    old, new = tf.saved_model.load(str(source), tags=[]), hub.load(str(tmp_path / "new"))
    assert set(new.signatures) == {"serving_default", *old.signatures}
    tf.saved_model.save(new, str(tmp_path / "again"), signatures=new.signatures)
    for loaded in (new, tf.saved_model.load(str(tmp_path / "again"))):
        for name, signature in old.signatures.items():
            inputs = signature_inputs(signature)
            want, got = signature(**inputs), loaded.signatures[name](**inputs)
            assert got.keys() == want.keys()
            if name != "tokenization_info":
                for output in want:
                    assert_close(got[output], want[output])
    info = new.signatures["tokenization_info"]()
    assert info["vocab_file"].numpy() == str(tmp_path / "new/assets/vocab.txt").encode()
    assert info["do_lower_case"].numpy() == old.signatures["tokenization_info"]()["do_lower_case"].numpy()


def test_an_old_layer_calls_the_new_module(golden, tmp_path):
    assert main(["--module", str(golden / "hub1_train_L1"), "--output", str(tmp_path / "new")]) == 0
    layer = hub.KerasLayer(str(tmp_path / "new"), signature="tokens", signature_outputs_as_dict=True)
    inputs = signature_inputs(layer.resolved_object.signatures["tokens"])
    called = hub.KerasLayer(str(tmp_path / "new"))([inputs[name] for name in NAMES])
    outputs = layer(inputs)
    for name, want in zip(("pooled_output", "sequence_output"), called, strict=True):
        assert_close(outputs[name], want)
