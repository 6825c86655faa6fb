"""Finds the files of a checkpoint given as a prefix, a directory, a safetensors file or an archive."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from bertferry.convert.additions import check_no_adapter
from bertferry.convert.archive import is_archive, unpack
from bertferry.convert.paths import (
    check_contents,
    folders_with_checkpoints,
    followed,
    meant_path,
    other_config,
    sentence_modules,
)
from bertferry.convert.prefixes import OF_A_MAC, check_shards, find_prefix, prefix_of, shards_of
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


@dataclass(frozen=True)
class Location:
    """The location of a checkpoint: `path` is the prefix of a TensorFlow checkpoint, the safetensors file or the
    index of several (`shards`). `notes` say what was chosen without being named. `unpacked` keeps the folder of an
    unpacked archive as long as it is needed."""

    file_format: FileFormat
    path: Path
    shards: tuple[Path, ...]
    config: Path | None
    vocabulary: Path | None
    tokenizer_config: Path | None
    notes: tuple[str, ...] = ()
    unpacked: TemporaryFolder | None = None

    @property
    def files(self) -> tuple[Path, ...]:
        """The files that hold the checkpoint: its tensors and their index, its configuration."""
        if self.file_format == "tensorflow":
            tensors = [*shards_of(self.path), Path(f"{self.path}.index")]
        else:
            tensors = list(dict.fromkeys([self.path, *self.shards]))
        return (*tensors, self.config) if self.config else tuple(tensors)


def locate(given: str | Path, config: str | Path | None = None) -> Location:
    """The files of the checkpoint at `given`, without reading tensors; an archive is unpacked.

    Raises:
      UsageError: no checkpoint or several there, or a hostile archive.
      DataError: an index whose data files are missing, or a damaged archive.
    """
    (path, notes), unpacked = meant_path(given), None
    if is_archive(path) and not path.is_dir():
        unpacked = unpack(path)
        path, notes = meant_path(_only_checkpoint_folder(unpacked.path, path))
    check_no_adapter(path)
    if path.is_dir() and (path / "saved_model.pb").is_file():
        return _saved_model(path, config)
    file_format, path, why = _find_in_directory(path) if path.is_dir() else (*_from_file_name(path), ())
    if file_format == "tensorflow":
        check_shards(path)
    found, which = _find_config(path, config, CONFIG_NAMES[file_format])
    check_contents((path, found))
    location = Location(
        file_format,
        path,
        tuple(map(followed, _safetensors_shards(path))) if file_format == "safetensors" else (),
        found,
        _if_file(path.parent / "vocab.txt"),
        _if_file(path.parent / "tokenizer_config.json"),
        (*notes, *why, *which),
        unpacked,
    )
    check_contents((*location.files, location.vocabulary, location.tokenizer_config))
    return location


def _saved_model(directory: Path, config: str | Path | None) -> Location:
    """The variables of a SavedModel, with the configuration and the vocabulary that a module carries."""
    prefix = directory / "variables" / "variables"
    check_shards(prefix)
    return Location(
        "tensorflow",
        prefix,
        (),
        _find_config(directory / MANIFEST, config, (MANIFEST,) if read_manifest(directory) else ())[0],
        _if_file(directory / "assets" / "vocab.txt"),
        None,
    )


def _only_checkpoint_folder(root: Path, archive: Path) -> Path:
    if top := next((folder for folder in (root, *root.iterdir()) if sentence_modules(folder)), None):
        return top
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
    return "tensorflow", prefix_of(path)


def _find_in_directory(directory: Path) -> tuple[FileFormat, Path, tuple[str, ...]]:
    """The format and the file or prefix of a folder's checkpoint, and how it was chosen, if there was a choice."""
    for name in ("model.safetensors", SHARD_INDEX):
        if (directory / name).is_file():
            return "safetensors", directory / name, ()
    prefix, why = find_prefix(directory)
    if prefix is not None:
        return "tensorflow", prefix, why
    files = [file for file in sorted(directory.iterdir()) if not file.name.startswith(OF_A_MAC)]
    if pickled := [file.name for file in files if file.suffix in PICKLED]:
        return (*_from_file_name(directory / pickled[0]), ())
    raise UsageError(
        f"{directory}: no checkpoint here: neither a *.index nor a model.safetensors file"
        f"{folders_with_checkpoints(directory)}"
    )


def _safetensors_shards(path: Path) -> tuple[Path, ...]:
    """The files with the tensors: the file itself, or those in its folder that an index names."""
    if path.name != SHARD_INDEX:
        return (path,)
    try:
        names = sorted(set(json.loads(path.read_text(encoding="utf-8-sig"))["weight_map"].values()))
    except (OSError, ValueError, KeyError, AttributeError, TypeError) as error:
        raise DataError(f"{path}: not an index of safetensors files: no readable weight_map") from error
    for name in names:
        if Path(name).name != name or not (path.parent / name).is_file():
            raise DataError(f"{path}: its file {name} is missing")
    return tuple(path.parent / name for name in names)


def _find_config(
    path: Path, given: str | Path | None, names: tuple[str, ...]
) -> tuple[Path | None, tuple[str, ...]]:
    """The configuration that is given, or the one beside a file under a usual name, or the only one there."""
    if given is not None:
        if not Path(given).is_file():
            raise UsageError(f"{given}: no such configuration file")
        return Path(given), ()
    if usual := next((path.parent / name for name in names if (path.parent / name).is_file()), None):
        return followed(usual), ()
    return other_config(path.parent) if names and names != (MANIFEST,) else (None, ())


def _if_file(path: Path) -> Path | None:
    return followed(path) if path.is_file() else None
