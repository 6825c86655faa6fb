"""Finds a checkpoint's files from what a user gives: a prefix, a directory or a `.safetensors` file."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from bertferry.modeling.errors import DataError, UsageError

CONFIG_NAMES = {
    "tensorflow": ("bert_config.json", "config.json"),
    "safetensors": ("config.json", "bert_config.json"),
}

PICKLED = (".bin", ".pt", ".pth", ".pkl")


@dataclass(frozen=True)
class Location:
    """Where a checkpoint lies: `path` is the prefix of a TensorFlow checkpoint or the safetensors file."""

    container: Literal["tensorflow", "safetensors"]
    path: Path
    config: Path
    vocabulary: Path | None
    tokenizer_config: Path | None


def locate(given: str | Path, config: str | Path | None = None) -> Location:
    """The files of the checkpoint at `given`, none of them opened.

    Raises:
      UsageError: nothing there, several checkpoints there, or no configuration beside it.
      DataError: an index whose data files are missing.
    """
    path = Path(given)
    container: Literal["tensorflow", "safetensors"]
    if path.is_dir():
        container, path = _in_directory(path)
    elif path.suffix in PICKLED:
        raise UsageError(
            f"{path}: pickled PyTorch files run code when they are loaded and are not read here: "
            "save the model as safetensors, with model.save_pretrained(DIR) of transformers"
        )
    elif path.suffix == ".safetensors":
        container = "safetensors"
        if not path.is_file():
            raise UsageError(f"{path}: no such file")
    else:
        container, path = "tensorflow", Path(str(path).removesuffix(".index"))
    if container == "tensorflow":
        _check_shards(path)
    return Location(
        container,
        path,
        _beside(path, config, CONFIG_NAMES[container]),
        _optional(path.parent / "vocab.txt"),
        _optional(path.parent / "tokenizer_config.json"),
    )


def _in_directory(directory: Path) -> tuple[Literal["tensorflow", "safetensors"], Path]:
    if (directory / "model.safetensors").is_file():
        return "safetensors", directory / "model.safetensors"
    prefixes = sorted(str(index).removesuffix(".index") for index in directory.glob("*.index"))
    if latest := _latest(directory):
        return "tensorflow", latest
    if len(prefixes) == 1:
        return "tensorflow", Path(prefixes[0])
    if prefixes:
        raise UsageError(f"{directory}: several checkpoints: give one of {', '.join(prefixes)}")
    raise UsageError(f"{directory}: no checkpoint here: neither a *.index nor a model.safetensors file")


def _latest(directory: Path) -> Path | None:
    """What the directory's `checkpoint` file names, if it is here; the path in it may be of another machine."""
    state = directory / "checkpoint"
    if not state.is_file():
        return None
    match = re.search(r'^model_checkpoint_path: "(.*)"', state.read_text(errors="replace"), re.MULTILINE)
    prefix = directory / Path(match[1]).name if match else None
    return prefix if prefix and Path(f"{prefix}.index").is_file() else None


def _check_shards(prefix: Path) -> None:
    if not Path(f"{prefix}.index").is_file():
        raise UsageError(f"{prefix}: no such checkpoint: {prefix.name}.index is not there")
    shards = sorted(prefix.parent.glob(f"{prefix.name}.data-?????-of-?????"))
    if not shards:
        raise DataError(f"{prefix}.index: its data file {prefix.name}.data-00000-of-00001 is missing")
    total = int(shards[-1].name[-5:])
    for number in range(total):
        shard = Path(f"{prefix}.data-{number:05}-of-{total:05}")
        if not shard.is_file():
            raise DataError(f"{prefix}.index: its data file {shard.name} is missing")


def _beside(path: Path, given: str | Path | None, names: tuple[str, ...]) -> Path:
    if given is not None:
        if not Path(given).is_file():
            raise UsageError(f"{given}: no such configuration file")
        return Path(given)
    for name in names:
        if (path.parent / name).is_file():
            return path.parent / name
    raise UsageError(f"{path}: no {' or '.join(names)} beside it: name the configuration with --config FILE")


def _optional(path: Path) -> Path | None:
    return path if path.is_file() else None
