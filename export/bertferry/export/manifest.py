"""Writes the manifest of an exported module."""

import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path

from bertferry.convert.configuration import bert_config
from bertferry.core.errors import UsageError
from bertferry.core.manifest import Manifest, ModuleSource, Proof
from bertferry.core.versions import installed_versions
from bertferry.export.module_writer import Module
from bertferry.verify import Report


def write_manifest(
    directory: Path,
    module: Module,
    parity: Report | None,
    read: Mapping[str, str],
    written: Mapping[str, str],
) -> None:
    """Writes MANIFEST.json, which describes the module.

    Args:
      directory: the module's directory.
      module: the module.
      parity: the result of the parity check, if it ran.
      read, written: SHA-256 of the source's and of the module's files, by name.
    """
    source, assets = module.source, module.assets
    manifest = Manifest(
        task=module.task,
        precision=module.precision,
        configuration=bert_config(source.config, module.heads, source.classifier),
        do_lower_case=assets.do_lower_case if assets else None,
        sentence=None if module.sentence is None else module.sentence.facts(),
        source=ModuleSource(source.layout.name, source.initialized, read),
        versions=installed_versions(("bertferry", "tensorflow", "numpy", "safetensors")),
        files=written,
        parity=None if parity is None else proof(parity),
    )
    manifest.write(directory)


def proof(parity: Report) -> Proof:
    """The verdict and the tolerance of a comparison."""
    tolerance = parity.tolerance
    return Proof(parity.verdict(), tolerance.name, tolerance.atol, tolerance.rtol, tolerance.min_sqnr_db)


def hashes(paths: Iterable[Path], root: Path | None = None) -> dict[str, str]:
    """The SHA-256 of each file in hexadecimal, by its path relative to the root or, without one, by its name."""
    return {str(path.relative_to(root)) if root else path.name: _sha256(path) for path in paths}


def _sha256(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:  # an error of read() does not name the file
        raise UsageError(f"{path}: cannot be read: {error.strerror}") from error
