"""Reads the configuration of a `BertBackbone` of KerasHub and KerasNLP, alone or in a task.

https://github.com/keras-team/keras-hub/blob/v0.32.0/keras_hub/src/models/bert/bert_backbone.py: gelu is the tanh
form and the layer normalizations' ε is 1e-12, always.
"""

import json
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bertferry.core.config import ConfigError

KEYS = {
    "vocabulary_size": "vocab_size",
    "num_layers": "num_hidden_layers",
    "num_heads": "num_attention_heads",
    "hidden_dim": "hidden_size",
    "intermediate_dim": "intermediate_size",
    "max_sequence_length": "max_position_embeddings",
    "num_segments": "type_vocab_size",
}
"""Of a backbone, with those of a `bert_config.json`."""
BACKBONE = "BertBackbone"
CLASSIFIERS = ("BertTextClassifier", "BertClassifier")
MASKED_LM = "BertMaskedLM"
LARGEST_CONFIG = 2**26
NOTES = {
    MASKED_LM: "KerasHub computes this head with the erf form of gelu and an ε of 1e-5 whatever the encoder's; "
    "here it is BERT's own, whose log-probabilities differ by 1e-4 or more"
}


def read_text(path: Path) -> str:
    """The text of a configuration file, or that inside a `.keras` file.

    Raises:
      ValueError: the file is damaged.
      OSError: it cannot be read.
    """
    if path.suffix != ".keras":
        return path.read_text(encoding="utf-8-sig")
    try:
        with zipfile.ZipFile(path) as archive, archive.open("config.json") as file:
            content = file.read(LARGEST_CONFIG)
    except (zipfile.BadZipFile, KeyError, EOFError, NotImplementedError, RuntimeError, zlib.error) as error:
        raise ValueError(f"not a complete .keras file: {error}") from error
    return content.decode("utf-8")


def is_keras_hub(values: object) -> bool:
    """Whether a configuration is of a backbone, or of a task or model that has one."""
    return isinstance(values, dict) and ("vocabulary_size" in values or _class_name(values) != "")


def bert_keys(values: Mapping[str, Any]) -> dict[str, Any]:
    """The same as the keys of a `bert_config.json`.

    Raises:
      ConfigError: another class, or a missing key.
    """
    name = _class_name(values)
    inside = values if "vocabulary_size" in values else values.get("config")
    if isinstance(inside, dict) and isinstance(backbone := inside.get("backbone"), dict):
        task = {"task": "classifier"} if name in CLASSIFIERS else {}
        return {**bert_keys(backbone), **task}
    if name not in ("", BACKBONE) or not isinstance(inside, dict):
        raise ConfigError(f"its class is {name}: only {BACKBONE} and its tasks are supported")
    if missing := [key for key in KEYS if key not in inside]:
        raise ConfigError(f"{' and '.join(missing)} missing")
    keys = {bert: inside[own] for own, bert in KEYS.items()}
    dropout = inside.get("dropout", 0.1)
    rates = {"hidden_dropout_prob": dropout, "attention_probs_dropout_prob": dropout}
    return {**keys, **rates, "activation": "gelu_tanh", "hidden_act": "gelu"}


def has_backbone(path: Path) -> bool:
    """Whether a file has the configuration of a backbone or its task; if it is damaged, it has none."""
    return is_keras_hub(_values(path))


def notes_on(path: Path | None) -> tuple[str, ...]:
    """What KerasHub computes otherwise than the networks here, if a configuration is of such a task."""
    note = NOTES.get(_class_name(_values(path))) if path is not None else None
    return (note,) if note else ()


def _values(path: Path) -> dict[str, Any]:
    try:
        values = json.loads(read_text(path))
    except (OSError, ValueError, RecursionError):
        return {}
    return values if isinstance(values, dict) else {}


def tokenizer_keys(values: Mapping[str, Any]) -> dict[str, Any]:
    """The `tokenizer.json` of a preset as the keys of a `tokenizer_config.json`."""
    inside = values.get("config")
    if _class_name(values) != "BertTokenizer" or not isinstance(inside, dict):
        return {}
    lowercase = bool(inside.get("lowercase", False))
    return {"do_lower_case": lowercase, "strip_accents": bool(inside.get("strip_accents", False))}


def _class_name(values: Mapping[str, Any]) -> str:
    """The class of an object that Keras serialized, "" if the keys are not of one."""
    name = values.get("class_name", values.get("class"))
    registered = values.get("registered_name", name)
    of_hub = isinstance(registered, str) and registered.startswith(("keras_hub>", "keras_nlp>"))
    return str(name).rpartition(">")[2] if of_hub or name == BACKBONE else ""
