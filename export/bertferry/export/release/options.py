"""How a family is released."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from bertferry.core.choices import check_choice, check_count
from bertferry.core.errors import UsageError
from bertferry.export.release.model import Model

ENGINES = ("local", "ray")
RECHECKS = ("hashes", "parity")


@dataclass(frozen=True)
class ReleaseOptions:
    """How a family is released.

    Attributes:
      workers: processes at once; by default as many as there are processors, or those of the cluster.
      memory: gigabytes that they may use together; by default 80 % of the container's or the machine's.
      engine: of `ENGINES`: processes on this machine, or a cluster of Ray.
      address: of the cluster; by default Ray starts one on this machine.
      shard: `I/N`, the I-th of N parts, from 1: for batch systems that start N such commands.
      only: a glob of names: the others are left as they are.
      force: release also what is unchanged.
      retry_failed: release also what failed and is unchanged.
      recheck: of `RECHECKS`, release anew also what differs from its receipt in the hashes of its files (`hashes`)
        or, compared again, from its source (`parity`).
      fail_fast: stop at the first failure.
      timeout: seconds after which the process of a model is ended, as if it had died.

    Raises:
      UsageError: an unknown name, a number that is not positive, or options that contradict each other.
    """

    workers: int | None = None
    memory: float | None = None
    engine: str = "local"
    address: str | None = None
    shard: str | None = None
    only: str | None = None
    force: bool = False
    retry_failed: bool = False
    recheck: str | None = None
    fail_fast: bool = False
    timeout: float | None = None

    def __post_init__(self) -> None:
        check_choice("engine", self.engine, ENGINES)
        check_choice("recheck", self.recheck, RECHECKS)
        check_count("workers", self.workers)
        for name in ("memory", "timeout"):
            value = getattr(self, name)
            if value is not None and not 0 < value < float("inf"):
                raise UsageError(f"{name} is {value:g}: it must be a number above 0")
        if self.address is not None and self.engine != "ray":
            raise UsageError("--address is that of a cluster: give --engine ray with it")
        self._part()

    def _part(self) -> tuple[int, int]:
        """The number of the shard, and of all."""
        if self.shard is None:
            return 1, 1
        numbers = re.fullmatch(r"(\d+)/(\d+)", self.shard)
        if numbers is None or not 1 <= int(numbers[1]) <= int(numbers[2]):
            raise UsageError(f"shard is {self.shard!r}: expected I/N with I from 1 to N")
        return int(numbers[1]), int(numbers[2])

    def select(self, models: Sequence[Model]) -> list[Model]:
        """The models of the shard whose names match.

        Raises:
          UsageError: no model of the family matches.
        """
        number, count = self._part()
        if self.only is not None and not any(fnmatchcase(model.name, self.only) for model in models):
            raise UsageError(f"--only {self.only}: no model of the manifest has such a name")
        return [
            model
            for model in models[number - 1 :: count]
            if self.only is None or fnmatchcase(model.name, self.only)
        ]
