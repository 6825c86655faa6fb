"""Where models are read from and released to: folders, and object stores."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from bertferry.export.release.fingerprint import Cache, Stamp
from bertferry.export.release.inputs import is_address
from bertferry.export.release.model import Model
from bertferry.export.release.remote import RemoteStore, downloaded, input_objects
from bertferry.export.release.store import FolderStore

Store = FolderStore | RemoteStore


def open_store(address: str) -> Store:
    """The output at a path or an address."""
    return RemoteStore(address) if is_address(address) else FolderStore(Path(address))


@contextmanager
def open_input(model: Model) -> Iterator[Model]:
    """The model with its input at a path of this host: what is in an object store is downloaded."""
    if not is_address(model.path):
        yield model
        return
    with downloaded(model.path) as (path, _):
        yield replace(model, path=str(path))


def stamps_of_objects(model: Model, digests: Mapping[str, str]) -> Cache:
    """What a cache may keep of an input in an object store, whose files have these hashes."""
    if not is_address(model.path):
        return {}
    objects = input_objects(model.path)
    return {
        f"{model.path}#{name}": (stamp, digests[name]) for name, (_, stamp) in objects.items() if name in digests
    }


def known_digests(model: Model, cache: Mapping[str, tuple[Stamp, str]]) -> dict[str, str] | None:
    """The hashes of an input in an object store without reading it; None if some are unknown."""
    found = {}
    for name, (_, stamp) in input_objects(model.path).items():
        known, digest = cache.get(f"{model.path}#{name}", (None, ""))
        if known is None or tuple(known) != stamp:
            return None
        found[name] = digest
    return found
