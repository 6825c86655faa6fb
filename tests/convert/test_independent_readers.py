"""What is written is read by others: TF1's Saver, transformers, the encoders of tf-models-official."""

import os
import subprocess
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from bertferry.convert import LAYOUTS, TARGETS, convert_checkpoint, open_checkpoint

HERE = Path(__file__).parent


@pytest.mark.parametrize("to", [name for name in TARGETS if LAYOUTS[name].container != "safetensors"])
def test_the_saver_of_tf1_reads_every_tensor_by_its_variables_name(golden, tmp_path, to):
    convert_checkpoint(golden / "tf1_pretrain_L2", tmp_path / "out", to=to, task="encoder")
    written, source = open_checkpoint(tmp_path / "out"), open_checkpoint(golden / "tf1_pretrain_L2")
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        variables = {}
        for row in LAYOUTS[to].bind(LAYOUTS[to].forms[0], num_layers=2):
            shape = written.stored_info(row.parameter).shape
            variables[row] = tf.compat.v1.get_variable(row.variable or row.stored, shape)
        tf.compat.v1.train.Saver(list(variables.values())).restore(session, str(tmp_path / "out/bert_model.ckpt"))
        for row, value in session.run(variables).items():
            np.testing.assert_array_equal(value, source.read(row.parameter, row.axes))


@pytest.fixture(scope="module")
def transformers():
    """The library, away from any network; it comes with `pip install '.[torch]'`."""
    os.environ["HF_HUB_OFFLINE"] = "1"
    pytest.importorskip("torch", reason="PyTorch is not installed: pip install '.[torch]'")
    return pytest.importorskip("transformers", reason="transformers is not installed: pip install '.[torch]'")


MODELS = {
    "tf1_core_L2": ("BertModel", {"last_hidden_state": "seq", "pooler_output": "pooled"}),
    "tf1_cls_L2": ("BertForSequenceClassification", {"logits": "logits"}),
    "tf1_squad_L2": ("BertForQuestionAnswering", {"start_logits": "start", "end_logits": "end"}),
    "tf1_pretrain_L2": ("BertForPreTraining", {}),
}


@pytest.mark.parametrize("source", MODELS)
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of transformers' own imports
def test_transformers_loads_the_hugging_face_output_strictly(golden, tmp_path, transformers, source):
    import torch

    convert_checkpoint(golden / source, tmp_path / "out", to="huggingface")
    name, outputs = MODELS[source]
    assert transformers.AutoConfig.from_pretrained(tmp_path / "out").architectures == [name]
    model, info = getattr(transformers, name).from_pretrained(tmp_path / "out", output_loading_info=True)
    assert not any(info[key] for key in ("missing_keys", "mismatched_keys", "error_msgs"))
    # A question-answering model of transformers has no pooler; the source's is kept all the same, not lost.
    kept = {"bert.pooler.dense.weight", "bert.pooler.dense.bias"} if source == "tf1_squad_L2" else set()
    assert set(info["unexpected_keys"]) == kept
    with np.load(golden / f"{source}.npz") as stored, torch.no_grad():
        inputs = {
            name: torch.tensor(stored[key].astype(np.int64))
            for name, key in (("input_ids", "ids"), ("attention_mask", "mask"), ("token_type_ids", "seg"))
        }
        got = model.eval()(**inputs)
        for output, key in outputs.items():
            np.testing.assert_allclose(getattr(got, output).numpy(), stored[key], rtol=0, atol=5e-6)
        if source == "tf1_pretrain_L2":
            rows = np.arange(2)[:, np.newaxis]
            scores = got.prediction_logits[rows, stored["pos"]].log_softmax(-1).numpy()
            np.testing.assert_allclose(scores.reshape(4, -1), stored["mlm_logp"], rtol=0, atol=5e-6)
            relation = got.seq_relationship_logits.log_softmax(-1).numpy()
            np.testing.assert_allclose(relation, stored["nsp_logp"], rtol=0, atol=5e-6)


def test_transformers_loads_the_tokenizer(golden, tmp_path, transformers):
    convert_checkpoint(golden / "third_party_keras_bert", tmp_path / "out", to="huggingface", do_lower_case=False)
    tokenizer = transformers.BertTokenizer.from_pretrained(tmp_path / "out")
    words = (tmp_path / "out" / "vocab.txt").read_text().split()
    assert tokenizer.convert_tokens_to_ids(words) == list(range(len(words)))


@pytest.mark.parametrize("to", ["garden_v1", "garden_v2"])
@pytest.mark.parametrize("task", ["encoder", "pretrainer"])
def test_the_model_garden_restores_its_encoders(golden, tmp_path, to, task):
    """Runs in the environment whose Python $BERTFERRY_GARDEN_PYTHON names: its packages exclude ours."""
    python = os.environ.get("BERTFERRY_GARDEN_PYTHON")
    if not python:
        pytest.skip("set BERTFERRY_GARDEN_PYTHON to a Python with tf-models-official 2.20.0")
    source = "tf1_core_L2" if task == "encoder" else "tf1_pretrain_L2"
    convert_checkpoint(golden / source, tmp_path / "out", to=to, task=task)
    run = subprocess.run(
        [
            python,
            HERE / "garden_restores.py",
            to,
            task,
            tmp_path / "out/bert_model.ckpt",
            golden / f"{source}.npz",
        ],
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stderr
    print(run.stdout)
