"""Finds the files of a checkpoint given as a prefix, a directory, a safetensors file or an archive."""

import glob
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from bertferry.convert.additions import check_no_adapter
from bertferry.convert.archive import is_archive, unpack
from bertferry.core.errors import DataError, UsageError
from bertferry.core.manifest import MANIFEST, read_manifest
from bertferry.core.temporary import TemporaryFolder

FileFormat = Literal["tensorflow", "safetensors", "keras"]
CONFIG_NAMES: dict[FileFormat, tuple[str, ...]] = {
    "tensorflow": ("bert_config.json", "config.json", "albert_config.json"),
    "safetensors": ("config.json", "bert_config.json"),
    "keras": (),
}
SHARD_INDEX = "model.safetensors.index.json"
PICKLED = (".bin", ".pt", ".pth", ".pkl")

DIGITS = "[0-9]" * 5
"""Of a shard's number, as a glob."""


@dataclass(frozen=True)
class Location:
    """The location of a checkpoint: `path` is the prefix of a TensorFlow checkpoint, the safetensors file or the
    index of several (`shards`). `unpacked` keeps the folder of an unpacked archive as long as it is needed."""

    file_format: FileFormat
    path: Path
    shards: tuple[Path, ...]
    config: Path | None
    vocabulary: Path | None
    tokenizer_config: Path | None
    unpacked: TemporaryFolder | None = None

    @property
    def files(self) -> tuple[Path, ...]:
        """The files that hold the checkpoint: its tensors and their index, its configuration."""
        if self.file_format == "tensorflow":
            tensors = sorted(self.path.parent.glob(f"{glob.escape(self.path.name)}.data-{DIGITS}-of-{DIGITS}"))
            tensors.append(Path(f"{self.path}.index"))
        else:
            tensors = list(dict.fromkeys([self.path, *self.shards]))
        return (*tensors, self.config) if self.config else tuple(tensors)


def locate(given: str | Path, config: str | Path | None = None) -> Location:
    """The files of the checkpoint at `given`, without reading tensors; an archive is unpacked.

    Raises:
      UsageError: no checkpoint or several there, or a hostile archive.
      DataError: an index whose data files are missing, or a damaged archive.
    """
    path, unpacked = Path(given), None
    if is_archive(path) and not path.is_dir():
        unpacked = unpack(path)
        path = _only_checkpoint_folder(unpacked.path, path)
    check_no_adapter(path)
    if path.is_dir() and (path / "saved_model.pb").is_file():
        return _saved_model(path, config)
    file_format, path = _find_in_directory(path) if path.is_dir() else _from_file_name(path)
    if file_format == "tensorflow":
        _check_shards(path)
    shards = _safetensors_shards(path) if file_format == "safetensors" else ()
    return Location(
        file_format,
        path,
        shards,
        _find_config(path, config, CONFIG_NAMES[file_format]),
        _if_file(path.parent / "vocab.txt"),
        _if_file(path.parent / "tokenizer_config.json"),
        unpacked,
    )


def _saved_model(directory: Path, config: str | Path | None) -> Location:
    """The variables of a SavedModel, with the configuration and the vocabulary that a module carries."""
    prefix = directory / "variables" / "variables"
    _check_shards(prefix)
    return Location(
        "tensorflow",
        prefix,
        (),
        _find_config(directory / MANIFEST, config, (MANIFEST,) if read_manifest(directory) else ()),
        _if_file(directory / "assets" / "vocab.txt"),
        None,
    )


def _only_checkpoint_folder(root: Path, archive: Path) -> Path:
    folders = {file.parent for pattern in ("*.index", "*.safetensors") for file in root.rglob(pattern)}
    if not folders:
        raise UsageError(f"{archive}: contains no checkpoint: neither a *.index nor a *.safetensors file")
    if len(folders) > 1:
        names = ", ".join(sorted(str(folder.relative_to(root)) for folder in folders))
        raise UsageError(f"{archive}: contains several checkpoints ({names}): unpack it and name one")
    return folders.pop()


