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

from bertferry.convert.vocabulary import Vocabulary
from bertferry.convert.weight_files import PRESET_VOCABULARY
from bertferry.core.config import ConfigError, EncoderConfig
from bertferry.core.errors import DataError, UsageError
from bertferry.core.tokenizer import Tokenizer

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
QUANTIZED = "QuantizedDTypePolicy"
CLASSIFIERS = ("BertTextClassifier", "BertClassifier")
MASKED_LM = "BertMaskedLM"
TASKS = {"classifier": ("BertTextClassifier", "text_classifier"), "mlm": (MASKED_LM, "masked_lm")}
"""Class and module of the task for a head."""
FIELDS = {
    "vocabulary_size": "vocab_size",
    "num_layers": "num_layers",
    "num_heads": "num_attention_heads",
    "hidden_dim": "hidden_size",
    "intermediate_dim": "intermediate_size",
    "dropout": "dropout_rate",
    "max_sequence_length": "max_position_embeddings",
    "num_segments": "type_vocab_size",
}
SPECIAL_TOKENS = ("[CLS]", "[SEP]", "[PAD]", "[MASK]", "[UNK]")
LARGEST_CONFIG = 2**26
UTF_16 = (b"\xff\xfe", b"\xfe\xff")
"""The byte order marks of files that PowerShell writes."""


def read_text(path: Path) -> str:
    """The text of a configuration file, or that inside a `.keras` file.

    Raises:
      ValueError: the file is damaged.
      OSError: it cannot be read.
    """
    if path.suffix != ".keras":
        content = path.read_bytes()
        return content.decode("utf-16" if content.startswith(UTF_16) else "utf-8-sig")
    try:
        with zipfile.ZipFile(path) as archive, archive.open("config.json") as file:
            content = file.read(LARGEST_CONFIG)
    except (zipfile.BadZipFile, KeyError, EOFError, NotImplementedError, RuntimeError, zlib.error) as error:
        raise ValueError(f"not a complete .keras file: {error}") from error
    return content.decode("utf-8")


def is_keras_hub(values: object) -> bool:
    """Whether a configuration is of a backbone, or of a task or model that has one."""
    if not isinstance(values, dict):
        return False
    return "vocabulary_size" in values or _class_name(values) != "" or _only_backbone(values) is not None


def _only_backbone(values: Mapping[str, Any]) -> dict[str, Any] | None:
    """The backbone among the layers of a model that somebody built around one."""
    inside = values.get("config")
    layers = inside.get("layers") if isinstance(inside, dict) else None
    layers = [layer for layer in layers if isinstance(layer, dict)] if isinstance(layers, list) else []
    found = [layer for layer in layers if layer.get("class_name") == BACKBONE]
    return found[0] if len(found) == 1 else None


def bert_keys(values: Mapping[str, Any]) -> dict[str, Any]:
    """The same as the keys of a `bert_config.json`.

    Raises:
      ConfigError: another class, or a missing key.
    """
    if (backbone := _only_backbone(values)) is not None:
        return bert_keys(backbone)
    name = _class_name(values)
    inside = values if "vocabulary_size" in values else values.get("config")
    if isinstance(inside, dict) and isinstance(backbone := inside.get("backbone"), dict):
        task = {"task": "classifier"} if name in CLASSIFIERS else {}
        return {**bert_keys(backbone), **task}
    if name not in ("", BACKBONE) or not isinstance(inside, dict):
        raise ConfigError(f"its class is {name}: only {BACKBONE} and its tasks are supported")
    if QUANTIZED in json.dumps(inside.get("dtype")):
        raise ConfigError("its layers are quantized: save the model before quantization")
    if missing := [key for key in KEYS if key not in inside]:
        raise ConfigError(f"{' and '.join(missing)} missing")
    keys = {bert: inside[own] for own, bert in KEYS.items()}
    dropout = inside.get("dropout", 0.1)
    rates = {"hidden_dropout_prob": dropout, "attention_probs_dropout_prob": dropout}
    return {**keys, **rates, "activation": "gelu_tanh", "hidden_act": "gelu"}


def has_backbone(path: Path) -> bool:
    """Whether a file has the configuration of a backbone or its task; if it is damaged, it has none."""
    return is_keras_hub(_values(path))


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


def write_preset(directory: Path, config: EncoderConfig, heads: tuple[str, ...], classes: int | None) -> None:
    """Writes `config.json`, and `task.json` if there is a head.

    Raises:
      UsageError: an activation that no backbone computes.
    """
    if config.activation != "gelu_tanh":
        raise UsageError(
            f"KerasHub's BERT computes the tanh form of gelu, not {config.activation}: it cannot hold this model",
            "choose another --to",
        )
    values = {own: getattr(config, field) for own, field in FIELDS.items()}
    backbone = _object("backbone", BACKBONE, {"name": "bert_backbone", "trainable": True, **values})
    _write(directory / "config.json", backbone)
    if heads:
        name, module = TASKS[heads[0]]
        own = {"num_classes": classes, "activation": None} if classes is not None else {}
        task = {"backbone": backbone, "preprocessor": None, "name": f"bert_{module}", **own}
        _write(directory / "task.json", _object(module, name, task))


def write_preset_tokenizer(directory: Path, vocabulary: Vocabulary, tokenizer: Tokenizer) -> None:
    """Writes `tokenizer.json` and the vocabulary that it stands for.

    Raises:
      DataError: a token is missing that KerasHub needs.
    """
    if missing := [token for token in SPECIAL_TOKENS if token not in vocabulary.tokens]:
        raise DataError(f"{vocabulary.path}: no token {', '.join(missing)}, which KerasHub's tokenizer needs")
    settings = {"lowercase": tokenizer.lower_case, "strip_accents": tokenizer.strips_accents}
    _write(directory / "tokenizer.json", _object("tokenizer", "BertTokenizer", settings))
    path = directory / PRESET_VOCABULARY
    path.parent.mkdir(parents=True)
    vocabulary.write(path)


def _object(module: str, name: str, config: Mapping[str, Any]) -> dict[str, Any]:
    """An object as Keras serializes it."""
    return {
        "module": f"keras_hub.src.models.bert.bert_{module}",
        "class_name": name,
        "config": config,
        "registered_name": f"keras_hub>{name}",
    }


def _write(path: Path, values: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(values, indent=4) + "\n")


def _class_name(values: Mapping[str, Any]) -> str:
    """The class of an object that Keras serialized, "" if the keys are not of one."""
    name = values.get("class_name", values.get("class"))
    registered = values.get("registered_name", name)
    of_hub = isinstance(registered, str) and registered.startswith(("keras_hub>", "keras_nlp>"))
    return str(name).rpartition(">")[2] if of_hub or name == BACKBONE else ""
