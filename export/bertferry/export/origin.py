"""The module from which another is made, as the reference that this is compared with."""

from collections.abc import Callable
from functools import cached_property

import numpy as np

from bertferry.core.inner_outputs import inner_spec
from bertferry.core.tasks import TaskSpec
from bertferry.verify.runner import Arrays, Runner


class OriginRunner:
    """What the origin returns, with the outputs on request of `task`; the network computes those that it lacks."""

    def __init__(self, origin: Runner, open_network: Callable[[], Runner], task: TaskSpec) -> None:
        self.name, self.shares_mask = origin.name, origin.shares_mask
        self._origin, self._open_network = origin, open_network
        self._asked = {inner.name for inner in task.inner}

    @cached_property
    def _network(self) -> Runner:
        return self._open_network()

    def run(self, inputs: Arrays) -> dict[str, np.ndarray]:
        """The outputs by name."""
        outputs = self._origin.run(inputs)
        kept = {name: value for name, value in outputs.items() if inner_spec(name) is None or name in self._asked}
        if self._asked <= kept.keys():
            return kept
        computed = self._network.run(inputs)
        return {**{name: computed[name] for name in self._asked}, **kept}
