"""Masks tokens of an input for the masked language model, as in the paper of BERT (Devlin et al., 2018, 3.1)."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from bertferry.core.errors import UsageError

MASKED, KEPT = 0.8, 0.1
"""Of the tokens to predict, how many are replaced by the mask, and how many stay; the rest becomes any token."""


@dataclass(frozen=True)
class MaskingOptions:
    """Which tokens are predicted.

    Attributes:
      probability: the share of the tokens.
      most: of an input.
      whole_words: whether all tokens of a word are masked if one is.
    """

    probability: float = 0.15
    most: int = 20
    whole_words: bool = False

    def __post_init__(self) -> None:
        """Refuses numbers that mask nothing or everything.

        Raises:
          UsageError: naming the flag.
        """
        if not 0 < self.probability < 1:
            raise UsageError(f"--masked-lm-prob is {self.probability}: it must be between 0 and 1")
        if self.most < 1:
            raise UsageError(f"--max-predictions-per-seq is {self.most}: it must be at least 1")


def draw_places(groups: Sequence[Sequence[int]], options: MaskingOptions, rng: np.random.Generator) -> list[int]:
    """The places of the tokens to predict, in order: at least one, unless each group has too many.

    Args:
      groups: places that are masked together: of one token each, or of the tokens of a word.
      options: how many there are.
      rng: what is drawn from.
    """
    count = sum(map(len, groups))
    wanted = min(options.most, max(1, round(count * options.probability)))
    chosen: list[int] = []
    for number in rng.permutation(len(groups)):
        if len(chosen) >= wanted:
            break
        if len(chosen) + len(groups[number]) <= wanted:
            chosen += groups[number]
    return sorted(chosen)


def word_groups(continues: Iterable[tuple[int, bool]]) -> list[list[int]]:
    """The places of tokens by word, of places and whether each token goes on with the word before it."""
    groups: list[list[int]] = []
    for place, goes_on in continues:
        if goes_on and groups and groups[-1][-1] == place - 1:
            groups[-1].append(place)
        else:
            groups.append([place])
    return groups


def masked(
    ids: np.ndarray, places: Sequence[int], mask_id: int, words: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """The ids with those at the places replaced: 80 % by the mask, 10 % by any of the `words`, 10 % not."""
    result = ids.copy()
    chance = rng.random(len(places))
    drawn = rng.choice(words, len(places))
    for place, share, word in zip(places, chance, drawn, strict=True):
        if share < MASKED:
            result[place] = mask_id
        elif share >= MASKED + KEPT:
            result[place] = word
    return result
