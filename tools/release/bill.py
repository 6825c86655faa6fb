"""Writes what an extra installs as a bill of materials in CycloneDX's JSON.

Usage: bill.py RESOLVED OUTPUT EPOCH

RESOLVED is a report of `pip install --dry-run`: what pip would install, with the hash of each file. The bill lists
each package with its version, hash, license and what it requires. It has no random numbers: its serial number is
derived from its content, and its time is that of the commit. The library's own validator checks it.
"""

import json
import sys
import uuid
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cyclonedx.contrib.hash.factories import HashTypeFactory
from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model import Property
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output.json import JsonV1Dot6
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packageurl import PackageURL
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

PRODUCT = "bertferry"


def bill(resolved: Mapping[str, Any], epoch: int) -> str:
    """The bill of what pip resolved, as JSON text."""
    entries: dict[str, Any] = {
        canonicalize_name(entry["metadata"]["name"]): entry for entry in resolved["install"]
    }
    components = {name: component(name, entry) for name, entry in entries.items()}
    product = components[PRODUCT]
    bom = Bom(components=[part for name, part in components.items() if name != PRODUCT])
    bom.metadata.component = product
    bom.metadata.timestamp = datetime.fromtimestamp(epoch, UTC)
    environment = resolved["environment"]
    for key in ("python_version", "sys_platform", "platform_machine"):
        bom.metadata.properties.add(Property(name=f"{PRODUCT}:resolved-for:{key}", value=environment[key]))
    for name, entry in entries.items():
        bom.register_dependency(
            components[name], [components[other] for other in required(entry, environment) if other in components]
        )
    listed = sorted(f"{part.bom_ref} {part.hashes}" for part in components.values())
    bom.serial_number = uuid.uuid5(uuid.NAMESPACE_OID, "\n".join([*listed, str(epoch)]))
    return JsonV1Dot6(bom).output_as_string(indent=1) + "\n"


def component(name: str, entry: Mapping[str, Any]) -> Component:
    """One package."""
    metadata = entry["metadata"]
    url = PackageURL("pypi", None, name, metadata["version"])
    stated = license_of(metadata)
    return Component(
        name=metadata["name"],
        version=metadata["version"],
        type=ComponentType.LIBRARY,
        bom_ref=str(url),
        purl=url,
        description=metadata.get("summary"),
        licenses=[LicenseFactory().make_from_string(stated)] if stated else [],
        hashes=[
            HashTypeFactory().from_hashlib_alg(algorithm, value)
            for algorithm, value in entry["download_info"]["archive_info"]["hashes"].items()
        ],
    )


def license_of(metadata: Mapping[str, Any]) -> str:
    """The license that a package states: as an expression, in a line, or by classifiers; '' if in none."""
    stated = metadata.get("license_expression") or metadata.get("license") or ""
    if stated and "\n" not in stated:  # some have the whole text of the license there
        return str(stated)
    classifiers = [
        line for line in metadata.get("classifier", ()) if line.startswith("License :: OSI Approved ::")
    ]
    return " or ".join(line.rpartition(" :: ")[2] for line in classifiers)


def required(entry: Mapping[str, Any], environment: Mapping[str, str]) -> Iterator[str]:
    """The names of what a package requires in an environment, with the extras with which it was asked for."""
    extras = entry.get("requested_extras") or [""]
    for line in entry["metadata"].get("requires_dist", ()):
        requirement = Requirement(line)
        marker = requirement.marker
        if marker is None or any(marker.evaluate({**environment, "extra": extra}) for extra in ("", *extras)):
            yield canonicalize_name(requirement.name)


def main() -> None:
    resolved, output, epoch = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
    text = bill(json.loads(resolved.read_text()), epoch)
    if fault := JsonStrictValidator(SchemaVersion.V1_6).validate_str(text):
        sys.exit(f"{output.name}: not valid CycloneDX: {fault}")
    output.write_text(text)


if __name__ == "__main__":
    main()
