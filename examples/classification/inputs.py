"""Labeled texts as the inputs of an encoder: batches for training, and for evaluation."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from training.batches import in_order

from bertferry.verify.tokenization import SourceTokenizer
from classification.labeled_texts import LabeledTexts

LABEL = "label"
AT_ONCE = 64


@dataclass(frozen=True)
class EncodedTexts:
    """Texts and what their labels mean, as numbers; each batch is as wide as its longest text.

    Attributes:
      examples: the texts.
      numbers: classes (int32) or scores (float32), by text.
      tokenizer: gives the ids.
      longest: at which texts are cut, special tokens included.
    """

    examples: LabeledTexts
    numbers: np.ndarray
    tokenizer: SourceTokenizer
    longest: int

    def lengths(self) -> np.ndarray:
        """The tokens of each text."""
        counts = [self._inputs(self.examples.take([number])) for number in range(len(self.examples))]
        return np.array([inputs["input_mask"].sum() for inputs in counts])

    def batch(self, numbers: np.ndarray) -> Mapping[str, np.ndarray]:
        """The encoder's three inputs [B, S] of some texts, and their labels [B]."""
        return {**self._inputs(self.examples.take(numbers)), LABEL: self.numbers[numbers]}

    def batches(self, lengths: np.ndarray) -> list[tuple[np.ndarray, Mapping[str, np.ndarray]]]:
        """All texts in batches of similar length, with their numbers."""
        return [(numbers, self.batch(numbers)) for numbers in in_order(lengths, AT_ONCE)]

    def _inputs(self, some: LabeledTexts) -> dict[str, np.ndarray]:
        return self.tokenizer.inputs(some.texts, self.longest, seconds=some.seconds)
