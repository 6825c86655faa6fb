"""A model that computes something else than its tensors show is refused by name, never converted."""

import json
import shutil

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from bertferry.convert import (
    ConversionOptions,
    SourceOptions,
    convert_checkpoint,
    inspect_checkpoint,
    open_checkpoint,
)
from bertferry.convert.command import main


@pytest.fixture(scope="module")
def core(golden, tmp_path_factory):
    """The golden encoder as a folder of transformers."""
    folder = tmp_path_factory.mktemp("core") / "core"
    convert_checkpoint(golden / "tf1_core_L2", folder, ConversionOptions(to="huggingface"))
    return folder


@pytest.fixture
def edit(core, tmp_path):
    """Copies the folder with other keys in its configuration; None takes a key out."""

    def edited(**changes):
        folder = shutil.copytree(core, tmp_path / "m")
        values = {**json.loads((folder / "config.json").read_text()), **changes}
        kept = {key: value for key, value in values.items() if value is not None}
        (folder / "config.json").write_text(json.dumps(kept))
        return folder

    return edited


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"is_decoder": True}, "is_decoder is True: in a decoder each token attends only to those before it"),
        ({"add_cross_attention": True}, "add_cross_attention is True: it attends to the output of another"),
        ({"is_encoder_decoder": True}, "is_encoder_decoder is True"),
        ({"position_embedding_type": "relative_key_query"}, "position_embedding_type is 'relative_key_query'"),
        ({"pruned_heads": {"1": [0]}}, r"pruned_heads is {'1': \[0\]}: attention heads were removed"),
        ({"quantization_config": {"load_in_8bit": True}}, "quantization_config is .*quantized"),
        ({"auto_map": {"AutoModel": "modeling.Own"}}, "auto_map is .*code of its own"),
        ({"adapters": {"adapters": {"sst": "a1"}}}, "adapters is .*between its layers"),
        ({"directionality": "left"}, "directionality is 'left': only bidi"),
        ({"use_relative_position": True}, "use_relative_position is True: BERT has no such key"),
        ({"rope_theta": 1e4}, "rope_theta is 10000.0: BERT has no such key"),
        ({"norm_first": True}, "norm_first is True"),
        ({"causal_attention": True}, "causal_attention is True"),
        ({"hidden_act": "prelu"}, "hidden_act is 'prelu', expected one of gelu, gelu_new"),
        ({"hidden_act": "xielu"}, "hidden_act is 'xielu'"),
        ({"hidden_act": "gelu", "activation": "gelu_tanh"}, "activation is 'gelu_tanh', but hidden_act gelu of"),
        ({"model_type": "deberta"}, "model_type is 'deberta'"),
        ({"model_type": None, "architectures": ["XLNetLMHeadModel"]}, r"\['XLNetLMHeadModel'\]: only Bert"),
    ],
)
def test_a_configuration_of_another_function(edit, tmp_path, one_line, changes, line):
    arguments = ["--input", str(edit(**changes)), "--output", str(tmp_path / "out"), "--to", "tf1"]
    assert main(arguments) == 2
    one_line(f"config.json: .*{line}")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "changes",
    [
        {"is_decoder": False, "add_cross_attention": False, "use_cache": True, "chunk_size_feed_forward": 64},
        {"pruned_heads": {}, "torchscript": False, "adapters": {"adapters": {}, "config_map": {}}},
        {"position_embedding_type": "absolute", "classifier_dropout": None, "gradient_checkpointing": False},
        {"directionality": "bidi", "pooler_fc_size": 768, "rope_scaling": {}, "finetuning_task": "sst-2"},
    ],
)
def test_what_changes_nothing_is_no_reason(edit, changes):
    assert open_checkpoint(edit(**changes)).heads == ()


def test_a_configuration_of_2019_is_of_transformers_by_its_keys(edit):
    old = {"model_type": None, "architectures": None, "layer_norm_eps": None, "hidden_act": "gelu"}
    assert open_checkpoint(edit(**old, torchscript=False)).config.activation == "gelu_erf"


