"""Prefixes of TensorFlow checkpoints: what `X` is in `X.index` and `X.data-00000-of-00001`.

https://www.tensorflow.org/guide/checkpoint describes the files; `checkpoint` names the latest of a folder.
"""

import glob
import re
from pathlib import Path

from bertferry.core.errors import DataError, UsageError

STATE = "checkpoint"
DIGITS = "[0-9]" * 5
"""Of a shard's number, as a glob."""
SHARD = re.compile(r"\.data-\d{5}-of-\d{5}$")
OF_A_MAC = "._"
"""Begins the name of a file that macOS writes for the attributes of another."""


def prefix_of(path: Path) -> Path:
    """The prefix, if the path is that of one of the files of a checkpoint."""
    name = SHARD.sub("", path.name)
    for suffix in (".index", ".meta"):
        name = name.removesuffix(suffix)
    return path.with_name(name) if name else path


def prefixes_in(directory: Path) -> list[Path]:
    """The prefixes in a folder, in the order of their names and steps."""
    indexes = [path for path in directory.glob("*.index") if not path.name.startswith(OF_A_MAC)]
    return sorted(map(prefix_of, indexes), key=_stem_and_step)


def shards_of(prefix: Path) -> list[Path]:
    """The data files of a checkpoint that exist."""
    return sorted(prefix.parent.glob(f"{glob.escape(prefix.name)}.data-{DIGITS}-of-{DIGITS}"))


def find_prefix(directory: Path) -> tuple[Path | None, tuple[str, ...]]:
    """The checkpoint of a folder, or None if it has none, and how it was chosen, if there was a choice.

    It is the one that the state file names, which may state a folder elsewhere; the only one; or the last step of
    a training run.

    Raises:
      UsageError: several, of different names.
    """
    prefixes = prefixes_in(directory)
    named = _named_by_state(directory)
    if (latest := next((name for name in named if Path(f"{name}.index").is_file()), None)) is not None:
        return latest, ()
    why = f"{STATE} names {named[-1].name}, which is not here" if named else f"there is no file {STATE}"
    complete = [prefix for prefix in prefixes if shards_of(prefix)] or prefixes
    if len(complete) < 2:
        return (complete[0], (f"{why}: took {complete[0].name}",) if named else ()) if complete else (None, ())
    if len({_stem_and_step(prefix)[0] for prefix in complete}) > 1:
        raise UsageError(f"{directory}: several checkpoints: give one of {', '.join(map(str, complete))}")
    return complete[-1], (f"{why}: took {complete[-1].name}, the last of {len(complete)} steps",)


def check_shards(prefix: Path) -> None:
    """Checks that the files of a checkpoint are all there.

    Raises:
      UsageError: it has no index.
      DataError: one of its data files is missing; the message names others that it may have been renamed to.
    """
    if not Path(f"{prefix}.index").is_file():
        missing = f"{prefix}: no such checkpoint: {prefix.name}.index does not exist"
        others = ", ".join(other.name for other in prefixes_in(prefix.parent))
        there = f"; there is {others}" if others else ""
        if shards_of(prefix):
            raise UsageError(f"{missing}, but its data file does: the two belong together{there}")
        raise UsageError(f"{missing}{there}" if prefix.parent.is_dir() else f"{missing}, nor {prefix.parent}")
    shards = shards_of(prefix)
    total = int(shards[-1].name[-5:]) if shards else 1
    for number in range(total):
        shard = Path(f"{prefix}.data-{number:05}-of-{total:05}")
        if not shard.is_file():
            raise DataError(f"{prefix}.index: its data file {shard.name} is missing{_renamed(prefix)}")


def _renamed(prefix: Path) -> str:
    """Data files in the folder that belong to no index: a browser renames a file that it downloads twice."""
    known = {shard for other in prefixes_in(prefix.parent) for shard in shards_of(other)}
    files = sorted(path for path in prefix.parent.glob("*data-*-of-*") if not path.name.startswith(OF_A_MAC))
    names = [path.name for path in files if path not in known]
    return f", but there is {', '.join(names)}: rename one of the two" if names else ""


def _named_by_state(directory: Path) -> list[Path]:
    """The checkpoint that the state file names: as it states it, and in the folder itself."""
    state = directory / STATE
    if not state.is_file():
        return []
    text = state.read_text(encoding="utf-8-sig", errors="replace")
    match = re.search(r'^model_checkpoint_path: "(.*)"', text, re.MULTILINE)
    return [directory / match[1], directory / Path(match[1]).name] if match else []


def _stem_and_step(prefix: Path) -> tuple[str, int]:
    stem, dash, step = prefix.name.rpartition("-")
    return (stem, int(step)) if dash and step.isdecimal() else (prefix.name, -1)
