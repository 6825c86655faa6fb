"""Which examples are in the batch of a step: a pure function of seed and step, without TensorFlow."""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np

POOL = 50
"""Most batches whose examples are sorted by length together: enough for little padding."""
PARTS = 4
"""Least groups of batches that are sorted apart, so that every epoch has other batches."""


class BatchOrder:
    """Batches of examples of similar length, in another order in every epoch.

    Args:
      lengths: of the examples.
      batch_size: examples per batch; the last one of an epoch may have fewer.
      seed: of the order.
    """

    def __init__(self, lengths: Sequence[int] | np.ndarray, batch_size: int, seed: int) -> None:
        self._lengths, self._batch_size, self._seed = np.asarray(lengths), batch_size, seed
        self.steps_per_epoch = -(-len(lengths) // batch_size)
        self._of_epoch = lru_cache(2)(self._order)

    def at(self, step: int) -> np.ndarray:
        """The numbers of the examples in the batch of a step, counted from 0 through all epochs."""
        epoch, place = divmod(step, self.steps_per_epoch)
        return self._of_epoch(epoch)[place]

    def _order(self, epoch: int) -> list[np.ndarray]:
        rng = np.random.default_rng([self._seed, epoch])
        shuffled = rng.permutation(len(self._lengths))
        pool = max(1, min(POOL, self.steps_per_epoch // PARTS)) * self._batch_size
        batches = []
        for start in range(0, len(shuffled), pool):
            part = shuffled[start : start + pool]
            part = part[np.argsort(self._lengths[part], kind="stable")]
            batches += [part[at : at + self._batch_size] for at in range(0, len(part), self._batch_size)]
        return [batches[number] for number in rng.permutation(len(batches))]


def in_order(lengths: Sequence[int] | np.ndarray, batch_size: int) -> list[np.ndarray]:
    """All examples in batches of similar length, the longest first, for evaluation."""
    order = np.argsort(-np.asarray(lengths), kind="stable")
    return [order[at : at + batch_size] for at in range(0, len(order), batch_size)]
