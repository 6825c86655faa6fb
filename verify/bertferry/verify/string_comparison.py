"""Prepares the comparison of modules of strings with their source: what runs the source, and which texts."""

from collections.abc import Sequence
from dataclasses import replace

from bertferry.core.errors import UsageError
from bertferry.core.sentence import Sentence
from bertferry.verify.artifact import Artifact
from bertferry.verify.probes import Probe
from bertferry.verify.runner import Arrays, Runner
from bertferry.verify.runners.strings import string_arrays
from bertferry.verify.setting_probes import setting_probes
from bertferry.verify.string_modules import StringModule
from bertferry.verify.string_source import NO_LIMIT, PURPOSE, StringSource, explain
from bertferry.verify.texts import BATCH
from bertferry.verify.tokenization import SourceTokenizer
from bertferry.verify.tolerance import Tolerance


def strings_of(artifacts: Sequence[Artifact]) -> StringModule | None:
    """What the modules of strings among the candidates return; None if no candidate takes strings.

    Raises:
      UsageError: some candidates take strings and others do not, or they return different things.
    """
    kinds = {side.strings for side in artifacts}
    if len(kinds) > 1:
        names = ", ".join(side.name for side in artifacts)
        raise UsageError(f"candidates take or return different things, compare them one by one: {names}")
    return kinds.pop()


def as_string_source(reference: Artifact, kind: StringModule, sentence: Sentence | None = None) -> Artifact:
    """A reference as the source of modules of strings: its own tokenizer, its encoder and what follows.

    Args:
      reference: an artifact with a vocabulary, such as a checkpoint; or another module of strings.
      kind: what the modules return.
      sentence: how outputs become embeddings, by default as the files beside the checkpoint say.

    Raises:
      UsageError: no vocabulary, a tokenizer that is not of word pieces, or nothing says how texts are embedded.
      UnavailableError: the package tokenizers is not installed.
    """
    if reference.strings is not None:
        return reference
    tokenizer = reference.tokenizer()
    if tokenizer is None:
        raise UsageError(f"{reference.name}: no vocabulary: {PURPOSE} requires its tokenizer")
    SourceTokenizer(tokenizer, PURPOSE)
    if kind == "text" and sentence is None:
        if reference.checkpoint is None:
            raise UsageError(
                f"{reference.name}: nothing says how its outputs become embeddings: give a checkpoint"
            )
        sentence = reference.checkpoint.sentence
    positions = reference.limits.max_positions if reference.limits else NO_LIMIT
    source = StringSource(
        reference.name,
        tokenizer,
        tokenizer.length(positions, padded=kind == "preprocessing"),
        reference.open if kind == "text" else None,
        sentence if kind == "text" else None,
        positions,
    )
    return replace(reference, open=source.open, limits=None, source=source)


def explanation(
    reference: Artifact, runner: Runner, probes: Sequence[Probe], want: Sequence[Arrays], tolerance: Tolerance
) -> str:
    """Which wrong setting explains what a module of strings returns; '' if the reference is no source of such."""
    if reference.source is None:
        return ""
    got = []
    for probe in probes:
        try:
            got.append(runner.run(probe.inputs))
        except Exception:  # which has been reported for this probe
            return ""
    return explain(reference.source, probes, want, got, tolerance)


def string_probes(
    reference: Artifact,
    kind: StringModule,
    seed: int = 0,
    texts: Sequence[str] = (),
    seconds: Sequence[str] | None = None,
) -> tuple[Probe, ...]:
    """Texts in batches, with the second ones of pairs if there are any; by default texts for every setting of the
    reference's tokenizer.

    Raises:
      UsageError: there are no texts, and the reference has no vocabulary.
    """
    probes = []
    for start in range(0, len(texts), BATCH):
        batch = slice(start, start + BATCH)
        arrays = string_arrays(texts[batch], None if seconds is None else seconds[batch])
        numbers = tuple(range(start, start + len(texts[batch])))
        probes.append(Probe(f"texts from {start + 1}", arrays, texts=numbers))
    if probes:
        return tuple(probes)
    tokenizer = reference.source.tokenizer if reference.source else reference.tokenizer()
    if tokenizer is None:
        raise UsageError(f"{reference.name}: no vocabulary, of whose words texts are made: give --texts FILE")
    length = reference.source.length if reference.source else tokenizer.length(NO_LIMIT)
    return setting_probes(tokenizer, length, pairs=kind == "preprocessing", seed=seed)
