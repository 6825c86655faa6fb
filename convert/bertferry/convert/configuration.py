"""Reads an EncoderConfig from every source format, and writes it in that of the target."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bertferry.convert.classifier_config import ClassifierConfig, read_classifier_config
from bertferry.convert.dialects import keys_of_bert, stated_architecture
from bertferry.convert.hidden_act import original_act, read_activation
from bertferry.convert.huggingface_config import huggingface_config
from bertferry.convert.keras_hub_config import bert_keys, is_keras_hub, read_text, write_preset
from bertferry.convert.layout import Layout
from bertferry.convert.unsupported_keys import check_supported, may_be_roberta
from bertferry.convert.weight_files import FileFormat
from bertferry.core.architectures import ARCHITECTURES
from bertferry.core.config import LAYER_NORM_EPSILON, ConfigError, EncoderConfig
from bertferry.core.errors import UsageError
from bertferry.core.manifest import Manifest, is_manifest
from bertferry.core.tasks import has_classes, heads_with_names_of, task_that_keeps

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
    "layer_norm_eps": "layer_norm_eps",
}


@dataclass(frozen=True)
class StoredConfig:
    """What a configuration file says about the encoder, its architecture (if stated) and a classifier."""

    encoder: EncoderConfig
    architecture: str | None
    classifier: ClassifierConfig


def read_config(
    path: Path, file_format: FileFormat, architecture: str = "bert", activation: str | None = None
) -> StoredConfig:
    """Reads a JSON file of either format.

    `architecture` is that of the tensors, unless the file states one, `activation` what a user states.

    Raises:
      UsageError: unreadable, not JSON, a missing or inconsistent key, an unknown or ambiguous activation, or a
        model that nothing here computes.
    """
    try:
        values = json.loads(read_text(path))
    except (OSError, ValueError, RecursionError) as error:
        raise UsageError(f"{path}: not a readable JSON configuration: {error}") from error
    if is_manifest(values):
        values = Manifest.from_dict(values, path).configuration
    if not isinstance(values, dict):
        raise UsageError(f"{path}: not a configuration: expected a JSON object")
    try:
        values = bert_keys(values) if is_keras_hub(values) else keys_of_bert(values)
        encoder = parse_config(values, file_format, architecture, activation)
        classifier = read_classifier_config(values)
    except ConfigError as error:
        raise UsageError(f"{path}: {error}") from error
    return StoredConfig(encoder, stated_architecture(values), classifier)


def parse_config(
    values: Mapping[str, Any], file_format: FileFormat, architecture: str = "bert", given: str | None = None
) -> EncoderConfig:
    """The configuration that the keys of either format describe; `given` is the activation that a user states.

    Raises:
      ConfigError: a missing, inconsistent, unknown, unsupported or ambiguous value.
    """
    check_supported(values)
    architecture = stated_architecture(values) or architecture
    ambiguous = file_format not in ("tensorflow", "keras")
    activation = read_activation(values, ambiguous=ambiguous, architecture=architecture, given=given)
    missing = [key for key in SIZES if key not in values]
    if missing:
        raise ConfigError(f"{' and '.join(missing)} missing: it cannot be inferred from the tensors, add it")
    fields = {field: values[key] for key, field in (SIZES | OPTIONAL).items() if key in values}
    return EncoderConfig(
        **fields, activation=activation, architecture=architecture, pad_id=_padding_id(values, architecture)
    )


def _padding_id(values: Mapping[str, Any], architecture: str) -> int:
    """The id of padding, which determines positions in some architectures and nothing in the others."""
    switches = ARCHITECTURES[architecture]
    stated = values.get("pad_token_id", switches.pad_id)
    if switches.counts_positions:
        return stated  # type: ignore[no-any-return]  # EncoderConfig checks it
    size = values["vocab_size"]
    numbers = all(isinstance(number, int) and not isinstance(number, bool) for number in (stated, size))
    return stated if numbers and 0 <= stated < size else switches.pad_id


def bert_config(
    config: EncoderConfig,
    heads: tuple[str, ...] = (),
    classifier: ClassifierConfig | None = None,
) -> dict[str, Any]:
    """The keys of a `bert_config.json`, with those of a classifier.

    `hidden_act` is what readers of 2019 know; `activation` is unambiguous, and so is the
    `architecture` of others than BERT.
    """
    hidden_act = original_act(config.activation, config.architecture)
    values = {**_sizes(config), "hidden_act": hidden_act, "activation": config.activation}
    if config.architecture != "bert" or may_be_roberta(values):
        values["architecture"] = config.architecture
    if config.pad_id or config.switches.pad_id:  # else every reader takes 0
        values["pad_token_id"] = config.pad_id
    if classifier is not None and any(heads_with_names_of(head) for head in heads):
        values |= {**(classifier.labels if has_classes(heads[0]) else {}), **classifier.kept}
        if classifier.decided:
            values["task"] = task_that_keeps(heads[0], heads)
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
    if target.naming == "keras":
        write_preset(directory, config, heads, classes)
        return
    if target.naming == "safetensors":
        name, values = "config.json", huggingface_config(config, _sizes(config), heads)
        values |= classifier.keys(classes) if any(heads_with_names_of(head) for head in heads) else {}
    else:
        own = bert_config(config, heads, classifier)
        name, values = "bert_config.json", {**own, **target.configuration}
    (directory / name).write_text(json.dumps(dict(sorted(values.items())), indent=2) + "\n")


def _sizes(config: EncoderConfig) -> dict[str, Any]:
    values = {key: getattr(config, field) for key, field in (SIZES | OPTIONAL).items()}
    if config.layer_norm_eps == LAYER_NORM_EPSILON:
        del values["layer_norm_eps"]  # which a reader of 2019 takes for granted
    return {key: value for key, value in values.items() if value is not None}