def test_gelu_in_electras_files_is_erf(golden, tmp_path):
    """https://github.com/google-research/electra/blob/master/model/modeling.py, `gelu`."""
    values = json.loads((golden / "tf1_core_L2/bert_config.json").read_text())
    electra = tmp_path / "electra"
    convert_checkpoint(golden / "tf1_core_L2", electra, ConversionOptions(to="huggingface"))
    tensors = {f"electra.{key}": value for key, value in load_file(electra / "model.safetensors").items()}
    save_file({key: value for key, value in tensors.items() if "pooler" not in key}, electra / "model.safetensors")
    config = {**values, "model_type": "electra", "hidden_act": "gelu", "layer_norm_eps": 1e-12}
    (electra / "config.json").write_text(json.dumps(config))
    convert_checkpoint(electra, tmp_path / "tf1", ConversionOptions(to="tf1"))
    written = json.loads((tmp_path / "tf1/bert_config.json").read_text())
    assert (written["hidden_act"], written["activation"]) == ("gelu", "gelu_erf")
    del written["activation"]
    (tmp_path / "tf1/bert_config.json").write_text(json.dumps(written))
    assert open_checkpoint(tmp_path / "tf1").config.activation == "gelu_erf"
    assert inspect_checkpoint(tmp_path / "tf1").configuration["hidden_act"] == "gelu"


ADAPTER = {"peft_type": "LORA", "base_model_name_or_path": "bert-base-uncased", "target_modules": ["query"]}


@pytest.fixture
def adapter(tmp_path):
    """A folder as `save_pretrained` of peft writes it."""
    folder = tmp_path / "adapter"
    folder.mkdir()
    (folder / "adapter_config.json").write_text(json.dumps(ADAPTER))
    name = "base_model.model.bert.encoder.layer.0.attention.self.query.lora_A.weight"
    save_file({name: np.zeros((4, 8), np.float32)}, folder / "adapter_model.safetensors")
    return folder


@pytest.mark.parametrize("name", ["", "adapter_model.safetensors", "adapter_config.json"])
def test_an_adapter_is_not_a_model(adapter, tmp_path, one_line, name):
    assert main(["--input", str(adapter / name), "--output", str(tmp_path / "out")]) == 2
    one_line(r"a LORA adapter without its base model \(bert-base-uncased\): merge it into its base model")


def test_a_model_with_an_adapter_beside_it(core, adapter, tmp_path, one_line):
    """transformers adds the adapter in this folder to the model; a file that is named is meant alone."""
    for name in ("config.json", "model.safetensors"):
        shutil.copy(core / name, adapter)
    assert main(["--input", str(adapter), "--output", str(tmp_path / "out")]) == 2
    one_line("a LORA adapter, which transformers adds to it: merge it .* or name the file of the model")
    assert open_checkpoint(adapter / "model.safetensors").heads == ()


@pytest.mark.parametrize("part", ["query.lora_A.default.weight", "query.base_layer.weight"])
def test_an_adapter_in_the_same_file(core, tmp_path, one_line, part):
    folder = shutil.copytree(core, tmp_path / "m")
    name = f"encoder.layer.0.attention.self.{part}"
    tensors = {**load_file(folder / "model.safetensors"), name: np.zeros((4, 8), np.float32)}
    save_file(tensors, folder / "model.safetensors")
    assert main(["--input", str(folder), "--output", str(tmp_path / "out"), "--task", "encoder"]) == 2
    one_line(f"tensor {name} is of an adapter that is not merged")


def test_an_encoder_that_is_called_roberta(core, tmp_path, one_line):
    """Its positions start at 2; without a configuration only the name shows it."""
    tensors = load_file(core / "model.safetensors")
    save_file({f"roberta.{key}": value for key, value in tensors.items()}, tmp_path / "model.safetensors")
    stated = SourceOptions(num_attention_heads=2, activation="gelu_erf")
    arguments = ["--num-attention-heads", "2", "--activation", stated.activation]
    code = main(["--input", str(tmp_path / "model.safetensors"), "--output", str(tmp_path / "out"), *arguments])
    assert code == 2
    one_line("its encoder is called roberta: RoBERTa is not BERT, and not read as BERT")
