"""Reads from a sentence-transformers configuration how an encoder's outputs become a sentence embedding.

https://sbert.net/docs/package_reference/sentence_transformer/models.html: `modules.json` lists what follows the
transformer, `1_Pooling/config.json` sets the pooling of tokens, `sentence_bert_config.json` the maximum length.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bertferry.convert.locate import Location
from bertferry.convert.paths import modules_with_weights, sentence_folder
from bertferry.core.errors import UsageError

POOLINGS = ("cls", "pooled", "mean")
MODES = {"pooling_mode_cls_token": "cls", "pooling_mode_mean_tokens": "mean"}
MAX_LENGTH = 128
"""Maximum length if no configuration sets one, as in the preprocessing modules of tfhub.dev."""


@dataclass(frozen=True)
class SentenceChoices:
    """One of `POOLINGS`, whether embeddings are scaled to unit length, and the maximum number of word pieces."""

    pooling: str
    normalize: bool
    max_length: int


def read_sentence_choices(location: Location, pooling: str | None) -> SentenceChoices:
    """Reads the files next to a checkpoint; `pooling` overrides theirs.

    Raises:
      UsageError: no pooling is configured or given, or the configuration contains an unsupported module.
    """
    folder = sentence_folder(location.path.parent)
    modules = _read_json(folder / "modules.json", [])
    if not isinstance(modules, list) or not all(
        isinstance(module, dict) and "path" in module for module in modules
    ):
        raise UsageError(f"{folder / 'modules.json'}: not a list of modules with their paths")
    types = [str(module.get("type", "")).rpartition(".")[2] for module in modules]
    if unknown := modules_with_weights(location.path.parent):
        raise UsageError(
            f"{folder / 'modules.json'}: unsupported module {unknown[0]}: embeddings would be wrong without it: "
            "export the encoder alone, with --task encoder"
        )
    if pooling is None:
        pooling = _read_pooling(folder, modules)
    own = location.path.parent / "sentence_bert_config.json"
    length = _read_json(own, {}).get("max_seq_length") or MAX_LENGTH
    if not isinstance(length, int):
        raise UsageError(f"{own}: max_seq_length is {length!r}: expected a number")
    return SentenceChoices(pooling, "Normalize" in types, length)


def _read_pooling(folder: Path, modules: list[dict[str, Any]]) -> str:
    paths = [module["path"] for module in modules if str(module.get("type", "")).endswith("Pooling")]
    if not paths:
        raise UsageError(f"{folder}: no pooling is configured: give --pooling {', '.join(POOLINGS)}")
    config = folder / paths[0] / "config.json"
    enabled = [
        mode for mode, value in _read_json(config, {}).items() if mode.startswith("pooling_mode_") and value
    ]
    if len(enabled) != 1 or enabled[0] not in MODES:
        raise UsageError(
            f"{config}: {' and '.join(enabled) or 'no pooling mode'}: expected one of {', '.join(MODES)}"
        )
    return MODES[enabled[0]]


def _read_json(path: Path, absent: Any) -> Any:  # noqa: ANN401 - any JSON value
    """The value in a JSON file, or `absent` if there is no such file; of the same type as `absent`."""
    if not path.is_file():
        return absent
    try:
        value = json.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError) as error:
        raise UsageError(f"{path}: not a readable configuration: {error}") from error
    if not isinstance(value, type(absent)):
        raise UsageError(f"{path}: not a sentence-transformers configuration")
    return value
