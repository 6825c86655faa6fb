"""Which models a run releases, and which are as they should be."""

import json
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

from bertferry.core.errors import BertferryError
from bertferry.export.release.fingerprint import Cache, Stamp, digest_inputs, key_of, release_versions
from bertferry.export.release.inputs import is_address
from bertferry.export.release.model import Model
from bertferry.export.release.names import FAILED, RUNS
from bertferry.export.release.options import ReleaseOptions
from bertferry.export.release.receipt import RECEIPT, Failure, Receipt, parse_result
from bertferry.export.release.stores import Store, known_digests

CACHE = f"{RUNS}/hashes.json"


class Selection:
    """Sorts models by what earlier runs left of them, and remembers the hashes of files by their stamps."""

    def __init__(self, store: Store, options: ReleaseOptions) -> None:
        self._store, self._options = store, options
        self._versions = release_versions()
        self._present = store.names()
        self._cache: dict[str, tuple[Stamp, str]] = _read_cache(store)
        self._new: Cache = {}

    def state(self, model: Model) -> str:
        """`unchanged`, `failed` (and not to be repeated), `due`, or `broken`: no longer what was written.

        `doubtful` is what has to be compared with its source again.
        """
        failed, receipt = f"{FAILED}/{model.name}.json", f"{model.name}/{RECEIPT}"
        if self._options.force:
            return "broken" if model.name in self._present else "due"
        if not {failed, model.name} & self._present:
            return "due"
        try:
            key = self._key(model)
        except BertferryError:
            return "due"  # its process finds the same fault, and records it
        released = (
            parse_result(Receipt, self._store.read(receipt), receipt) if model.name in self._present else None
        )
        if released is not None and released.key == key:
            if failed in self._present:
                self._store.remove(failed)
            whole = "doubtful" if self._options.recheck == "parity" else "unchanged"
            return whole if self._is_whole(released) else "broken"
        failure = parse_result(Failure, self._store.read(failed), failed) if failed in self._present else None
        is_final = failure is not None and failure.state == "failed" and failure.key == key
        return "failed" if is_final and not self._options.retry_failed else "due"

    def _key(self, model: Model) -> str:
        if is_address(model.path):
            known = known_digests(model, self._cache)
            return key_of(model, known, self._versions) if known is not None else "unknown"
        digests, found = digest_inputs(model, self._cache)
        self.remember(found)
        return key_of(model, digests, self._versions)

    def _is_whole(self, receipt: Receipt) -> bool:
        """Whether a model's files are those that were written, by their sizes, or by their hashes on request."""
        if not self._store.has(receipt.name, {path: size for path, (size, _) in receipt.files.items()}):
            return False
        if self._options.recheck != "hashes":
            return True
        with ThreadPoolExecutor() as pool:
            digests = pool.map(lambda path: self._store.digest(receipt.name, path), receipt.files)
            return list(digests) == [digest for _, digest in receipt.files.values()]

    def remember(self, cache: Mapping[str, tuple[Stamp, str]]) -> None:
        """Keeps hashes for the next run."""
        self._new.update(cache)

    def save(self) -> None:
        """Writes the hashes of this run, and those that others wrote meanwhile."""
        changed = {path: entry for path, entry in self._new.items() if self._cache.get(path) != entry}
        if changed:
            self._store.write(CACHE, json.dumps({**_read_cache(self._store), **changed}).encode())


def _read_cache(store: Store) -> dict[str, tuple[Stamp, str]]:
    """The hashes of earlier runs; none if they are damaged."""
    with suppress(ValueError, TypeError, AttributeError):
        entries = json.loads(store.read(CACHE) or b"{}").items()
        return {path: ((size, time, inode), digest) for path, ((size, time, inode), digest) in entries}
    return {}


def sort_by_state(selection: Selection, models: Iterable[Model]) -> dict[str, list[Model]]:
    """The models by what `Selection.state` says of them."""
    found: dict[str, list[Model]] = {"unchanged": [], "failed": [], "due": [], "broken": [], "doubtful": []}
    for model in models:
        found[selection.state(model)].append(model)
    return found
