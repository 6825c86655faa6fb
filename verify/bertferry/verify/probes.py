"""Seeded inputs that are valid for a model of BERT's family and together expose every kind of fault."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from bertferry.core.errors import UsageError
from bertferry.core.tasks import ENCODER_INPUTS, POSITIONS_INPUT

WHOLE_VOCABULARY = 4096
"""Largest vocabulary of which the probes use every token."""
TEXT_LENGTH = 16
VOCABULARY_LENGTH = 128
PREDICTIONS = 3


@dataclass(frozen=True)
class ModelLimits:
    """The valid inputs: ids and segments below their vocabulary sizes, lengths up to `max_positions`, padding with
    the id `pad_id`. A model that `counts_positions` numbers the ids that are not `pad_id`, wherever these are."""

    vocab_size: int
    type_vocab_size: int
    max_positions: int
    pad_id: int = 0
    counts_positions: bool = False


@dataclass(frozen=True)
class Probe:
    """A named batch: arrays by input name, int32 [B, S] for a BERT.

    Absolute tolerances are for inputs up to about 1; for larger ones, they are multiplied by `scale`. `texts` are
    the numbers of the texts that its rows are, if they are texts of a user.
    """

    name: str
    inputs: Mapping[str, np.ndarray]
    scale: float = 1.0
    texts: tuple[int, ...] = ()


def standard_probes(limits: ModelLimits, seed: int = 0, with_positions: bool = False) -> tuple[Probe, ...]:
    """The probes that every comparison runs.

    Together they use the first and last row of the token, position and segment embedding tables, and every token
    of a vocabulary of at most `WHOLE_VOCABULARY`.

    Args:
      limits: the valid inputs of the models compared.
      seed: equal seeds give equal probes.
      with_positions: add int32 `masked_lm_positions` [B, P].
    """
    rng = np.random.default_rng(seed)
    text = min(TEXT_LENGTH, limits.max_positions)
    longest = limits.max_positions
    lengths = [text, max(1, text // 2), max(1, text // 3)]
    mixed = _random_batch(limits, rng, text, [_right_padded(text, length) for length in lengths])
    mixed["input_word_ids"][0, [0, -1]] = 0, limits.vocab_size - 1
    odd = text if text % 2 else text - 1
    holes = [(rng.random(text) < 0.6).astype(np.int32) for _ in range(2)]
    for mask in holes:
        mask[0] = 1
    padded = _random_batch(limits, rng, text, [_right_padded(text, text), np.zeros(text, np.int32)])
    batches = {
        "mixed": mixed,
        "batch of 1": {name: array[:1] for name, array in mixed.items()},
        "length 1": _random_batch(limits, rng, 1, [_right_padded(1, 1)] * 2),
        "odd length": _random_batch(
            limits, rng, odd, [_right_padded(odd, odd), _right_padded(odd, max(1, odd - 2))]
        ),
        "maximum length": _random_batch(limits, rng, longest, [_right_padded(longest, longest)]),
        "left padding": _random_batch(
            limits, rng, text, [_right_padded(text, length)[::-1] for length in lengths]
        ),
        "mask with holes": _random_batch(limits, rng, text, holes),
        "a row of padding": padded,
    }
    for divisor, limit in ((4, 64), (2, 128)):
        width = min(limits.max_positions // divisor, limit)
        if width >= 1:
            batches[f"padded to {width}"] = _pad_to_width(mixed, width, limits.pad_id)
    if limits.vocab_size <= WHOLE_VOCABULARY:
        batches["whole vocabulary"] = _whole_vocabulary(limits, rng)
    if limits.counts_positions or limits.pad_id:
        _show_what_counts(batches["mask with holes"], batches["odd length"], limits, rng)
    if with_positions:
        for batch in batches.values():
            batch[POSITIONS_INPUT] = _positions(batch["input_mask"], rng)
    return tuple(Probe(name, batch) for name, batch in batches.items())


def standard_names() -> tuple[str, ...]:
    """The names of the standard probes of a model that takes 512 tokens and has a small vocabulary."""
    return tuple(probe.name for probe in standard_probes(ModelLimits(WHOLE_VOCABULARY, 2, 512)))


def select_probes(probes: tuple[Probe, ...], names: Sequence[str]) -> tuple[Probe, ...]:
    """The probes with the given names, or all if there are none.

    Raises:
      UsageError: no probe has one of the names.
    """
    known = [probe.name for probe in probes]
    for name in names:
        if name not in known:
            raise UsageError(f"unknown probe {name!r}: expected one of {', '.join(known)}")
    return tuple(probe for probe in probes if not names or probe.name in names)


def padded_on_the_right(probes: Iterable[Probe], limits: ModelLimits) -> tuple[Probe, ...]:
    """The probes whose rows are texts with padding after them alone, without its id in the texts."""
    kept = []
    for probe in probes:
        ids, mask = probe.inputs["input_word_ids"], probe.inputs["input_mask"]
        if mask[:, 0].all() and (np.diff(mask, axis=1) <= 0).all():
            others = np.where(ids == limits.pad_id, (limits.pad_id + 1) % limits.vocab_size, ids)
            texts = np.where(mask, others, limits.pad_id).astype(ids.dtype)
            kept.append(replace(probe, inputs={**probe.inputs, "input_word_ids": texts}))
    return tuple(kept)


def coverage(probes: Iterable[Probe], limits: ModelLimits) -> float:
    """The share of the vocabulary that the unmasked positions of the probes use."""
    used: set[int] = set()
    for probe in probes:
        ids, mask = probe.inputs["input_word_ids"], probe.inputs["input_mask"]
        used.update(ids[mask == 1].tolist())
    return len(used) / limits.vocab_size


def _right_padded(length: int, tokens: int) -> np.ndarray:
    """A mask of `tokens` ones followed by padding."""
    return (np.arange(length) < tokens).astype(np.int32)


def _random_batch(
    limits: ModelLimits, rng: np.random.Generator, length: int, masks: list[np.ndarray]
) -> dict[str, np.ndarray]:
    """Random tokens where the masks are 1, padding elsewhere, segments in runs from the first to the last."""
    mask = np.stack(masks)
    ids = np.where(mask, rng.integers(0, limits.vocab_size, mask.shape, dtype=np.int32), limits.pad_id)
    runs = np.arange(length) * limits.type_vocab_size // length
    if length > 1:
        runs[-1] = limits.type_vocab_size - 1
    segments = np.stack([np.roll(runs, int(rng.integers(length))) if row else runs for row in range(len(masks))])
    arrays = (ids, mask, segments.astype(np.int32) * mask)
    return dict(zip(ENCODER_INPUTS, (array.astype(np.int32) for array in arrays), strict=True))


def _show_what_counts(
    masked: dict[str, np.ndarray], text: dict[str, np.ndarray], limits: ModelLimits, rng: np.random.Generator
) -> None:
    """Puts tokens where a mask is 0, and padding inside a text: its id, not the mask, may determine positions."""
    ids = masked[ENCODER_INPUTS[0]]
    tokens = rng.integers(0, limits.vocab_size, ids.shape, dtype=np.int32)
    masked[ENCODER_INPUTS[0]] = np.where(masked["input_mask"], ids, tokens)
    text[ENCODER_INPUTS[0]][:, text["input_mask"].shape[1] // 2] = limits.pad_id


def _pad_to_width(batch: Mapping[str, np.ndarray], width: int, pad_id: int) -> dict[str, np.ndarray]:
    """The same rows, truncated or padded on the right to a width."""
    extra = max(0, width - batch["input_mask"].shape[1])
    return {
        name: np.pad(
            array[:, :width], ((0, 0), (0, extra)), constant_values=pad_id if name == ENCODER_INPUTS[0] else 0
        )
        for name, array in batch.items()
    }


def _whole_vocabulary(limits: ModelLimits, rng: np.random.Generator) -> dict[str, np.ndarray]:
    length = min(VOCABULARY_LENGTH, limits.max_positions)
    rows = -(-limits.vocab_size // length)
    batch = _random_batch(limits, rng, length, [_right_padded(length, length)] * rows)
    ids = np.resize(rng.permutation(limits.vocab_size), rows * length)
    batch["input_word_ids"] = ids.reshape(rows, length).astype(np.int32)
    return batch


def _positions(mask: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Positions [B, P] in the unmasked part of each row, or anywhere in an all-padding row."""
    count = min(PREDICTIONS, mask.shape[1])
    rows = [np.flatnonzero(row) if row.any() else np.arange(len(row)) for row in mask]
    return np.stack([np.sort(rng.choice(row, count)) for row in rows]).astype(np.int32)
