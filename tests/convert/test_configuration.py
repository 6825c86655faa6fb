import json

import pytest

from bertferry.convert.configuration import bert_config, read_config
from bertferry.core.config import ACTIVATIONS
from bertferry.core.errors import UsageError

SIZES = {
    "vocab_size": 30,
    "hidden_size": 8,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 12,
    "max_position_embeddings": 16,
    "type_vocab_size": 3,
}


@pytest.fixture
def write(tmp_path):
    def write(values):
        path = tmp_path / "config.json"
        path.write_text(values if isinstance(values, str) else json.dumps(values))
        return path

    return write


@pytest.mark.parametrize(
    ("values", "activation"),
    [
        ({"hidden_act": "gelu"}, "gelu_tanh"),
        ({"hidden_act": "gelu", "activation": "gelu_erf"}, "gelu_erf"),
        ({"hidden_act": "gelu", "model_type": "bert"}, "gelu_erf"),
        ({"hidden_act": "gelu_new", "model_type": "bert"}, "gelu_tanh"),
        ({"hidden_act": "gelu_pytorch_tanh", "architectures": ["BertModel"]}, "gelu_tanh"),
        ({"hidden_act": "silu", "model_type": "bert"}, "silu"),
        ({"hidden_act": "relu"}, "relu"),
    ],
)
def test_gelu_means_what_the_format_means_by_it(write, values, activation):
    assert read_config(write(SIZES | values), "tensorflow").encoder.activation == activation


def test_gelu_beside_safetensors_without_a_sign_of_its_format_is_refused(write):
    with pytest.raises(UsageError, match=r"ambiguous.*\"activation\""):
        read_config(write(SIZES | {"hidden_act": "gelu"}), "safetensors")


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_a_written_configuration_reads_back_the_same(write, activation):
    config = read_config(write(SIZES | {"hidden_act": "gelu", "activation": activation}), "tensorflow").encoder
    assert read_config(write(bert_config(config)), "tensorflow").encoder == config
    assert bert_config(config)["activation"] == activation


def test_the_erf_form_is_unreadable_to_those_who_do_not_know_it(write):
    config = read_config(write(SIZES | {"hidden_act": "gelu", "activation": "gelu_erf"}), "tensorflow").encoder
    assert bert_config(config)["hidden_act"] == "gelu_erf"


@pytest.mark.parametrize("key", SIZES)
def test_a_missing_size_is_named(write, key):
    values = {name: value for name, value in SIZES.items() if name != key} | {"hidden_act": "gelu"}
    with pytest.raises(UsageError, match=f"config.json: {key} missing"):
        read_config(write(values), "tensorflow")


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (SIZES, "hidden_act is missing"),
        (SIZES | {"hidden_act": "elu"}, "unknown activation.*elu"),
        (SIZES | {"hidden_act": "gelu", "activation": "gelu"}, "unknown activation.*gelu_tanh"),
        (SIZES | {"hidden_act": ["gelu"]}, "unknown activation"),
        (SIZES | {"hidden_act": "gelu", "num_attention_heads": 3}, "3 does not divide hidden_size 8"),
        (SIZES | {"hidden_act": "gelu", "num_hidden_layers": 0}, "num_layers is 0"),
        (SIZES | {"hidden_act": "gelu", "vocab_size": "30"}, "vocab_size is '30'"),
        (SIZES | {"hidden_act": "gelu", "hidden_dropout_prob": 1.5}, "dropout_rate is 1.5"),
        (SIZES | {"hidden_act": "gelu", "model_type": "deberta"}, "model_type is 'deberta'"),
        (
            SIZES | {"hidden_act": "gelu", "model_type": "bert", "layer_norm_eps": 0},
            "layer_norm_eps is 0: it must be",
        ),
        (
            SIZES | {"hidden_act": "gelu", "model_type": "bert", "position_embedding_type": "relative_key"},
            "position_embedding_type",
        ),
        ("{", "not a readable JSON"),
        ("[]", "expected a JSON object"),
    ],
)
def test_a_configuration_that_cannot_be_meant_is_refused(write, values, message):
    with pytest.raises(UsageError, match=message) as caught:
        read_config(write(values), "tensorflow")
    assert caught.value.exit_code == 2
