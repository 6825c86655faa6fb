"""What is written is read by others: TF1's Saver, transformers, the encoders of tf-models-official."""

import os
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from closeness import assert_close
from judges import skip_without, tf

from bertferry.convert import (
    LAYOUTS,
    TARGETS,
    ConversionOptions,
    SourceOptions,
    convert_checkpoint,
    open_checkpoint,
)
from bertferry.core.tasks import TASKS

HERE = Path(__file__).parent


@pytest.mark.parametrize("python", ["this", "other"])
def test_tensorflow_restores_what_was_written(golden, tmp_path, python):
    """In this TensorFlow, and in that of the Python that $BERTFERRY_TENSORFLOW_PYTHON names."""
    if python == "this":
        skip_without("tensorflow")
    command = {"this": sys.executable, "other": os.environ.get("BERTFERRY_TENSORFLOW_PYTHON")}[python]
    if not command:
        pytest.skip("set BERTFERRY_TENSORFLOW_PYTHON to a Python with another version of TensorFlow")
    source = open_checkpoint(golden / "tf1_pretrain_L2")
    folders = []
    for to in (name for name in TARGETS if LAYOUTS[name].naming not in ("safetensors", "keras")):
        task = "pretrainer" if LAYOUTS[to].form_with(TASKS["pretrainer"].heads) else "encoder"
        folders.append(tmp_path / to)
        convert_checkpoint(golden / "tf1_pretrain_L2", folders[-1], ConversionOptions(to=to, task=task))
        form = LAYOUTS[to].form_with(TASKS[task].heads)
        rows = [*LAYOUTS[to].bind(form, 2), *LAYOUTS[to].superseded_rows(form, 2)]
        keys = [f"{row.stored}|{row.variable}" if row.variable else row.stored for row in rows]
        values: dict[str, Any] = {
            key: source.read(row.parameter, row.axes) for key, row in zip(keys, rows, strict=True)
        }
        np.savez(folders[-1] / "expected.npz", **values)
    run = subprocess.run(
        [command, HERE / "tensorflow_restores.py", *folders], capture_output=True, text=True, env=without_ours()
    )
    assert run.returncode == 0, run.stderr
    assert f"restored {len(folders)} checkpoints" in run.stdout


def without_ours():
    """The environment without this project's packages, and with TensorFlow silent."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}


@pytest.fixture(scope="module")
def transformers():
    """The library, away from any network."""
    os.environ["HF_HUB_OFFLINE"] = "1"
    skip_without("torch", "transformers")
    return import_module("transformers")


MODELS = {
    "tf1_core_L2": ("encoder", "BertModel", {"last_hidden_state": "seq", "pooler_output": "pooled"}),
    "tf1_cls_L2": ("classifier", "BertForSequenceClassification", {"logits": "logits"}),
    "tf1_token_L2": ("tokens", "BertForTokenClassification", {"logits": "logits"}),
    "hf_token_L2": ("tokens", "BertForTokenClassification", {"logits": "logits"}),
    "tf1_squad_L2": ("span", "BertForQuestionAnswering", {"start_logits": "start", "end_logits": "end"}),
    "tf1_pretrain_L2": ("pretrainer", "BertForPreTraining", {}),
}
WITH_A_SPARE_POOLER = ("tf1_squad_L2", "tf1_token_L2")
"""Question answering and token classification have none in transformers; the source's is kept, not lost."""


@pytest.mark.parametrize("source", MODELS)
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of transformers' own imports
def test_transformers_loads_the_hugging_face_output_strictly(golden, tmp_path, transformers, source):
    import torch

    task, name, outputs = MODELS[source]
    convert_checkpoint(golden / source, tmp_path / "out", ConversionOptions(to="huggingface", task=task))
    assert transformers.AutoConfig.from_pretrained(tmp_path / "out").architectures == [name]
    model, info = getattr(transformers, name).from_pretrained(tmp_path / "out", output_loading_info=True)
    assert not any(info[key] for key in ("missing_keys", "mismatched_keys", "error_msgs"))
    kept = {"bert.pooler.dense.weight", "bert.pooler.dense.bias"} if source in WITH_A_SPARE_POOLER else set()
    assert set(info["unexpected_keys"]) == kept
    stem = "hf_token_L2" if task == "tokens" else source
    with np.load(golden / f"{stem}.npz") as stored, torch.no_grad():
        inputs = {
            name: torch.tensor(stored[key].astype(np.int64))
            for name, key in (("input_ids", "ids"), ("attention_mask", "mask"), ("token_type_ids", "seg"))
        }
        got = model.eval()(**inputs)
        for output, key in outputs.items():
            assert_close(getattr(got, output).numpy(), stored[key], "fp32-cross")
        if source == "tf1_pretrain_L2":
            rows = np.arange(2)[:, np.newaxis]
            scores = got.prediction_logits[rows, stored["pos"]].log_softmax(-1).numpy()
            assert_close(scores.reshape(4, -1), stored["mlm_logp"], "fp32-cross")
            relation = got.seq_relationship_logits.log_softmax(-1).numpy()
            assert_close(relation, stored["nsp_logp"], "fp32-cross")


