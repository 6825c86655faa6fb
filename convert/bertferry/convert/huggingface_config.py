"""Reads and writes the `config.json` of a `Bert*` model of transformers.

https://huggingface.co/docs/transformers/model_doc/bert#transformers.BertConfig. `gelu` is the exact erf
form there; the tanh approximation is `gelu_new`.
"""

from collections.abc import Mapping
from typing import Any

from bertferry.convert.layout import Layout
from bertferry.core.config import LAYER_NORM_EPSILON, ConfigError, EncoderConfig
from bertferry.core.tasks import TRANSFORMERS_CLASSES

HUGGINGFACE_ACTS = {
    "gelu": "gelu_erf",
    "gelu_new": "gelu_tanh",
    "gelu_pytorch_tanh": "gelu_tanh",
    "relu": "relu",
    "tanh": "tanh",
    "silu": "silu",
    "swish": "silu",
}
MARKS = ("model_type", "architectures", "transformers_version")
"""Keys that a `bert_config.json` of google-research/bert never has."""
CLASS_OF_TYPE = {"bert": "Bert", "albert": "Albert", "electra": "Electra"}


def parse_activation(values: Mapping[str, Any]) -> str:
    """The activation that a `config.json` specifies.

    Raises:
      ConfigError: a model that is not supported, or an unknown activation.
    """
    if (model_type := values.get("model_type", "bert")) not in tuple(CLASS_OF_TYPE):
        raise ConfigError(f"model_type is {model_type!r}: only {', '.join(CLASS_OF_TYPE)} are supported")
    if (positions := values.get("position_embedding_type", "absolute")) != "absolute":
        raise ConfigError(f"position_embedding_type is {positions!r}: only absolute positions are supported")
    if (epsilon := values.get("layer_norm_eps", LAYER_NORM_EPSILON)) != LAYER_NORM_EPSILON:
        raise ConfigError(f"layer_norm_eps is {epsilon}: only 1e-12 is supported, other layouts cannot store it")
    act = values.get("hidden_act")
    if not isinstance(act, str) or act not in HUGGINGFACE_ACTS:
        raise ConfigError(
            f"unknown activation: hidden_act is {act!r}, expected one of {', '.join(HUGGINGFACE_ACTS)}"
        )
    return HUGGINGFACE_ACTS[act]


def huggingface_config(
    config: EncoderConfig, sizes: Mapping[str, Any], layout: Layout, heads: tuple[str, ...]
) -> dict[str, Any]:
    """The keys of a `config.json` that `AutoModel` classes of transformers load; `sizes` are those that it shares
    with a `bert_config.json`."""
    return {
        **sizes,
        "architectures": [CLASS_OF_TYPE[layout.architecture] + TRANSFORMERS_CLASSES[heads]],
        "hidden_act": next(act for act, meaning in HUGGINGFACE_ACTS.items() if meaning == config.activation),
        "layer_norm_eps": LAYER_NORM_EPSILON,
        "model_type": layout.architecture,
        "pad_token_id": 0,
    }
