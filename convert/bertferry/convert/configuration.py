"""Reads an EncoderConfig from every source format, and writes it in that of the target.

`gelu` means two things: the tanh approximation in a `bert_config.json` of google-research/bert and its
descendants, the exact erf form in a `config.json` of transformers. If a file does not show which
of the two it means, it must say so with `"activation"`.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bertferry.convert.classifier_config import ClassifierConfig, read_classifier_config
from bertferry.convert.huggingface_config import MARKS, huggingface_config, parse_activation
from bertferry.convert.layout import Layout
from bertferry.convert.locate import FileFormat
from bertferry.core.config import ConfigError, EncoderConfig
from bertferry.core.errors import UsageError
from bertferry.core.manifest import Manifest, is_manifest
from bertferry.core.tasks import has_classes, task_that_keeps

SIZES = {
    "vocab_size": "vocab_size",
    "hidden_size": "hidden_size",
    "num_hidden_layers": "num_layers",
    "num_attention_heads": "num_attention_heads",
    "intermediate_size": "intermediate_size",
    "max_position_embeddings": "max_position_embeddings",
    "type_vocab_size": "type_vocab_size",
}
OPTIONAL = {
    "hidden_dropout_prob": "dropout_rate",
    "attention_probs_dropout_prob": "attention_dropout_rate",
    "initializer_range": "initializer_range",
    "embedding_size": "embedding_size",
}
HIDDEN_ACTS = {
    "gelu": "gelu_tanh",
    "gelu_erf": "gelu_erf",
    "relu": "relu",
    "tanh": "tanh",
    "silu": "silu",
}
ONE_GROUP = ("num_hidden_groups", "inner_group_num")
"""Keys of ALBERT: no checkpoint with more than one group of shared blocks was ever released."""


@dataclass(frozen=True)
class StoredConfig:
    """What a configuration file says about the encoder, its architecture (if stated) and a classifier."""

    encoder: EncoderConfig
    model_type: str | None
    classifier: ClassifierConfig


def read_config(path: Path, file_format: FileFormat) -> StoredConfig:
    """Reads a JSON file of either format.

    Raises:
      UsageError: unreadable, not JSON, a missing or inconsistent key, an unknown or ambiguous activation.
    """
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise UsageError(f"{path}: not a readable JSON configuration: {error}") from error
    if is_manifest(values):
        values = Manifest.from_dict(values, path).configuration
    if not isinstance(values, dict):
        raise UsageError(f"{path}: not a configuration: expected a JSON object")
    try:
        encoder = parse_config(values, file_format)
        classifier = read_classifier_config(values)
    except ConfigError as error:
        raise UsageError(f"{path}: {error}") from error
    return StoredConfig(encoder, values.get("model_type"), classifier)


def parse_config(values: Mapping[str, Any], file_format: FileFormat) -> EncoderConfig:
    """The configuration that the keys of either format describe.

    Raises:
      ConfigError: a missing, inconsistent, unknown or ambiguous value.
    """
    activation = _activation(values, file_format)
    missing = [key for key in SIZES if key not in values]
    if missing:
        raise ConfigError(f"{' and '.join(missing)} missing: it cannot be inferred from the tensors, add it")
    for key in ONE_GROUP:
        if values.get(key, 1) != 1:
            raise ConfigError(f"{key} is {values[key]}: only 1 is supported")
    fields = {field: values[key] for key, field in (SIZES | OPTIONAL).items() if key in values}
    return EncoderConfig(**fields, activation=activation)


def _activation(values: Mapping[str, Any], file_format: FileFormat) -> str:
    """`"activation"`, if present, takes precedence over `hidden_act`."""
    if any(mark in values for mark in MARKS):
        return parse_activation(values)
    if "activation" in values:
        return str(values["activation"])
    if "hidden_act" not in values:
        raise ConfigError("hidden_act is missing")
    act = values["hidden_act"]
    if file_format == "safetensors" and act == "gelu":
        raise ConfigError(
            "hidden_act gelu is ambiguous for a safetensors file: "
            'add "activation": "gelu_tanh" (the original BERT) or "gelu_erf" (transformers)'
        )
    if not isinstance(act, str) or act not in HIDDEN_ACTS:
        raise ConfigError(f"unknown activation: hidden_act is {act!r}, expected one of {', '.join(HIDDEN_ACTS)}")
    return HIDDEN_ACTS[act]


def bert_config(
    config: EncoderConfig, heads: tuple[str, ...] = (), classifier: ClassifierConfig | None = None
) -> dict[str, Any]:
    """The keys of a `bert_config.json`, with those of a classifier.

    `hidden_act` is what readers of 2019 know; `activation` is unambiguous. For the erf form `hidden_act` is
    `gelu_erf`, so that a reader that does not know it fails instead of computing something else.
    """
    hidden_act = next(name for name, meaning in HIDDEN_ACTS.items() if meaning == config.activation)
    values = {**_sizes(config), "hidden_act": hidden_act, "activation": config.activation}
    if classifier is not None and any(has_classes(head) for head in heads):
        values |= {"task": task_that_keeps(heads[0]), **classifier.labels}
    return dict(sorted(values.items()))


def write_configuration(
    directory: Path,
    config: EncoderConfig,
    target: Layout,
    heads: tuple[str, ...],
    classifier: ClassifierConfig,
    classes: int | None,
) -> None:
    """Writes the configuration file of a target: `config.json` of transformers, or `bert_config.json`.

    `classes` is the number of classes of the target's classifier, if it has one.
    """
    if target.naming == "safetensors":
        name, values = "config.json", huggingface_config(config, _sizes(config), target, heads)
        values |= {} if classes is None else classifier.keys(classes)
    else:
        name, values = "bert_config.json", {**bert_config(config, heads, classifier), **target.configuration}
    (directory / name).write_text(json.dumps(dict(sorted(values.items())), indent=2) + "\n")


def _sizes(config: EncoderConfig) -> dict[str, Any]:
    values = {key: getattr(config, field) for key, field in (SIZES | OPTIONAL).items()}
    return {key: value for key, value in values.items() if value is not None}
