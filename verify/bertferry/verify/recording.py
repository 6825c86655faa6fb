"""Runs a reference once, for comparisons with several artifacts one after another."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from bertferry.core.progress import ProgressCallback
from bertferry.verify.artifact import Artifact
from bertferry.verify.golden import Golden, GoldenRunner
from bertferry.verify.inputs import select_inputs
from bertferry.verify.probes import Probe


@dataclass(frozen=True)
class Recording:
    """What an artifact returned for the standard probes of its task, and for `further` ones; `shares_mask` is that
    of its runner."""

    original: Artifact
    stored: Sequence[Golden]
    further: Sequence[Golden]
    shares_mask: bool

    def artifact(self, outputs: Collection[str]) -> Artifact:
        """The artifact, which returns some of its outputs without computing them again."""
        kept = [
            replace(one, outputs={name: value for name, value in one.outputs.items() if name in outputs})
            for one in (*self.stored, *self.further)
        ]

        def replay() -> GoldenRunner:
            return GoldenRunner(Path(self.original.name), kept, shares_mask=self.shares_mask)

        return replace(self.original, open=replay, probes=[one.probe for one in self.stored])


def record(
    artifact: Artifact,
    task: str,
    further: Sequence[Probe] = (),
    progress: ProgressCallback | None = None,
    names: Sequence[str] = (),
) -> Recording:
    """Runs an artifact on the standard probes of a task, by default on all, and on `further` ones.

    Raises:
      UsageError: none of the standard probes has one of the names.
    """
    probes = select_inputs([artifact], task, names=names)
    runner, stored = artifact.open(), []
    for number, probe in enumerate((*probes, *further)):
        if progress:
            progress(f"reference on '{probe.name}'", number, len(probes) + len(further))
        stored.append(Golden(probe, runner.run(probe.inputs)))
    return Recording(artifact, stored[: len(probes)], stored[len(probes) :], runner.shares_mask)
