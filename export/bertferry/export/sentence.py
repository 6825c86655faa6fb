"""How a sentence embedding is made of an encoder's outputs, as a sentence-transformers configuration says.

https://sbert.net/docs/package_reference/sentence_transformer/models.html: `modules.json` lists what follows the
transformer, `1_Pooling/config.json` says how tokens are pooled, `sentence_bert_config.json` where texts are cut.
"""

import json
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from bertferry.convert.locate import Location
from bertferry.core.errors import UnavailableError, UsageError

POOLINGS = ("cls", "pooled", "mean")
MODES = {"pooling_mode_cls_token": "cls", "pooling_mode_mean_tokens": "mean"}
MAX_LENGTH = 128
"""Where no configuration says where texts are cut, as the preprocessing modules of tfhub.dev do."""


@dataclass(frozen=True)
class SentenceChoices:
    """One of `POOLINGS`, whether embeddings are scaled to length 1, and how many word pieces a text may have."""

    pooling: str
    normalize: bool
    max_length: int


def read_sentence_choices(location: Location, pooling: str | None) -> SentenceChoices:
    """What the files beside a checkpoint say, or the pooling given.

    Raises:
      UsageError: nothing says how to pool, or the configuration asks for what is not known here.
    """
    folder = location.path.parent
    modules = _read_json(folder / "modules.json", [])
    kinds = [str(module.get("type", "")).rpartition(".")[2] for module in modules]
    unknown = [kind for kind in kinds if kind not in ("Transformer", "Pooling", "Normalize")]
    if pooling is None:
        if unknown:
            raise UsageError(f"{folder / 'modules.json'}: {unknown[0]} is not known here: --pooling leaves it out")
        pooling = _read_pooling(folder, modules)
    length = _read_json(folder / "sentence_bert_config.json", {}).get("max_seq_length", MAX_LENGTH)
    return SentenceChoices(pooling, "Normalize" in kinds, int(length))


def check_text_installed() -> None:
    """Asks for what an extra brings.

    Raises:
      UnavailableError: TensorFlow Text is not there.
    """
    if find_spec("tensorflow_text") is None:
        raise UnavailableError("TensorFlow Text is not installed: pip install 'bertferry[text]'")


def _read_pooling(folder: Path, modules: list[dict[str, Any]]) -> str:
    paths = [module["path"] for module in modules if str(module.get("type", "")).endswith("Pooling")]
    if not paths:
        raise UsageError(f"{folder}: nothing says how tokens are pooled: give --pooling {', '.join(POOLINGS)}")
    config = folder / paths[0] / "config.json"
    on = [mode for mode, value in _read_json(config, {}).items() if mode.startswith("pooling_mode_") and value]
    if len(on) != 1 or on[0] not in MODES:
        raise UsageError(f"{config}: {' and '.join(on) or 'no pooling mode'}: expected one of {', '.join(MODES)}")
    return MODES[on[0]]


def _read_json(path: Path, absent: Any) -> Any:  # noqa: ANN401 - whatever JSON holds
    """A JSON file's value, or another where there is none; of the same kind."""
    if not path.is_file():
        return absent
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UsageError(f"{path}: not a readable configuration: {error}") from error
    if not isinstance(value, type(absent)):
        raise UsageError(f"{path}: not a sentence-transformers configuration")
    return value
