"""Reads an EncoderConfig from each source format, and writes the one of TensorFlow checkpoints.

`gelu` means two things: the tanh approximation in a `bert_config.json` of google-research/bert and its
descendants, the exact erf form in a `config.json` of transformers. A file that does not show which of the
two it is must say so with `"activation"`.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from bertferry.modeling.config import ConfigError, EncoderConfig
from bertferry.modeling.errors import UsageError

SIZES = {
    "vocab_size": "vocab_size",
    "hidden_size": "hidden_size",
    "num_hidden_layers": "num_layers",
    "num_attention_heads": "num_attention_heads",
    "intermediate_size": "intermediate_size",
    "max_position_embeddings": "max_position_embeddings",
    "type_vocab_size": "type_vocab_size",
}
RATES = {
    "hidden_dropout_prob": "dropout_rate",
    "attention_probs_dropout_prob": "attention_dropout_rate",
    "initializer_range": "initializer_range",
}
BERT_ACTIVATIONS = {
    "gelu": "gelu_tanh",
    "gelu_erf": "gelu_erf",
    "relu": "relu",
    "tanh": "tanh",
    "silu": "silu",
}
HUGGINGFACE_ACTIVATIONS = {
    "gelu": "gelu_erf",
    "gelu_new": "gelu_tanh",
    "gelu_pytorch_tanh": "gelu_tanh",
    "relu": "relu",
    "tanh": "tanh",
    "silu": "silu",
    "swish": "silu",
}
HUGGINGFACE_MARKS = ("model_type", "architectures", "transformers_version")


def read_config(path: Path, container: Literal["tensorflow", "safetensors"]) -> EncoderConfig:
    """The configuration in a JSON file of either format.

    Raises:
      UsageError: unreadable, not JSON, a missing or inconsistent key, an unknown or ambiguous activation.
    """
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise UsageError(f"{path}: not a readable JSON configuration: {error}") from error
    if not isinstance(values, dict):
        raise UsageError(f"{path}: not a configuration: a JSON object is expected")
    try:
        if any(mark in values for mark in HUGGINGFACE_MARKS):
            return read_huggingface_config(values)
        if container == "safetensors" and values.get("hidden_act") == "gelu" and "activation" not in values:
            raise ConfigError(
                "hidden_act gelu is ambiguous beside a safetensors file: "
                'add "activation": "gelu_tanh" (the original BERT) or "gelu_erf" (transformers)'
            )
        return read_bert_config(values)
    except ConfigError as error:
        raise UsageError(f"{path}: {error}") from error


def read_bert_config(values: Mapping[str, Any]) -> EncoderConfig:
    """From the keys of a `bert_config.json`; `"activation"`, where it stands, wins over `hidden_act`."""
    if "activation" in values:
        return _config(values, values["activation"])
    return _config(values, _activation(values, BERT_ACTIVATIONS))


def read_huggingface_config(values: Mapping[str, Any]) -> EncoderConfig:
    """From the keys of a `config.json` of a `Bert*` model of transformers."""
    if values.get("model_type", "bert") != "bert":
        raise ConfigError(f"model_type is {values['model_type']!r}: only bert is read here")
    if (kind := values.get("position_embedding_type", "absolute")) != "absolute":
        raise ConfigError(f"position_embedding_type is {kind!r}: only absolute positions are read here")
    if (epsilon := values.get("layer_norm_eps", 1e-12)) != 1e-12:
        raise ConfigError(f"layer_norm_eps is {epsilon}: BERT's is 1e-12 and cannot be stored in other layouts")
    return _config(values, _activation(values, HUGGINGFACE_ACTIVATIONS))


def _activation(values: Mapping[str, Any], known: Mapping[str, str]) -> str:
    if "hidden_act" not in values:
        raise ConfigError("hidden_act is missing")
    act = values["hidden_act"]
    if not isinstance(act, str) or act not in known:
        raise ConfigError(f"unknown activation: hidden_act is {act!r}, known are {', '.join(known)}")
    return known[act]


def _config(values: Mapping[str, Any], activation: str) -> EncoderConfig:
    missing = [key for key in SIZES if key not in values]
    if missing:
        raise ConfigError(f"{' and '.join(missing)} missing: the tensors alone do not show it, add it")
    fields = {field: values[key] for key, field in (SIZES | RATES).items() if key in values}
    return EncoderConfig(**fields, activation=activation)


def bert_config(config: EncoderConfig) -> dict[str, Any]:
    """The keys of a `bert_config.json`.

    `hidden_act` is what readers of 2019 know; `activation` says it without doubt. For the erf form
    `hidden_act` is `gelu_erf`, so that a reader that does not know it refuses instead of computing another.
    """
    hidden_act = next(name for name, meaning in BERT_ACTIVATIONS.items() if meaning == config.activation)
    sizes = {key: getattr(config, field) for key, field in (SIZES | RATES).items()}
    return dict(sorted({**sizes, "hidden_act": hidden_act, "activation": config.activation}.items()))
