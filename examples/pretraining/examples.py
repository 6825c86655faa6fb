"""Examples of pretraining: segments in the tokenizer's frame, with masked tokens, and batches of them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from pieces import frame_of, padded

from bertferry.core.errors import UsageError
from bertferry.verify.tokenization import SourceTokenizer
from pretraining.documents import Document
from pretraining.masking import MaskingOptions, draw_places, masked, word_groups
from pretraining.segments import Segments, draw_pairs, draw_texts


@dataclass(frozen=True)
class ExampleOptions:
    """How examples are made.

    Attributes:
      length: tokens of the longest, special ones included.
      masking: which tokens are predicted.
      next_sentence: whether they have two segments, of which the second may be of another document.
      short: probability of an example that is to be shorter.
      duplicates: how many times the text is gone through, with other masks and segments.
    """

    length: int = 128
    masking: MaskingOptions = field(default_factory=MaskingOptions)
    next_sentence: bool = True
    short: float = 0.1
    duplicates: int = 10

    def __post_init__(self) -> None:
        """Refuses numbers that give no examples.

        Raises:
          UsageError: naming the flag.
        """
        if not 0 <= self.short <= 1:
            raise UsageError(f"--short-seq-prob is {self.short}: it must be between 0 and 1")
        if self.duplicates < 1:
            raise UsageError(f"--dupe-factor is {self.duplicates}: it must be at least 1")
        if self.length < 8:
            raise UsageError(f"--max-seq-length is {self.length}: it must be at least 8")


@dataclass(frozen=True)
class Example:
    """An input of the encoder, and what is to be predicted.

    Attributes:
      ids, types: of the tokens, masked, [S].
      places: the positions to predict.
      labels: the ids that belong there.
      is_random: whether the second segment is of another document.
    """

    ids: np.ndarray
    types: np.ndarray
    places: list[int]
    labels: np.ndarray
    is_random: bool


class ExampleMaker:
    """Makes examples of documents for a tokenizer.

    Raises:
      UsageError: the tokenizer has no mask, or the longest example has no room for text.
    """

    def __init__(self, source: SourceTokenizer, options: ExampleOptions) -> None:
        self.options, self.source = options, source
        self.frame = frame_of(source, pair=options.next_sentence)
        tokenizer = source.tokenizer
        if "mask" not in tokenizer.ids:
            raise UsageError(
                f"the vocabulary has no {tokenizer.special.get('mask', '[MASK]')} to mask tokens with"
            )
        self.room = options.length - len(self.frame)
        self._mask_id, self._pad_id = tokenizer.ids["mask"], tokenizer.ids.get("pad", 0)
        special = {*tokenizer.ids.values(), *(token.id for token in tokenizer.added if token.special)}
        count = source.backend.get_vocab_size(with_added_tokens=False)
        self._words = np.array([one for one in range(count) if one not in special], np.int32)

    def make(self, documents: Sequence[Document], seed: Sequence[int]) -> Iterator[list[Example]]:
        """The examples of one document after another, as many times as there are to be duplicates."""
        for round_number in range(self.options.duplicates):
            for number, document in enumerate(documents):
                rng = np.random.default_rng([*seed, round_number, number])
                if self.options.next_sentence:
                    drawn = draw_pairs(documents, number, self.room, self.options.short, rng)
                else:
                    drawn = draw_texts(document, self.room, self.options.short, rng)
                yield [self.example(segments, rng) for segments in drawn]

    def example(self, segments: Segments, rng: np.random.Generator) -> Example:
        """Segments in the frame, masked."""
        first, second = segments.first, segments.second
        ids, types = self.frame.inputs([one.id for one in first], [one.id for one in second])
        places = (
            word_groups(self._tokens(segments)) if self.options.masking.whole_words else self._singles(segments)
        )
        chosen = draw_places(places, self.options.masking, rng)
        ids_masked = masked(ids, chosen, self._mask_id, self._words, rng)
        return Example(ids_masked, types, chosen, ids[chosen], segments.is_random)

    def _tokens(self, segments: Segments) -> Iterator[tuple[int, bool]]:
        """The positions of the text's tokens, and whether each goes on with the word before it."""
        at = len(self.frame.before)
        for part in (segments.first, segments.second):
            for token in part:
                yield at, token.continues
                at += 1
            at += len(self.frame.between)

    def _singles(self, segments: Segments) -> list[list[int]]:
        return [[place] for place, _ in self._tokens(segments)]

    def batch(self, examples: Sequence[Example]) -> dict[str, np.ndarray]:
        """The inputs of `pretrain_model` [B, …], as long as the longest example."""
        inputs = padded([(one.ids, one.types) for one in examples], self._pad_id)
        places, ids = np.zeros((2, len(examples), self.options.masking.most), np.int32)
        weights = np.zeros(places.shape, np.float32)
        for number, one in enumerate(examples):
            count = len(one.places)
            places[number, :count], ids[number, :count], weights[number, :count] = one.places, one.labels, 1
        inputs |= {"masked_lm_positions": places, "masked_lm_ids": ids, "masked_lm_weights": weights}
        if self.options.next_sentence:
            inputs["next_sentence_labels"] = np.array([[one.is_random] for one in examples], np.int32)
        return inputs
