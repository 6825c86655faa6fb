"""The source's own tokenizer: ids of texts by the library `tokenizers`, independently of TensorFlow Text."""

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from bertferry.convert.tokenizer.writer import backend_json
from bertferry.core.errors import UsageError
from bertferry.core.extras import check_installed
from bertferry.core.tasks import ENCODER_INPUTS
from bertferry.core.tokenizer import Tokenizer

if TYPE_CHECKING:
    import tokenizers


class SourceTokenizer:
    """Turns texts into an encoder's inputs as the description of a tokenizer says.

    Raises:
      UsageError: the tokenizer is not of word pieces.
      UnavailableError: the package tokenizers is not installed.
    """

    def __init__(self, tokenizer: Tokenizer, purpose: str) -> None:
        if tokenizer.inexact:
            raise UsageError(f"{purpose}: no tokenizer here gives its ids: {tokenizer.inexact}")
        check_installed(purpose, "tokenizers")
        self.tokenizer = tokenizer
        self._backend = _backend(tokenizer)

    def ids(self, texts: Sequence[str], length: int, prompt: str = "") -> list[list[int]]:
        """The ids of each text, framed, and cut at a length."""
        tokenizer = self.tokenizer
        self._backend.enable_truncation(length, direction=tokenizer.truncation_side)
        prompted = [prompt + text for text in texts]
        given = [text.lower() for text in prompted] if tokenizer.lower_case_before else prompted
        return [encoding.ids for encoding in self._backend.encode_batch(given)]

    def inputs(
        self, texts: Sequence[str], length: int, *, width: int | None = None, prompt: str = ""
    ) -> dict[str, np.ndarray]:
        """The int32 inputs [B, `width`] of an encoder, by default as wide as the longest text."""
        rows = self.ids(texts, length, prompt)
        wide = max(map(len, rows)) if width is None else width
        ids, mask, segments = np.zeros((3, len(rows), wide), np.int32)
        ids += self.tokenizer.ids.get("pad", 0)
        segments += self.tokenizer.pad_type_id
        for number, row in enumerate(rows):
            place = slice(0, len(row)) if self.tokenizer.padding_side == "right" else slice(wide - len(row), wide)
            ids[number, place], mask[number, place] = row, 1
            segments[number, place] = self._types(row)
        return dict(zip(ENCODER_INPUTS, (ids, mask, segments), strict=True))

    def _types(self, row: Sequence[int]) -> list[int]:
        """The type of each position of a framed text."""
        frame = self.tokenizer.single
        text = next((number for number, part in enumerate(frame) if part.segment is not None), len(frame))
        before = [part.type_id for part in frame[:text] for _ in part.ids]
        after = [part.type_id for part in frame[text + 1 :] for _ in part.ids]
        inside = len(row) - len(before) - len(after)
        return [*before, *[part.type_id for part in frame[text : text + 1] for _ in range(inside)], *after]


def _backend(tokenizer: Tokenizer) -> "tokenizers.Tokenizer":
    from tokenizers import Tokenizer as Backend

    backend = Backend.from_str(json.dumps(backend_json(tokenizer)))
    backend.encode_special_tokens = not tokenizer.finds_special_tokens
    return backend
