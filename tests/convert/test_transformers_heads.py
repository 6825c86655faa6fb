"""Every head of transformers that tf1 has goes there and back, and transformers computes the same from it."""

import os
from importlib import import_module

import numpy as np
import pytest
from closeness import assert_close
from judges import skip_without

from bertferry.convert import (
    ConversionOptions,
    SourceOptions,
    convert_checkpoint,
    diff_checkpoints,
    open_checkpoint,
)
from bertferry.convert.command import main

SIZES = {
    "vocab_size": 30,
    "hidden_size": 8,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 12,
    "max_position_embeddings": 16,
    "type_vocab_size": 2,
}
NARROW = {**SIZES, "embedding_size": 6}
ALBERT = {**NARROW, "hidden_act": "gelu_new", "layer_norm_eps": 1e-12}
CLASSES = {"SequenceClassification": 5, "TokenClassification": 5, "MultipleChoice": 1}
POOLED = ("PreTraining", "SequenceClassification", "MultipleChoice", "NextSentencePrediction")
"""Heads of classes with a pooler; tf1 files of the others have one, too, which is initialized."""
CASES = [
    *(("Bert", SIZES, head) for head in (*POOLED, "MaskedLM", "QuestionAnswering", "TokenClassification")),
    *(("Albert", ALBERT, head) for head in (*POOLED[:3], "MaskedLM", "QuestionAnswering", "TokenClassification")),
    *(
        ("Electra", sizes, head)
        for sizes in (NARROW, {**NARROW, "embedding_size": 8})
        for head in ("PreTraining", "MaskedLM")
    ),
]
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of transformers' own imports


@pytest.fixture(scope="module")
def transformers():
    """The library, away from any network."""
    os.environ["HF_HUB_OFFLINE"] = "1"
    skip_without("torch", "transformers")
    return import_module("transformers")


def outputs_of(model):
    """What a model computes from the same tokens every time."""
    import torch

    ids = torch.tensor(np.random.default_rng(0).integers(1, 30, (2, 7)))
    arguments = {"input_ids": ids, "attention_mask": torch.ones_like(ids), "token_type_ids": ids % 2}
    if "MultipleChoice" in type(model).__name__:
        arguments = {name: value[:, None] for name, value in arguments.items()}
    with torch.no_grad():
        return [value.numpy() for value in model.eval()(**arguments).values()]


@pytest.mark.parametrize(("family", "sizes", "head"), CASES)
def test_it_comes_back_from_tf1_and_computes_the_same(tmp_path, transformers, family, sizes, head):
    import torch

    torch.manual_seed(0)
    kind = getattr(transformers, f"{family}For{head}")
    model = kind(getattr(transformers, f"{family}Config")(**sizes, num_labels=CLASSES.get(head, 2)))
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    model.save_pretrained(tmp_path / "source")
    convert_checkpoint(
        tmp_path / "source", tmp_path / "tf1", ConversionOptions("tf1", "all", init_missing_head=True)
    )
    convert_checkpoint(tmp_path / "tf1", tmp_path / "back", ConversionOptions("huggingface"))
    assert open_checkpoint(tmp_path / "back").heads == open_checkpoint(tmp_path / "source").heads
    again, info = kind.from_pretrained(tmp_path / "back", output_loading_info=True)
    spare = {name for name in info["unexpected_keys"] if ".pooler." in name}
    assert set(info["unexpected_keys"]) == spare
    assert not any(info[key] for key in ("missing_keys", "mismatched_keys", "error_msgs"))
    assert again.config.architectures == [kind.__name__]
    for ours, theirs in zip(outputs_of(again), outputs_of(model), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    if not spare:
        assert diff_checkpoints(tmp_path / "source", tmp_path / "back").equal


@pytest.mark.parametrize(
    ("head", "classes"), [("SequenceClassification", 5), ("TokenClassification", 5), ("MultipleChoice", 1)]
)
def test_the_heads_that_only_transformers_has_stay_there(tmp_path, capsys, transformers, head, classes):
    import torch

    kind = getattr(transformers, f"ElectraFor{head}")
    model = kind(transformers.ElectraConfig(**NARROW, num_labels=classes))
    torch.save(model.state_dict(), tmp_path / "model.pt")
    model.config.architectures = [kind.__name__]
    model.config.save_pretrained(tmp_path)
    options = ["--input", str(tmp_path / "model.pt"), "--output"]
    assert main([*options, str(tmp_path / "tf1"), "--to", "tf1"]) == 2
    assert "tf1 has no file for" in capsys.readouterr().err
    assert main([*options, str(tmp_path / "out"), "--to", "huggingface"]) == 0
    again, info = kind.from_pretrained(tmp_path / "out", output_loading_info=True)
    assert not any(info.values())
    assert again.config.architectures == [kind.__name__]
    for ours, theirs in zip(outputs_of(again), outputs_of(model), strict=True):
        np.testing.assert_array_equal(ours, theirs)


REFERENCES = {
    ("tf1_albert_pretrain_L2", None): ("AlbertForPreTraining", "mlm_logp", "sop_logp"),
    ("tf1_electra_pretrain_L2", "electra"): ("ElectraForPreTraining", "disc_logits"),
    ("tf1_electra_pretrain_L2", "generator"): ("ElectraForMaskedLM", "gen_mlm_logits"),
    ("tf1_electra_wide_pretrain_L2", "electra"): ("ElectraForPreTraining", "disc_logits"),
    ("tf1_electra_wide_pretrain_L2", "generator"): ("ElectraForMaskedLM", "gen_mlm_logits"),
}
"""The class that a network of a tf1 file becomes, and its outputs in the order of the class."""


@pytest.mark.parametrize(("source", "network"), REFERENCES)
def test_transformers_computes_what_tensorflow_1_did(golden, tmp_path, transformers, source, network):
    import torch

    name, *outputs = REFERENCES[source, network]
    options = ConversionOptions("huggingface")
    convert_checkpoint(golden / source, tmp_path / "out", options, source=SourceOptions(prefix=network))
    model, info = getattr(transformers, name).from_pretrained(tmp_path / "out", output_loading_info=True)
    assert not any(info[key] for key in ("unexpected_keys", "missing_keys", "mismatched_keys", "error_msgs"))
    with np.load(golden / f"{source}.npz") as stored, torch.no_grad():
        keys = {"input_ids": "ids", "attention_mask": "mask", "token_type_ids": "seg"}
        inputs = {theirs: torch.tensor(stored[key].astype(np.int64)) for theirs, key in keys.items()}
        for output, key in zip(model.eval()(**inputs).values(), outputs, strict=True):
            rows = output[np.arange(2)[:, None], stored["pos"]] if "mlm" in key else output
            values = (rows.log_softmax(-1) if key.endswith("logp") else rows).numpy()
            print(
                f"{source} as {name}, {key}: {np.abs(values.reshape(stored[key].shape) - stored[key]).max():.1e}"
            )
            assert_close(values.reshape(stored[key].shape), stored[key], "fp32-cross")
