"""Texts as probes, and the vocabularies that turn them into ids."""

from collections.abc import Sequence
from pathlib import Path

from bertferry.core.errors import UnavailableError, UsageError
from bertferry.verify.artifact import Artifact
from bertferry.verify.probes import Probe
from bertferry.verify.sample_texts import SAMPLE_TEXTS
from bertferry.verify.tokenization import SourceTokenizer

BATCH = 8
NO_LIMIT = 10**6


def sample_probes(artifact: Artifact) -> tuple[Probe, ...]:
    """`SAMPLE_TEXTS` in batches, or nothing if no tokenizer here gives an artifact's ids."""
    try:
        return text_probes(SAMPLE_TEXTS, [artifact])
    except (UsageError, UnavailableError):
        return ()


def text_probes(texts: Sequence[str], artifacts: Sequence[Artifact]) -> tuple[Probe, ...]:
    """Texts in batches, as the first artifact with a tokenizer tokenizes them.

    `vocabulary_fault` compares its vocabulary with the others'.

    Raises:
      UsageError: no tokenizer, or none that is known here, or no statement whether texts are lower-cased.
      UnavailableError: the package tokenizers is not installed.
    """
    found = ((side, tokenizer) for side in artifacts if (tokenizer := side.tokenizer()) is not None)
    side, tokenizer = next(found, (None, None))
    if side is None or tokenizer is None:
        raise UsageError("--texts: no artifact has a vocabulary (vocab.txt) or another tokenizer")
    source = SourceTokenizer(tokenizer, "--texts")
    longest = tokenizer.max_length or (side.limits.max_positions if side.limits else NO_LIMIT)
    return tuple(
        Probe(f"texts {start + 1} to {start + len(batch)}", source.inputs(batch, longest))
        for start in range(0, len(texts), BATCH)
        if (batch := texts[start : start + BATCH])
    )


def read_texts(path: Path) -> list[str]:
    """The texts of a file, one per line.

    Raises:
      UsageError: not readable, or no text.
    """
    try:
        lines = path.read_text(encoding="utf-8").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: not a readable text file: {error}") from error
    texts = [line for line in lines if line.strip()]
    if not texts:
        raise UsageError(f"{path}: no texts: expected one per line")
    return texts


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
