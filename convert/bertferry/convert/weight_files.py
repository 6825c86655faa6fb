"""The files that hold weights: which format a file has, and which file of a folder holds them."""

import json
import re
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Literal

from bertferry.convert.archive import is_archive
from bertferry.convert.other_formats import is_other
from bertferry.convert.prefixes import OF_A_MAC
from bertferry.core.errors import DataError, UsageError

FileFormat = Literal["tensorflow", "safetensors", "pytorch", "hdf5", "msgpack", "keras"]
CONFIG_NAMES: dict[FileFormat, tuple[str, ...]] = {
    "tensorflow": ("bert_config.json", "config.json", "albert_config.json"),
    "safetensors": ("config.json", "bert_config.json"),
    "pytorch": ("config.json", "bert_config.json"),
    "hdf5": ("task.json", "config.json", "bert_config.json"),
    "msgpack": ("config.json", "bert_config.json"),
    "keras": (),
}
"""Usual names of the configuration beside a format's weights, the likelier first."""
FORMAT_OF_SUFFIX: dict[str, FileFormat] = {
    ".safetensors": "safetensors",
    ".bin": "pytorch",
    ".pt": "pytorch",
    ".pth": "pytorch",
    ".pkl": "pytorch",
    ".h5": "hdf5",
    ".hdf5": "hdf5",
    ".msgpack": "msgpack",
    ".keras": "keras",
}
FORMAT_OF_BYTES: dict[bytes, FileFormat] = {
    b"PK\x03\x04": "pytorch",
    b"\x80\x02\x8a\x0al\xfc\x9cF": "pytorch",
    b"\x89HDF\r\n\x1a\n": "hdf5",
}
"""Of files whose name does not tell: a zip, the magic numbers of PyTorch before 1.6 and of HDF5."""
INDEX_SUFFIX = ".index.json"
"""Of the index of a checkpoint in several files, after the name of one in a single file."""
PRESET, PRESET_TASK = "model.weights.h5", "task.weights.h5"
"""The backbone and the head of a preset of KerasHub."""
PRESET_VOCABULARY = "assets/tokenizer/vocabulary.txt"
KERAS_INDEX = "model.weights.json"
"""The index of a backbone in several files."""
FIRST_NAMES = ("model.safetensors",)
FURTHER_NAMES = ("pytorch_model.bin", "tf_model.h5", "flax_model.msgpack", PRESET, KERAS_INDEX)
"""Usual names of weights in a folder, those that precede and those that follow a TensorFlow checkpoint there."""
NO_WEIGHTS = (
    *("training_args.bin", "optimizer.bin", "optimizer.pt", "scheduler.bin", "scheduler.pt", "scaler.pt"),
    *("rng_state*", "random_states_*", "*_optim_states.pt", "openvino*.bin"),
)
"""What a training run leaves beside the weights, and other formats have under their suffixes, as globs."""
SHARD = re.compile(r"-\d{5}-of-(\d{5})(?=\.\w+$)")
"""In the name of one of several files that hold a checkpoint."""


def format_of(path: Path) -> FileFormat | None:
    """The format of a file by its name, or else by its first bytes: Lightning calls a file of PyTorch `.ckpt`.

    None is that of a TensorFlow checkpoint, whose prefix is no file, or of a file without weights.
    """
    by_name = FORMAT_OF_SUFFIX.get(Path(path.name.removesuffix(INDEX_SUFFIX)).suffix)
    if path.name == KERAS_INDEX:
        return "hdf5"
    if by_name is not None or path.suffix == ".index" or is_archive(path) or is_other(path) or not path.is_file():
        return by_name
    with path.open("rb") as file:
        beginning = file.read(32)
    return next((kind for mark, kind in FORMAT_OF_BYTES.items() if beginning.startswith(mark)), None)


def find_weights(directory: Path, names: tuple[str, ...]) -> tuple[FileFormat, Path] | None:
    """The first of the files of these names that a folder has, or its index."""
    paths = (directory / (name + suffix) for name in names for suffix in ("", INDEX_SUFFIX))
    return next(((kind, path) for path in paths if path.is_file() and (kind := format_of(path))), None)


def whole(path: Path) -> Path:
    """The index of the files that this one belongs to, or the file itself if it is the only one.

    Raises:
      UsageError: it is one of several without their index.
    """
    shard = SHARD.search(path.name)
    if shard is None:
        return path
    index = path.with_name(SHARD.sub("", path.name) + INDEX_SUFFIX)
    if index.is_file():
        return index
    if int(shard[1]) == 1:
        return path
    raise UsageError(f"{path}: one of {int(shard[1])} files of a checkpoint, whose index {index.name} is not here")


def only_weights(directory: Path) -> tuple[FileFormat, Path] | None:
    """The file with weights in a folder that has none under a usual name.

    Raises:
      UsageError: there are several.
    """
    files = sorted(path for path in directory.iterdir() if path.is_file() and not path.name.startswith(OF_A_MAC))
    files = [path for path in files if not any(fnmatchcase(path.name, glob) for glob in NO_WEIGHTS)]
    found = list(dict.fromkeys((kind, whole(path)) for path in files if (kind := format_of(path))))
    if len(found) > 1:
        names = ", ".join(str(path) for _, path in found)
        raise UsageError(f"{directory}: several files with weights: give one of {names}")
    return found[0] if found else None


def shards(path: Path) -> tuple[Path, ...]:
    """The files with the tensors: the file itself, or those in its folder that an index names.

    Raises:
      DataError: the index is damaged, or one of its files is missing.
    """
    is_index = path.name.endswith((INDEX_SUFFIX, KERAS_INDEX))
    files = tuple(path.parent / name for name in _named_by(path)) if is_index else (path,)
    task = path.parent / PRESET_TASK
    return (*files, task) if path.name in (PRESET, KERAS_INDEX) and task.is_file() else files


def _named_by(path: Path) -> list[str]:
    """The files that an index names: all must be in its folder."""
    try:
        listed = json.loads(path.read_text(encoding="utf-8-sig"))["weight_map"].values()
        names = sorted({name for entry in listed for name in ([entry] if isinstance(entry, str) else entry)})
    except (OSError, ValueError, KeyError, AttributeError, TypeError) as error:
        raise DataError(f"{path}: not an index of weights in several files: no readable weight_map") from error
    for name in names:
        if Path(name).name != name or not (path.parent / name).is_file():
            raise DataError(f"{path}: its file {name} is missing")
    return names