def test_transformers_loads_the_tokenizer(golden, tmp_path, transformers):
    convert_checkpoint(
        golden / "third_party_keras_bert",
        tmp_path / "out",
        ConversionOptions(to="huggingface"),
        source=SourceOptions(do_lower_case=False),
    )
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
    convert_checkpoint(golden / source, tmp_path / "out", ConversionOptions(to=to, task=task))
    run = subprocess.run(
        [
            python,
            HERE / "garden_restores.py",
            to,
            task,
            tmp_path / "out/bert_model.ckpt",
            golden / f"{source}.npz",
            tmp_path / "outputs.npz",
        ],
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stderr
    with np.load(golden / f"{source}.npz") as stored, np.load(tmp_path / "outputs.npz") as outputs:
        names = ("seq", "pooled") if task == "encoder" else ("mlm_logp", "nsp_logp")
        kinds = {to, "garden_v2"}
        assert set(outputs) == {f"{kind}/{name}" for kind in kinds for name in names}
        for key, got in outputs.items():
            assert_close(got, stored[key.split("/")[1]])


def other_architecture(transformers, name, embedding_size):
    """A random model of transformers in float32, every weight drawn, norms and biases too."""
    import torch

    kind = {"Albert": transformers.AlbertConfig, "Electra": transformers.ElectraConfig}[name]
    config = kind(
        vocab_size=30,
        embedding_size=embedding_size,
        hidden_size=8,
        num_hidden_layers=3,
        num_attention_heads=2,
        intermediate_size=12,
        max_position_embeddings=16,
        type_vocab_size=3,
        hidden_act="gelu_new",
        layer_norm_eps=1e-12,
    )
    model = getattr(transformers, f"{name}Model")(config).eval()
    torch.manual_seed(0)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(1.0 if parameter.ndim == 1 else 0.0, 0.3)
    return model


@pytest.mark.parametrize(
    ("name", "embedding_size"), [("Albert", 6), ("Albert", 8), ("Electra", 6), ("Electra", 8)]
)
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of transformers' own imports
def test_albert_and_electra_convert_to_tf1_and_back(tmp_path, transformers, name, embedding_size):
    import torch

    model = other_architecture(transformers, name, embedding_size)
    model.save_pretrained(tmp_path / "source")
    convert_checkpoint(tmp_path / "source", tmp_path / "tf1", ConversionOptions(to="tf1"))
    convert_checkpoint(tmp_path / "tf1", tmp_path / "back", ConversionOptions(to="huggingface"))
    again, info = type(model).from_pretrained(tmp_path / "back", output_loading_info=True)
    assert not any(info[key] for key in ("missing_keys", "unexpected_keys", "mismatched_keys", "error_msgs"))
    inputs = {"input_ids": torch.arange(14).reshape(2, 7), "token_type_ids": torch.ones(2, 7, dtype=torch.int64)}
    with torch.no_grad():
        assert torch.equal(again(**inputs).last_hidden_state, model(**inputs).last_hidden_state)
    reader = tf.train.load_checkpoint(str(tmp_path / "tf1" / "bert_model.ckpt"))
    query = {
        "Albert": "bert/encoder/transformer/group_0/inner_group_0/attention_1/self/query/kernel",
        "Electra": "electra/encoder/layer_2/attention/self/query/kernel",
    }[name]
    layer = {
        "Albert": lambda: model.encoder.albert_layer_groups[0].albert_layers[0].attention.query,
        "Electra": lambda: model.encoder.layer[2].attention.self.query,
    }[name]()
    np.testing.assert_array_equal(reader.get_tensor(query), layer.weight.detach().numpy().T)
