"""What checking a module against the contract of its kind found."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from bertferry.core.results import Result, Schema


@dataclass(frozen=True)
class Finding:
    """One line of the contract: `fault` says how the module breaks it and is empty where it holds."""

    line: str
    fault: str = ""


@dataclass(frozen=True)
class ContractReport(Result):
    """Every line of the contract of a kind of module, in order."""

    SCHEMA = Schema.CONTRACT

    module: str
    kind: str
    findings: tuple[Finding, ...]

    @property
    def ok(self) -> bool:
        """Whether every line holds."""
        return not any(finding.fault for finding in self.findings)

    def derived(self) -> dict[str, Any]:
        """The verdict."""
        return {"ok": self.ok}

    def render(self) -> str:
        """A line a finding, then the verdict."""
        lines = [
            f"  FAULT  {finding.line}: {finding.fault}" if finding.fault else f"  ok     {finding.line}"
            for finding in self.findings
        ]
        faults = sum(bool(finding.fault) for finding in self.findings)
        verdict = f"BROKEN: {faults} of {len(lines)} lines" if faults else f"KEPT: all {len(lines)} lines hold"
        return "\n".join([f"{self.kind}  {self.module}", *lines, f"CONTRACT {verdict}"])


class ContractError(Exception):
    """A line of the contract that does not hold, in words."""


Line = tuple[str, Callable[[Any], object]]
