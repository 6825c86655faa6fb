"""Finds the files of a checkpoint given as a prefix, a directory, a file or an archive."""

from dataclasses import dataclass
from pathlib import Path

from bertferry.convert.additions import check_no_adapter
from bertferry.convert.archive import is_archive, unpack
from bertferry.convert.keras_hub_config import has_backbone
from bertferry.convert.model_config import module_of_model
from bertferry.convert.other_formats import check_known, check_known_in
from bertferry.convert.paths import (
    MODULES,
    check_contents,
    elsewhere,
    followed,
    meant_path,
    modules_with_weights,
    other_config,
    sentence_modules,
)
from bertferry.convert.prefixes import check_shards, find_prefix, prefix_of, shards_of
from bertferry.convert.vocabulary import find_vocabulary
from bertferry.convert.weight_files import (
    CONFIG_NAMES,
    FIRST_NAMES,
    FORMAT_OF_SUFFIX,
    FURTHER_NAMES,
    PRESET_VOCABULARY,
    FileFormat,
    find_weights,
    format_of,
    only_weights,
    shards,
    whole,
)
from bertferry.core.errors import UsageError
from bertferry.core.manifest import MANIFEST, read_manifest
from bertferry.core.temporary import TemporaryFolder


@dataclass(frozen=True)
class Location:
    """The location of a checkpoint: `path` is the prefix of a TensorFlow checkpoint, another file or the index
    of several (`shards`). `graph` is that of a SavedModel, whose constants may also be its `tokenizer_config`.
    `notes` say what was chosen without being named, `left_out` which modules of an embedding follow the encoder.
    `unpacked` keeps the folder of an unpacked archive as long as it is needed."""

    file_format: FileFormat
    path: Path
    shards: tuple[Path, ...]
    config: Path | None
    vocabulary: Path | None
    tokenizer_config: Path | None
    notes: tuple[str, ...] = ()
    unpacked: TemporaryFolder | None = None
    graph: Path | None = None
    left_out: tuple[str, ...] = ()

    @property
    def module(self) -> Path | None:
        """The module that has the configuration, if it is that of one."""
        of_module = self.config is not None and (self.config.parent / "saved_model.pb").is_file()
        return self.config.parent if self.config is not None and of_module else None

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
        path, notes = meant_path(_only_checkpoint_folder(unpacked.path / path.name, path))
    check_no_adapter(path)
    if path.is_dir() and (path / "saved_model.pb").is_file():
        return _saved_model(path, config)
    file_format, path, why = _find_in_directory(path) if path.is_dir() else (*_from_file_name(path), ())
    if file_format == "tensorflow":
        check_shards(path)
    found, which = _find_config(path, config, CONFIG_NAMES[file_format])
    if file_format == "keras" and found is None and has_backbone(path):
        found = path
    if file_format in ("keras", "hdf5") and found is None and (module := module_of_model(path)):
        found, which = module / MANIFEST, (f"took the configuration of {module}, of which it has a layer",)
    check_contents((path, found))
    vocabulary, whose = find_vocabulary(path.parent)
    left_out = tuple(f"left out the module {name} of {MODULES}" for name in modules_with_weights(path.parent))
    location = Location(
        file_format,
        path,
        () if file_format == "tensorflow" else tuple(map(followed, shards(path))),
        found,
        followed(vocabulary) if vocabulary else _if_file(path.parent / PRESET_VOCABULARY),
        _if_file(path.parent / "tokenizer_config.json") or _preset_tokenizer(path.parent),
        (*notes, *why, *which, *whose),
        unpacked,
        left_out=left_out,
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
        _if_file(directory / "assets" / "tokenizer_config.json") or directory / "saved_model.pb",
        graph=directory / "saved_model.pb",
    )


def _only_checkpoint_folder(root: Path, archive: Path) -> Path:
    if top := next((folder for folder in (root, *root.iterdir()) if sentence_modules(folder)), None):
        return top
    suffixes = (".index", *FORMAT_OF_SUFFIX)
    folders = {file.parent for file in root.rglob("*") if file.suffix in suffixes}
    if not folders:
        inner = ", ".join(file.name for file in root.rglob("*") if is_archive(file))
        within = f", but the archive {inner}: unpack it" if inner else ""
        raise UsageError(f"{archive}: contains no checkpoint: neither a *.index nor a *.safetensors file{within}")
    if len(folders) > 1:
        names = ", ".join(sorted(str(folder.relative_to(root)) for folder in folders))
        raise UsageError(f"{archive}: contains several checkpoints ({names}): unpack it and name one")
    return folders.pop()


def _from_file_name(path: Path) -> tuple[FileFormat, Path]:
    file_format = format_of(path)
    if file_format is None:
        prefix = prefix_of(path)
        if prefix == path and path.is_file() and not Path(f"{prefix}.index").exists():
            check_known(path)
            raise UsageError(f"{path}: no weights in a format that is read, and no {path.name}.index beside it")
        return "tensorflow", prefix
    if not path.is_file():
        raise UsageError(f"{path}: no such file")
    return file_format, whole(path)


def _find_in_directory(directory: Path) -> tuple[FileFormat, Path, tuple[str, ...]]:
    """The format and the file or prefix of a folder's checkpoint, and how it was chosen, if there was a choice."""
    if (usual := find_weights(directory, FIRST_NAMES)) is not None:
        return (*usual, ())
    prefix, why = find_prefix(directory)
    if prefix is not None:
        return "tensorflow", prefix, why
    if (usual := find_weights(directory, FURTHER_NAMES)) is not None:
        return (*usual, ())
    if (only := only_weights(directory)) is not None:
        return (*only, (f"took {only[1].name}",))
    check_known_in(directory)
    if not (where := elsewhere(directory)):
        for inner in filter(Path.is_dir, sorted(directory.iterdir())):
            check_known_in(inner)
    raise UsageError(f"{directory}: no checkpoint here: neither a *.index nor a model.safetensors file{where}")


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


def _preset_tokenizer(directory: Path) -> Path | None:
    """The configuration of the tokenizer in a preset of KerasHub; transformers gives this name to another file."""
    return _if_file(directory / "tokenizer.json") if (directory / PRESET_VOCABULARY).is_file() else None


def _if_file(path: Path) -> Path | None:
    return followed(path) if path.is_file() else None
