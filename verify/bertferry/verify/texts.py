"""Texts as probes, and the vocabularies that turn them into ids."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from bertferry.core.errors import UsageError
from bertferry.core.extras import check_installed
from bertferry.core.tasks import ENCODER_INPUTS
from bertferry.verify.artifact import Artifact
from bertferry.verify.probes import Probe

BATCH = 8


def text_probes(path: Path, artifacts: Sequence[Artifact]) -> tuple[Probe, ...]:
    """The texts of a file, one per line, in batches of `[CLS] text [SEP]`, padded on the right.

    The first artifact with a vocabulary provides the ids; `vocabulary_fault` compares it with the others'.

    Raises:
      UsageError: no text, no vocabulary, or no statement whether texts are lower-cased.
      UnavailableError: the package tokenizers is not installed.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: not a readable text file: {error}") from error
    texts = [line for line in lines if line.strip()]
    side = next((side for side in artifacts if side.vocabulary), None)
    if not texts:
        raise UsageError(f"{path}: no texts: expected one per line")
    if side is None or side.vocabulary is None:
        raise UsageError("--texts: no artifact has a vocabulary (vocab.txt)")
    if not isinstance(side.do_lower_case, bool):
        raise UsageError(
            f"{side.vocabulary}: nothing states whether texts are lower-cased: put "
            '{"do_lower_case": true} or false into a tokenizer_config.json next to it'
        )
    check_installed("--texts", "tokenizers")
    ids = _token_ids(texts, side.vocabulary, side.do_lower_case)
    longest = side.limits.max_positions if side.limits else max(map(len, ids))
    batches = [ids[start : start + BATCH] for start in range(0, len(ids), BATCH)]
    return tuple(
        Probe(f"texts {1 + number * BATCH} to {number * BATCH + len(batch)}", _pad_batch(batch, longest))
        for number, batch in enumerate(batches)
    )


def _token_ids(texts: Sequence[str], vocabulary: Path, lower_case: bool) -> list[list[int]]:
    from tokenizers import BertWordPieceTokenizer

    tokenizer = BertWordPieceTokenizer(str(vocabulary), lowercase=lower_case)
    return [encoding.ids for encoding in tokenizer.encode_batch(list(texts))]


def _pad_batch(rows: Sequence[list[int]], longest: int) -> dict[str, np.ndarray]:
    """Truncates rows to `longest`, keeping the last token ([SEP]), and pads them to equal length."""
    truncated = [row if len(row) <= longest else [*row[: longest - 1], row[-1]] for row in rows]
    width = max(map(len, truncated))
    ids, mask = np.zeros((2, len(truncated), width), np.int32)
    for number, row in enumerate(truncated):
        ids[number, : len(row)], mask[number, : len(row)] = row, 1
    return dict(zip(ENCODER_INPUTS, (ids, mask, np.zeros_like(ids)), strict=True))


def vocabulary_fault(reference: Artifact, candidate: Artifact) -> str:
    """How two vocabularies differ, '' if they do not or if a side has none."""
    if reference.vocabulary is None or candidate.vocabulary is None:
        return ""
    try:
        want, got = (path.read_bytes().splitlines() for path in (reference.vocabulary, candidate.vocabulary))
    except OSError as error:
        raise UsageError(f"{error.filename}: not a readable vocabulary: {error.strerror}") from error
    different = [number for number, pair in enumerate(zip(want, got, strict=False)) if pair[0] != pair[1]]
    if different:
        number = different[0]
        pair = " and ".join(repr(words[number].decode(errors="replace")) for words in (want, got))
        return f"vocabulary: {len(different)} words differ, the first at id {number}: {pair}"
    if len(want) != len(got):
        return f"vocabulary: {len(got)} words, reference {len(want)}"
    return ""
