"""Finds the inputs that a manifest names, and the files of each."""

import os
from collections.abc import Iterable, Iterator
from glob import escape, has_magic
from pathlib import Path

from bertferry.convert.archive import SUFFIXES, is_archive
from bertferry.convert.paths import MODULES
from bertferry.convert.prefixes import SHARD, prefix_of
from bertferry.convert.weight_files import FORMAT_OF_SUFFIX, format_of, shards, whole
from bertferry.export.release.remote import find_addresses
from bertferry.export.release.weights import is_weights


def is_address(given: str) -> bool:
    """Whether it is an address of an object store, not a path."""
    return "://" in given


def find_inputs(folder: Path, given: str, leave_out: Iterable[Path] = ()) -> list[tuple[str, str]]:
    """The inputs that a path or a glob means, each as reports show it and as it is opened.

    Hidden files are no matches; the files of a TensorFlow checkpoint are one, its prefix.
    """
    if is_address(given):
        return [(address, address) for address in find_addresses(given)]
    place = Path(os.path.expanduser(given))
    whole_path = folder / place
    if whole_path.exists() or Path(f"{whole_path}.index").is_file():
        return [(_shown(folder, whole_path), str(whole_path))]
    if not has_magic(given):
        return []
    start = Path(place.anchor) if place.is_absolute() else folder
    pattern = str(place.relative_to(place.anchor)) if place.is_absolute() else str(place)
    left_out = {path.resolve() for path in leave_out}
    matches = [
        path
        for path in sorted(start.glob(pattern))
        if not path.name.startswith(".") and path.resolve() not in left_out
    ]
    prefixes = {path: prefix_of(path) if _is_part(path) else path for path in matches}
    return [(_shown(folder, path), str(path)) for path in dict.fromkeys(prefixes.values())]


def _is_part(path: Path) -> bool:
    """Whether a file is one of a TensorFlow checkpoint's."""
    return path.is_file() and (SHARD.search(path.name) is not None or path.suffix in (".index", ".meta"))


def _shown(folder: Path, path: Path) -> str:
    """The path as reports show it: relative to the manifest, or the last component of one that lies elsewhere."""
    relative = os.path.relpath(path, folder)
    return Path(path).name if relative.startswith(os.pardir) else Path(relative).as_posix()


def input_name(shown: str) -> str:
    """The name of a model whose manifest gives none: that of its input, without the suffix of a file."""
    name = shown.rstrip("/").rpartition("/")[2]
    suffixes = sorted((*SUFFIXES, *FORMAT_OF_SUFFIX, ".ckpt"), key=len, reverse=True)
    found = next((suffix for suffix in suffixes if name.lower().endswith(suffix) and name.lower() != suffix), "")
    return name[: len(name) - len(found)]


def input_files(path: Path) -> dict[str, Path]:
    """The files that reading an input may open, by the name under which they count.

    Those are all in a folder, and all of a model of sentence-transformers that has a folder for its encoder;
    beside a file, what lies in its folder except the weights of other models.
    """
    if path.is_file() and is_archive(path):
        return {path.name: path}
    own = path if path.is_dir() else path.parent
    root = own.parent if (own.parent / MODULES).is_file() else own
    files = _below(root) if path.is_dir() or (root / MODULES).is_file() else _beside(own)
    if not path.is_dir():
        parts = set(_parts(path))
        files = (file for file in files if file in parts or file.parent != own or not is_weights(file))
    return {file.relative_to(root).as_posix(): file for file in files}


def _beside(folder: Path) -> Iterator[Path]:
    """The files in a folder, and those that a preset or a module keeps in the folder of its assets."""
    yield from (file for file in sorted(folder.iterdir()) if file.is_file() and not file.name.startswith("."))
    yield from _below(folder / "assets")


def _parts(path: Path) -> Iterator[Path]:
    """The files with the tensors of a file or prefix."""
    if path.is_file() and format_of(path) is not None:
        index = whole(path)
        yield from (path, index, *shards(index))
    else:
        prefix = prefix_of(path)
        yield from path.parent.glob(f"{escape(prefix.name)}.*")
        yield path


def _below(root: Path) -> Iterator[Path]:
    """The files in a folder and its folders, through links, without hidden ones."""
    seen = set()
    for place, folders, files in os.walk(root, followlinks=True):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        if (real := os.path.realpath(place)) in seen:  # links may lead in a circle
            folders.clear()
            continue
        seen.add(real)
        names = (name for name in sorted(files) if not name.startswith("."))
        yield from (path for name in names if (path := Path(place, name)).is_file())
