"""Files that hold only a part of what a model computes, or the tensors of another model under BERT's names.

Adapters (https://huggingface.co/docs/peft) are trained beside a base model whose weights are elsewhere, or in the
same file if they were not merged: the base model's tensors alone compute something else.
"""

import json
from collections.abc import Iterable
from pathlib import Path

from bertferry.convert.globs import any_of
from bertferry.core.errors import UsageError

ADAPTER_CONFIG = "adapter_config.json"
ADAPTER_FILES = ("adapter_model.safetensors", "adapter_model.bin", "pytorch_adapter.bin")
MERGE = "merge it into its base model (merge_and_unload() of peft) and save the result"

ADAPTER_PARTS = (
    *("lora_*", "ia3_*", "hada_*", "lokr_*", "oft_*", "boft_*", "vera_*", "base_layer", "modules_to_save"),
    *("prompt_encoder", "prompt_embeddings", "prefix_encoder", "prefix_tuning*"),
)
"""Parts of the names of adapters' tensors, as globs."""
FOREIGN_SCOPES = {"roberta": "RoBERTa", "splinter": "Splinter", "ernie": "ERNIE"}
"""Scopes of models that have BERT's tensors and compute something else, for example with shifted positions."""


def check_merged(path: Path, names: Iterable[str]) -> None:
    """Refuses a file with the tensors of an adapter.

    Raises:
      UsageError: the first of them, and a remedy.
    """
    pattern = any_of(ADAPTER_PARTS)
    for name in names:
        if any(map(pattern.match, name.replace("/", ".").split("."))):
            raise UsageError(f"{path}: tensor {name} is of an adapter that is not merged: {MERGE}")


def check_not_fairseq(path: Path, names: Iterable[str]) -> None:
    """Refuses a checkpoint of fairseq, in which RoBERTa has no segments and no configuration of its own.

    Raises:
      UsageError: the first of its tensors, and a remedy.
    """
    for name in names:
        if ".sentence_encoder." in name or name.startswith("sentence_encoder."):
            raise UsageError(
                f"{path}: tensor {name} is of a RoBERTa in fairseq",
                "convert it with convert_roberta_original_pytorch_checkpoint_to_pytorch.py of transformers",
            )


def check_scope(path: Path, place: str) -> None:
    """Refuses a BERT at a place where only models of another architecture have their encoder.

    Raises:
      UsageError: the architecture.
    """
    scope = place.replace("/", ".").rstrip(".").rpartition(".")[2]
    if scope in FOREIGN_SCOPES:
        raise UsageError(
            f"{path}: its encoder is called {scope}: {FOREIGN_SCOPES[scope]} is not BERT, and not read as BERT",
            "name its own configuration with --config FILE",
        )


def check_no_adapter(path: Path) -> None:
    """Refuses an adapter, given as its folder or as one of its files, and a folder that contains one.

    Raises:
      UsageError: it is an adapter; the message names its base model.
    """
    config = (path if path.is_dir() else path.parent) / ADAPTER_CONFIG
    if not (config.is_file() if path.is_dir() else path.name in (*ADAPTER_FILES, ADAPTER_CONFIG)):
        return
    values = _values(config)
    kind = f"{values.get('peft_type') or ''} adapter".strip()
    base = values.get("base_model_name_or_path") or "elsewhere"
    if path.is_dir() and (path / "config.json").is_file():
        raise UsageError(
            f"{path}: has a model and a {kind}, which transformers adds to it: {MERGE}, "
            "or name the file of the model to leave the adapter out"
        )
    raise UsageError(f"{path}: a {kind} without its base model ({base}): {MERGE}")


def _values(config: Path) -> dict[str, object]:
    """What an adapter's configuration says; a damaged one says nothing."""
    try:
        values = json.loads(config.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError, RecursionError):
        return {}
    return values if isinstance(values, dict) else {}
