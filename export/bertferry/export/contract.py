"""The result of checking a module against the contract of its kind."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from bertferry.core.results import Result, Schema


@dataclass(frozen=True)
class Finding:
    """One line of the contract; `fault` says how the module violates it and is empty if it does not."""

    line: str
    fault: str = ""


@dataclass(frozen=True)
class ContractReport(Result):
    """The findings for every line of a contract, in order."""

    SCHEMA = Schema.CONTRACT

    module: str
    kind: str
    findings: tuple[Finding, ...]

    @property
    def ok(self) -> bool:
        """Whether every check passed."""
        return not any(finding.fault for finding in self.findings)

    def derived(self) -> dict[str, Any]:
        """The verdict."""
        return {"ok": self.ok}

    def render(self) -> str:
        """One line per finding, then the verdict."""
        lines = [
            f"  FAULT  {finding.line}: {finding.fault}" if finding.fault else f"  ok     {finding.line}"
            for finding in self.findings
        ]
        faults = sum(bool(finding.fault) for finding in self.findings)
        verdict = f"FAILED: {faults}" if faults else f"PASSED: {len(lines)}"
        return "\n".join([f"{self.kind}  {self.module}", *lines, f"{verdict} of {len(lines)} checks"])


class ContractError(Exception):
    """A violated line of the contract, in words."""


Line = tuple[str, Callable[[Any], object]]
