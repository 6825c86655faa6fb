"""What a module of strings is compared with, and which wrong setting explains a difference."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from bertferry.core.sentence import Dense, Normalize, Sentence
from bertferry.core.tokenizer import USUAL_LENGTH, USUAL_NAMES, FramePart, Side, Tokenizer, usual_frames
from bertferry.verify.comparison import compare
from bertferry.verify.probes import Probe
from bertferry.verify.runner import Arrays, Runner
from bertferry.verify.runners.strings import TEXT, SourceEmbeddingsRunner, SourceInputsRunner
from bertferry.verify.tokenization import SourceTokenizer
from bertferry.verify.tolerance import Tolerance

PURPOSE = "comparing a module of strings with its source"
LENGTHS = (64, USUAL_LENGTH, 256, 384, 512)
WORD_LENGTHS = (50, 100, 200, 1000)
NO_LIMIT = 10**6
"""Positions of an encoder that states none."""
SHOWN_IDS = 12
MOST_SETTINGS = 4
"""How many wrong settings are looked for at once."""
SAMPLED = 3
"""On how many of the differing probes, those with the fewest texts, all settings are tried."""
MOST_NAMED = 3
"""How many settings with the same effect are named."""


@dataclass(frozen=True)
class StringSource:
    """A tokenizer whose texts are cut at `length`, and for embeddings an encoder with `positions`."""

    name: str
    tokenizer: Tokenizer
    length: int
    encoder: Callable[[], Runner] | None = None
    sentence: Sentence | None = None
    positions: int = NO_LIMIT

    def open(self) -> Runner:
        """The source as a runner of texts."""
        source = SourceTokenizer(self.tokenizer, PURPOSE)
        if self.sentence is None or self.encoder is None:
            return SourceInputsRunner(self.name, source, self.length)
        return SourceEmbeddingsRunner(self.encoder(), source, self.length, self.sentence)

    def outputs(self, probe: Probe) -> Arrays:
        """What it gives for a probe."""
        return self.open().run(probe.inputs)

    def differs_from(self, other: "StringSource", probes: Sequence[Probe]) -> bool:
        """Whether it may give other outputs for some probe: the encoder runs only then."""
        if self.sentence is None or self.sentence != other.sentence:
            return True
        ours, theirs = (replace(one, sentence=None, encoder=None) for one in (self, other))
        pairs = ((ours.outputs(probe), theirs.outputs(probe)) for probe in probes)
        return any(not np.array_equal(a[key], b[key]) for a, b in pairs for key in a)


def explain(
    source: StringSource,
    probes: Sequence[Probe],
    want: Sequence[Arrays],
    got: Sequence[Arrays],
    tolerance: Tolerance,
) -> str:
    """The wrong settings with which the source gives a candidate's outputs, else the first text that differs.

    One setting at a time is changed: the one with which most of the differing probes agree, until all do.
    """
    current = source if source.encoder is None else replace(source, encoder=_once(source.encoder))
    names: list[str] = []

    def left(tried: StringSource, among: Sequence[int]) -> list[int]:
        return [n for n in among if not _agree(tried.outputs(probes[n]), got[n], tolerance)]

    failing = [n for n in range(len(probes)) if not _agree(want[n], got[n], tolerance)]
    while failing and len(names) < MOST_SETTINGS:
        sample = sorted(failing, key=lambda n: len(probes[n].inputs[TEXT]))[:SAMPLED]
        scored = [
            (len(left(variant, sample)), name, variant)
            for name, variant in _variants(current, got)
            if variant.differs_from(current, [probes[n] for n in sample])
        ]
        least = min((count for count, _, _ in scored), default=len(sample))
        if least == len(sample):
            break
        equal = [(left(variant, failing), name, variant) for count, name, variant in scored if count == least]
        failing, _, current = min(equal, key=lambda one: len(one[0]))
        tied = dict.fromkeys(name for still, name, _ in equal if len(still) == len(failing))
        names.append(" or ".join(list(tied)[:MOST_NAMED]))
    known = f"wrong settings of the candidate: {', and '.join(names)}" if names else ""
    if not failing:
        return known
    where, first = ", ".join(probes[n].name for n in failing), failing[0]
    shown = _first_text(probes[first], current.outputs(probes[first]), got[first])
    return "; besides, ".join(filter(None, (known, f"texts of {where} differ{shown}")))


def _agree(want: Arrays, got: Arrays, tolerance: Tolerance) -> bool:
    return all(diff.ok for diff in compare(want, got, tolerance))


def _once(encoder: Callable[[], Runner]) -> Callable[[], Runner]:
    """The encoder, opened once for all variants."""
    opened = encoder()
    return lambda: opened


def _variants(source: StringSource, got: Sequence[Arrays]) -> Iterator[tuple[str, StringSource]]:
    """The source with each of its settings changed, and what the candidate then does: `strip_accents is true`."""
    for name, tokenizer in _tokenizers(source.tokenizer):
        yield name, replace(source, tokenizer=tokenizer)
    widths = {arrays["input_word_ids"].shape[1] for arrays in got if "input_word_ids" in arrays}
    for length in sorted(widths or {*LENGTHS, source.positions}):
        if length != source.length and length <= source.positions < NO_LIMIT:
            yield f"texts are cut at {length}, not {source.length}", replace(source, length=length)
    if source.sentence is not None:
        for name, sentence in _sentences(source.sentence):
            yield name, replace(source, sentence=sentence)


def _tokenizers(own: Tokenizer) -> Iterator[tuple[str, Tokenizer]]:
    lower, strips = not own.lower_case, not own.strips_accents
    yield f"do_lower_case is {_json(lower)}", replace(own, lower_case=lower, strip_accents=own.strips_accents)
    if own.strip_accents is None:
        yield f"do_lower_case is {_json(lower)}", replace(own, lower_case=lower)
    yield f"strip_accents is {_json(strips)}", replace(own, strip_accents=strips)
    apart, cleans = not own.tokenize_chinese_chars, not own.clean_text
    yield f"tokenize_chinese_chars is {_json(apart)}", replace(own, tokenize_chinese_chars=apart)
    yield f"clean_text is {_json(cleans)}", replace(own, clean_text=cleans)
    for length in WORD_LENGTHS:
        if length != own.max_word_length:
            yield f"max_input_chars_per_word is {length}", replace(own, max_word_length=length)
    yield from _found(own)
    yield from _special(own)
    yield from _framed(own)
    cut, padded = _other(own.truncation_side), _other(own.padding_side)
    yield f"truncation_side is {cut}", replace(own, truncation_side=cut)
    yield f"padding_side is {padded}", replace(own, padding_side=padded)


def _other(side: Side) -> Side:
    return "left" if side == "right" else "right"


def _found(own: Tokenizer) -> Iterator[tuple[str, Tokenizer]]:
    """Other tokens found in texts."""
    splits = own.finds_special_tokens
    what = "split" if splits else "found"
    yield f"special tokens in texts are {what}", replace(own, split_special_tokens=splits)
    yield "no token is found in texts", replace(own, added=())
    usual = tuple(token for token in own.added if token.content in own.special.values())
    yield "added tokens are not found in texts", replace(own, added=usual)
    for flag in ("lstrip", "rstrip", "single_word", "normalized"):
        ignored: dict[str, Any] = {flag: False}
        without = tuple(replace(token, **ignored) for token in own.added)
        yield f"{flag} of added tokens is ignored", replace(own, added=without)


def _special(own: Tokenizer) -> Iterator[tuple[str, Tokenizer]]:
    """Other names of special tokens."""
    known = {role: name for role, name in USUAL_NAMES.items() if name in own.tokens}
    for role, name in own.special.items():
        others = {*own.special.values(), *known.values()} - {name}
        for other in sorted(others):
            swapped = replace(own, special={**own.special, role: other})
            if role in ("cls", "sep"):
                swapped = _renamed(swapped, own.ids.get(role), swapped.ids.get(role))
            yield f"{role}_token is {other}", swapped


def _renamed(own: Tokenizer, before: int | None, after: int | None) -> Tokenizer:
    """The tokenizer with another id in its frames."""
    single, pair = (
        tuple(
            replace(part, ids=tuple(after if n == before and after is not None else n for n in part.ids))
            for part in frame
        )
        for frame in (own.single, own.pair)
    )
    return replace(own, single=single, pair=pair)


def _framed(own: Tokenizer) -> Iterator[tuple[str, Tokenizer]]:
    """Other frames."""
    plain = (FramePart(0),), (FramePart(0), FramePart(1, type_id=1))
    yield "texts have no frame", replace(own, single=plain[0], pair=plain[1])
    if {"cls", "sep"} <= own.ids.keys():
        usual = usual_frames(own)
        yield "the frame is that of BERT", usual
        yield "the frame of one text is that of BERT", replace(own, single=usual.single)
        yield "the frame of two texts is that of BERT", replace(own, pair=usual.pair)
    ends = own.single[:-1] if own.single and own.single[-1].segment is None else own.single
    yield "the frame lacks its last token", replace(own, single=ends)
    untyped = tuple(replace(part, type_id=0) for part in own.pair)
    yield "all types of two texts are 0", replace(own, pair=untyped)


def _sentences(own: Sentence) -> Iterator[tuple[str, Sentence]]:
    """Other embeddings."""
    if own.default_prompt is not None:
        yield "no prompt is put before texts", replace(own, default_prompt=None)
    for name in own.prompts:
        if name != own.default_prompt:
            yield f"the prompt {name!r} is put before texts", replace(own, default_prompt=name)
    yield f"include_prompt is {_json(not own.include_prompt)}", replace(own, include_prompt=not own.include_prompt)
    for pooling in ("cls", "max", "mean", "mean_sqrt_len", "weightedmean", "lasttoken"):
        if own.poolings != (pooling,):
            yield f"the pooling is {pooling}", replace(own, poolings=(pooling,))
    without = tuple(layer for layer in own.layers if not isinstance(layer, Normalize))
    scaled = "not scaled" if without != own.layers else "scaled"
    changed = without if without != own.layers else (*own.layers, Normalize())
    yield f"embeddings are {scaled} to unit length", replace(own, layers=changed)
    if any(isinstance(layer, Dense) for layer in own.layers):
        flat = tuple(layer for layer in own.layers if not isinstance(layer, Dense))
        yield "the layers after the pooling are left out", replace(own, layers=flat)


def _first_text(probe: Probe, want: Arrays, got: Arrays) -> str:
    """The first text whose ids differ, with both."""
    ours, theirs = (np.asarray(one.get("input_word_ids", next(iter(one.values())))) for one in (want, got))
    if ours.shape != theirs.shape:
        return f": shape {list(theirs.shape)}, the source's {list(ours.shape)}"
    rows = np.flatnonzero((ours != theirs).reshape(len(ours), -1).any(axis=1))
    if not len(rows) or "input_word_ids" not in want:
        return ""
    row = int(rows[0])
    shown = [array[row][:SHOWN_IDS].tolist() for array in (theirs, ours)]
    return f": {probe.inputs[TEXT][row]!r:.60} becomes {shown[0]}, in the source {shown[1]}"


def _json(value: bool) -> str:
    return "true" if value else "false"
