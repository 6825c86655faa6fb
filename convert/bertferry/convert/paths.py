"""What users mean by the paths that they type: a file of a checkpoint, a folder around the weights."""

import json
import os
import re
from collections.abc import Iterable
from pathlib import Path

from bertferry.convert.archive import is_archive
from bertferry.convert.prefixes import OF_A_MAC, SHARD, STATE, prefix_of
from bertferry.core.errors import DataError, UsageError

MODULES = "modules.json"
"""Lists the modules of a model of sentence-transformers, with their folders."""
TRANSFORMER = ("Transformer", ".BERT")
"""How the class of the module with the encoder ends; `models.BERT` is that of 2019."""
WITHOUT_WEIGHTS = ("Transformer", "BERT", "Pooling", "Normalize", "Dropout")
"""Classes of modules that are the encoder or have no weights; Dropout is off outside training."""
NO_MODEL_CONFIG = ("tokenizer_config.json", "generation_config.json", "adapter_config.json")
NOT_THE_FILE = {
    b"version https://git-lfs.github.com/": "a Git LFS pointer instead of the file: run git lfs pull",
    b"<!doctype html": "a web page instead of the file: download the file itself",
    b"<html": "a web page instead of the file: download the file itself",
}
"""What the beginning of a file shows that is stored or was downloaded in the place of another."""
REPOSITORY = "models--"
"""Begins the name of a model's folder in the Hugging Face cache."""
WEIGHTS = ("*.safetensors", "*.bin", "*.pt", "*.h5", "*.index")
LINK_TO_BLOB = re.compile(r"(\.\./)+blobs/[0-9a-f]+")
LONGEST_LINK = 1000
MOST_NAMED = 5


def meant_path(given: str | Path) -> tuple[Path, tuple[str, ...]]:
    """The file, folder or prefix that is meant, and what was chosen on the way to it.

    Raises:
      UsageError: a folder of the Hugging Face cache without a snapshot, or with several.
    """
    path = _as_pasted(str(given))
    if path.is_symlink() and not path.exists():
        raise DataError(f"{path}: a link to {os.readlink(path)}, which does not exist: download or copy it again")
    if path.is_dir():
        return _folder_with_weights(path)
    if (path.name in (STATE, "saved_model.pb") and path.is_file()) or (
        path.suffix == ".json" and _has_layers(path)
    ):
        return path.parent, ()
    return (prefix_of(path) if SHARD.search(path.name) or path.suffix == ".meta" else path), ()


def _as_pasted(given: str) -> Path:
    """The path, without quotation marks, blanks and a scheme that were copied along, unless they belong to it.

    Raises:
      UsageError: an address on the network.
    """
    path = Path(os.path.expanduser(given))
    plain = given.strip().strip("\"'").removeprefix("file://")
    if "://" in plain:
        raise UsageError(f"{plain}: an address: download its files and give their folder")
    if path.exists() or plain == given:
        return path
    other = Path(os.path.expanduser(plain))
    return other if other.exists() or Path(f"{other}.index").exists() else path


def _folder_with_weights(directory: Path) -> tuple[Path, tuple[str, ...]]:
    notes: tuple[str, ...] = ()
    is_repository = directory.name.startswith(REPOSITORY) or (directory / "refs").is_dir()
    if is_repository and (directory / "snapshots").is_dir():
        directory, notes = _snapshot(directory)
    if (inner := transformer_folder(directory)) is not None:
        return inner, (*notes, f"{MODULES} names {inner.name}: took it")
    return directory, notes


def _snapshot(repository: Path) -> tuple[Path, tuple[str, ...]]:
    """The snapshot of a repository in the Hugging Face cache that its branch `main` is at, or the only one.

    https://huggingface.co/docs/huggingface_hub/guides/manage-cache
    """
    main = repository / "refs" / "main"
    commit = main.read_text(encoding="utf-8").strip() if main.is_file() else ""
    snapshots = sorted(path.name for path in (repository / "snapshots").iterdir() if path.is_dir())
    if commit not in snapshots and len(snapshots) != 1:
        names = ", ".join(snapshots) or "none"
        raise UsageError(f"{repository}: refs/main names no snapshot here: give one of snapshots/: {names}")
    chosen = commit if commit in snapshots else snapshots[0]
    return repository / "snapshots" / chosen, (f"took snapshot {chosen}",)


