"""The source's own tokenizer: ids of texts by the library `tokenizers`, independently of TensorFlow Text."""

import json
import re
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

    Its `backend` is that of the package, for what is not a question of inputs, such as where tokens are in a text.

    Raises:
      UsageError: no tokenizer of the package gives its ids.
      UnavailableError: the package tokenizers is not installed.
    """

    def __init__(self, tokenizer: Tokenizer, purpose: str) -> None:
        check_installed(purpose, "tokenizers")
        if tokenizer.inexact and tokenizer.backend is None:
            raise UsageError(f"{purpose}: no tokenizer here gives its ids: {tokenizer.inexact}")
        self.tokenizer = tokenizer
        self.backend = _backend(tokenizer)

    def inputs(
        self,
        texts: Sequence[str],
        length: int,
        *,
        width: int | None = None,
        prompt: str = "",
        seconds: Sequence[str] | None = None,
    ) -> dict[str, np.ndarray]:
        """The int32 inputs [B, `width`] of an encoder, by default as wide as the longest text.

        Args:
          texts: cut at a length, the frame included.
          length: the length.
          width: of the inputs.
          prompt: put before each text.
          seconds: the second texts of pairs.
        """
        tokenizer = self.tokenizer
        self.backend.enable_truncation(length, direction=tokenizer.truncation_side)
        pairs = zip(texts, [None] * len(texts) if seconds is None else seconds, strict=True)
        rows = [
            self.backend.encode(prompt + text, second) for text, second in pairs
        ]  # few: threads only cost time
        wide = max(len(row.ids) for row in rows) if width is None else width
        ids, mask, types = np.zeros((3, len(rows), wide), np.int32)
        ids += tokenizer.ids.get("pad", 0)
        types += tokenizer.pad_type_id
        for number, row in enumerate(rows):
            count = len(row.ids)
            place = slice(0, count) if tokenizer.padding_side == "right" else slice(wide - count, wide)
            ids[number, place], mask[number, place], types[number, place] = row.ids, 1, row.type_ids
        return dict(zip(ENCODER_INPUTS, (ids, mask, types), strict=True))

    def word_places(self, texts: Sequence[str], length: int) -> list[list[int | None]]:
        """By text, the places of the first tokens of its words, which are what white space separates.

        None stands for a word that has no token, or that begins beyond the length at which texts are cut.
        """
        self.backend.enable_truncation(length, direction=self.tokenizer.truncation_side)
        places = []
        for text in texts:
            encoded = self.backend.encode(text)
            tokens = [
                (place, begin, end)
                for place, (begin, end) in enumerate(encoded.offsets)
                if end > begin and not encoded.special_tokens_mask[place]
            ]
            places.append(
                [  # a token may begin with the space before its word
                    next(
                        (place for place, begin, end in tokens if end > word.start() and begin < word.end()), None
                    )
                    for word in re.finditer(r"\S+", text)
                ]
            )
        return places

    def prompt_length(self, prompt: str, length: int) -> int:
        """How many positions a prompt takes, those of the frame before it included."""
        ids = self.inputs([prompt], length)["input_word_ids"][0]
        special = {token.id for token in self.tokenizer.added if token.special}
        return len(ids) - (ids[-1] in special)


def _backend(tokenizer: Tokenizer) -> "tokenizers.Tokenizer":
    from tokenizers import Tokenizer as Backend

    backend = Backend.from_str(json.dumps(tokenizer.backend or backend_json(tokenizer)))
    backend.encode_special_tokens = not tokenizer.finds_special_tokens
    return backend
