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


def text_probes(
    texts: Sequence[str], artifacts: Sequence[Artifact], seconds: Sequence[str] | None = None
) -> tuple[Probe, ...]:
    """Texts in batches, as the tokenizer of an artifact gives them; `seconds` are the second texts of pairs.

    Raises:
      UsageError: no artifact has a tokenizer, or nothing says whether texts are lower-cased.
      UnavailableError: the package tokenizers is not installed.
    """
    source, longest = tokenizer_of(artifacts)
    probes = []
    for start in range(0, len(texts), BATCH):
        batch = texts[start : start + BATCH]
        inputs = source.inputs(batch, longest, seconds=None if seconds is None else seconds[start : start + BATCH])
        numbers = tuple(range(start, start + len(batch)))
        probes.append(Probe(f"texts {start + 1} to {start + len(batch)}", inputs, texts=numbers))
    return tuple(probes)


def tokenizer_of(artifacts: Sequence[Artifact]) -> tuple[SourceTokenizer, int]:
    """The tokenizer of the first artifact that has one, or else one in a file's folder, and where it cuts texts.

    `vocabulary_fault` compares the vocabulary with the others'.

    Raises:
      UsageError: no tokenizer, or none that is known here, or no statement whether texts are lower-cased.
      UnavailableError: the package tokenizers is not installed.
    """
    for side in sorted(artifacts, key=lambda side: side.vocabulary is None and side.checkpoint is None):
        if (tokenizer := side.tokenizer()) is not None:
            positions = side.limits.max_positions if side.limits else NO_LIMIT
            return SourceTokenizer(tokenizer, "--texts"), tokenizer.max_length or positions
    raise UsageError("--texts: no artifact has a vocabulary (vocab.txt) or another tokenizer")


def read_texts(path: Path, *, all_lines: bool = False) -> list[str]:
    """The texts of a file, one per line; lines without text are left out, unless `all_lines` count.

    Raises:
      UsageError: not readable, no text, or a line without one among all that count.
    """
    try:
        lines = path.read_text(encoding="utf-8").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: not a readable text file: {error}") from error
    texts = [line for line in lines if line.strip()]
    if not texts:
        raise UsageError(f"{path}: no texts: expected one per line")
    if all_lines and (
        blank := next((at for at, line in enumerate(lines[: len(texts)]) if not line.strip()), None)
    ):
        raise UsageError(
            f"{path}, line {blank + 1}: no text, but each line must have one, as each label is of one"
        )
    return texts


def split_pairs(path: Path, lines: Sequence[str]) -> tuple[list[str], list[str]]:
    """The first and the second texts of lines that have two, with a tab between them.

    Raises:
      UsageError: a line has not two texts; it is named.
    """
    pairs = [line.split("\t") for line in lines]
    for at, pair in enumerate(pairs, start=1):
        if len(pair) != 2 or not all(text.strip() for text in pair):
            raise UsageError(
                f"{path}, text {at}: --pairs expects two texts with a tab between them: {lines[at - 1]:.40}"
            )
    return [first for first, _ in pairs], [second for _, second in pairs]


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
