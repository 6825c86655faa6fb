import pytest

from bertferry.core.config import ConfigError, EncoderConfig
from bertferry.core.parameters import canonical_axes, parameter_names
from bertferry.core.tasks import HEADS

CONFIG = EncoderConfig(30, 8, 2, 2, 12, 16, 3, "gelu_tanh")


def test_an_encoder_has_seven_parameters_and_sixteen_a_layer():
    assert len(parameter_names(12)) == 7 + 16 * 12


def test_names_of_heads_are_unique():
    assert len({name for head in HEADS.values() for name in head.parameters}) == sum(
        len(head.parameters) for head in HEADS.values()
    )


def test_an_unknown_parameter_is_a_key_error():
    with pytest.raises(KeyError):
        canonical_axes("encoder/0/attention/query/gamma")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"num_attention_heads": 3}, "num_attention_heads 3 does not divide hidden_size 8"),
        ({"vocab_size": 0}, "vocab_size is 0"),
        ({"hidden_size": 8.0}, "hidden_size is 8.0"),
        ({"num_layers": True}, "num_layers is True"),
        ({"dropout_rate": 1.0}, "dropout_rate is 1.0"),
        ({"attention_dropout_rate": "0.1"}, "attention_dropout_rate is '0.1'"),
        ({"initializer_range": None}, "initializer_range is None"),
        ({"activation": "gelu"}, "unknown activation 'gelu': expected one of gelu_tanh"),
    ],
)
def test_inconsistent_configurations_are_refused(change, message):
    with pytest.raises(ConfigError, match=message):
        EncoderConfig(**{**vars(CONFIG), **change})
    assert issubclass(ConfigError, ValueError)


def test_head_size():
    assert CONFIG.head_size == 4