def transformer_folder(directory: Path) -> Path | None:
    """The folder of the encoder in a model of sentence-transformers, if it has one of its own."""
    for module in sentence_modules(directory):
        if str(module.get("type", "")).endswith(TRANSFORMER) and module.get("path"):
            folder = directory / str(module["path"])
            return folder if folder.is_dir() and folder.resolve().parent == directory.resolve() else None
    return None


def sentence_folder(weights: Path) -> Path:
    """The folder of the model of sentence-transformers that the weights in a folder belong to, or this folder."""
    inner = transformer_folder(weights.parent)
    return weights.parent if inner is not None and inner.resolve() == weights.resolve() else weights


def modules_with_weights(folder: Path) -> list[str]:
    """The classes of modules of sentence-transformers whose weights are not those of the encoder in the folder."""
    names = [
        str(module.get("type", "")).rpartition(".")[2] for module in sentence_modules(sentence_folder(folder))
    ]
    return [name for name in names if name not in WITHOUT_WEIGHTS]


def sentence_modules(directory: Path) -> list[dict[str, object]]:
    """The entries of `modules.json`; none if it is missing or damaged."""
    try:
        modules = json.loads((directory / MODULES).read_text(encoding="utf-8-sig"))
    except (OSError, ValueError, RecursionError):
        return []
    return [module for module in modules if isinstance(module, dict)] if isinstance(modules, list) else []


def other_config(directory: Path) -> tuple[Path | None, tuple[str, ...]]:
    """The configuration of a model under an unusual name, if a folder has one, and that it was chosen.

    Raises:
      UsageError: it has several.
    """
    files = sorted(path for path in directory.glob("*config*.json") if not path.name.startswith(OF_A_MAC))
    models = [path for path in files if path.name not in NO_MODEL_CONFIG and _has_layers(path)]
    if len(models) > 1:
        raise UsageError(f"{directory}: several configurations: give one with --config: {_list(models)}")
    return (models[0], (f"took the configuration {models[0].name}",)) if models else (None, ())


def check_contents(paths: Iterable[Path | None]) -> None:
    """Refuses files that only stand for others.

    Raises:
      DataError: the first of them, and how to get the file itself.
    """
    for path in paths:
        if path is None or not path.is_file():
            continue
        with path.open("rb") as file:
            beginning = file.read(64).lstrip().lower()
        for mark, what in NOT_THE_FILE.items():
            if beginning.startswith(mark):
                raise DataError(f"{path}: {what}")


def followed(path: Path) -> Path:
    """The file, or the one in the Hugging Face cache to which it is a link that was stored as text.

    Git on Windows and tools that copy without links store the target of a link as the content of a file.
    """
    if path.is_file() and path.stat().st_size < LONGEST_LINK:
        text = path.read_bytes().decode("utf-8", errors="replace").strip()
        if LINK_TO_BLOB.fullmatch(text) and (path.parent / text).is_file():
            return path.parent / text
    return path


def elsewhere(directory: Path) -> str:
    """Where else the checkpoint of a folder without one may be, for a message: "" if it is nowhere."""
    found = {path.parent for pattern in WEIGHTS for path in directory.glob(f"*/{pattern}")}
    found |= {path for path in directory.glob(f"{REPOSITORY}*") if (path / "snapshots").is_dir()}
    found |= {path.parent for path in directory.glob("*/saved_model.pb")}
    if dangling := [path.name for path in directory.iterdir() if path.is_symlink() and not path.exists()]:
        return f", but links to files that do not exist ({', '.join(sorted(dangling))}): download them again"
    if data := sorted(path for path in directory.iterdir() if SHARD.search(path.name)):
        return f", but {_list(data)}, whose index {prefix_of(data[0]).name}.index is missing"
    if packed := sorted(path for path in directory.iterdir() if is_archive(path)):
        return f", but the archive {_list(packed, whole=True)}: give its path"
    inner = sorted(found, key=lambda path: (len(path.name), path.name))
    return f", but in {_list(inner, whole=True)}: give one of these folders" if inner else ""


def _has_layers(path: Path) -> bool:
    """Whether a JSON file is the configuration of a model like BERT."""
    try:
        values = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(values, dict) and "num_hidden_layers" in values


def _list(paths: list[Path], *, whole: bool = False) -> str:
    shown = ", ".join(str(path) if whole else path.name for path in paths[:MOST_NAMED])
    return shown if len(paths) <= MOST_NAMED else f"{shown} and {len(paths) - MOST_NAMED} more"
