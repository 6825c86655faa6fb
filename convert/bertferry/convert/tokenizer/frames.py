"""The frames of a tokenizer of word pieces: those of its class, or of `tokenizer.json` if that alone decides."""

from dataclasses import replace

from bertferry.convert.tokenizer import backend
from bertferry.convert.tokenizer.classes import CLASSES
from bertferry.convert.tokenizer.files import TokenizerFiles
from bertferry.core.tokenizer import FramePart, Tokenizer

QUESTION = ("[QUESTION]", ".")
"""What Splinter puts between a question and a text."""


def framed(read: Tokenizer, files: TokenizerFiles, frame: str, types: int, *, has_types: bool) -> Tokenizer:
    """The tokenizer with the frames of its class, or of `tokenizer.json` if that alone decides."""
    ids = read.ids
    if read.tokenizer_class is not None and read.tokenizer_class not in CLASSES:
        single, pair = backend.frames(files.backend) or ((), ())
    elif "cls" not in ids or "sep" not in ids:
        return replace(
            read, inexact=f"its vocabulary has no {read.special.get('cls')} or {read.special.get('sep')}"
        )
    elif frame == "mpnet":
        single, pair = backend.roberta_frames(ids["cls"], ids["sep"])
    else:
        single, pair = backend.bert_frames(ids["cls"], ids["sep"])
    if frame == "funnel":
        single, pair = ((replace(one[0], type_id=2), *one[1:]) for one in (single, pair))
    if frame == "splinter":
        if missing := [token for token in QUESTION if token not in read.tokens]:
            return replace(read, inexact=f"its vocabulary has no {missing[0]}, which it puts between two texts")
        if read.padding_side == "left":
            return replace(read, inexact="SplinterTokenizer that pads on the left exchanges question and text")
        pair = _with_question(read, pair)
    if not has_types:
        single, pair = (tuple(replace(part, type_id=0) for part in one) for one in (single, pair))
    highest = max((part.type_id for part in (*single, *pair)), default=0)
    reason = f"it frames texts with the type {highest}, and the encoder has {types} types"
    fits = highest < max(types, 2)
    return replace(read, single=single, pair=pair, inexact=read.inexact if fits else reason)


def _with_question(read: Tokenizer, pair: tuple[FramePart, ...]) -> tuple[FramePart, ...]:
    """Splinter's frame of two texts: a token for the question, and a full stop."""
    numbers = {token: number for number, token in enumerate(read.tokens)}
    question = FramePart(None, tuple(numbers[token] for token in QUESTION))
    return (*pair[:2], question, *pair[2:])