def _from_file_name(path: Path) -> tuple[FileFormat, Path]:
    if path.suffix in PICKLED:
        raise UsageError(
            f"{path}: pickled PyTorch files run code when they are loaded and are not supported: "
            "save the model as safetensors, with model.save_pretrained(DIR) of transformers"
        )
    if path.suffix == ".safetensors" or path.name == SHARD_INDEX:
        if not path.is_file():
            raise UsageError(f"{path}: no such file")
        return "safetensors", path
    if path.suffix == ".keras":
        if not path.is_file():
            raise UsageError(f"{path}: no such file")
        return "keras", path
    return "tensorflow", Path(str(path).removesuffix(".index"))


def _find_in_directory(directory: Path) -> tuple[FileFormat, Path]:
    for name in ("model.safetensors", SHARD_INDEX):
        if (directory / name).is_file():
            return "safetensors", directory / name
    prefixes = sorted(str(index).removesuffix(".index") for index in directory.glob("*.index"))
    if latest := _latest_checkpoint(directory):
        return "tensorflow", latest
    if len(prefixes) == 1:
        return "tensorflow", Path(prefixes[0])
    if prefixes:
        raise UsageError(f"{directory}: several checkpoints: give one of {', '.join(prefixes)}")
    if pickled := [file.name for file in sorted(directory.iterdir()) if file.suffix in PICKLED]:
        return _from_file_name(directory / pickled[0])
    raise UsageError(f"{directory}: no checkpoint here: neither a *.index nor a model.safetensors file")


def _latest_checkpoint(directory: Path) -> Path | None:
    """The checkpoint that the `checkpoint` file names, if it is here; the file may state a folder elsewhere."""
    state = directory / "checkpoint"
    if not state.is_file():
        return None
    match = re.search(r'^model_checkpoint_path: "(.*)"', state.read_text(errors="replace"), re.MULTILINE)
    prefix = directory / Path(match[1]).name if match else None
    return prefix if prefix and Path(f"{prefix}.index").is_file() else None


def _check_shards(prefix: Path) -> None:
    if not Path(f"{prefix}.index").is_file():
        raise UsageError(f"{prefix}: no such checkpoint: {prefix.name}.index does not exist")
    shards = sorted(prefix.parent.glob(f"{glob.escape(prefix.name)}.data-{DIGITS}-of-{DIGITS}"))
    if not shards:
        raise DataError(f"{prefix}.index: its data file {prefix.name}.data-00000-of-00001 is missing")
    total = int(shards[-1].name[-5:])
    for number in range(total):
        shard = Path(f"{prefix}.data-{number:05}-of-{total:05}")
        if not shard.is_file():
            raise DataError(f"{prefix}.index: its data file {shard.name} is missing")


def _safetensors_shards(path: Path) -> tuple[Path, ...]:
    """The files with the tensors: the file itself, or those in its folder that an index names."""
    if path.name != SHARD_INDEX:
        return (path,)
    try:
        names = sorted(set(json.loads(path.read_text(encoding="utf-8"))["weight_map"].values()))
    except (OSError, ValueError, KeyError, AttributeError, TypeError) as error:
        raise DataError(f"{path}: not an index of safetensors files: no readable weight_map") from error
    for name in names:
        if Path(name).name != name or not (path.parent / name).is_file():
            raise DataError(f"{path}: its file {name} is missing")
    return tuple(path.parent / name for name in names)


def _find_config(path: Path, given: str | Path | None, names: tuple[str, ...]) -> Path | None:
    if given is not None:
        if not Path(given).is_file():
            raise UsageError(f"{given}: no such configuration file")
        return Path(given)
    return next((path.parent / name for name in names if (path.parent / name).is_file()), None)


def _if_file(path: Path) -> Path | None:
    return path if path.is_file() else None
