"""Where the exported tokenizer's ids differ from Hugging Face's: every assigned character between two letters.

Usage: compare_tokenizers.py VOCABULARY

Needs the extras `text` and `test`. Prints, lower-cased and cased, the characters by Unicode category: the list
that docs/modules.md sums up.
"""

import sys
import unicodedata
from itertools import groupby
from pathlib import Path
from textwrap import fill

import tensorflow as tf
from tokenizers import BertWordPieceTokenizer

from bertferry.export.tokenization import Tokenizer


def main(vocabulary: Path) -> None:
    characters = [
        character
        for character in map(chr, (*range(0x20, 0xD800), *range(0xE000, 0x110000)))
        if unicodedata.category(character) not in ("Cn", "Co")
    ]
    texts = [f"a{character}b" for character in characters]
    for lower in (True, False):
        theirs = BertWordPieceTokenizer(str(vocabulary), lowercase=lower)
        want = [one.ids for one in theirs.encode_batch(texts, add_special_tokens=False)]
        got = (
            Tokenizer(vocabulary, str(vocabulary), lower).tokenize(tf.constant(texts)).merge_dims(1, -1).to_list()
        )
        different = [one for one, a, b in zip(characters, got, want, strict=True) if a != b]
        print(f"{'lower-cased' if lower else 'cased'}: {len(different)} of {len(characters)} differ")
        different.sort(key=lambda one: (unicodedata.category(one), one))
        for category, members in groupby(different, unicodedata.category):
            listed = f"{category}: {' '.join(runs([ord(one) for one in members]))}"
            print(fill(listed, 112, initial_indent="  ", subsequent_indent="      "))


def runs(points: list[int]) -> list[str]:
    """Code points as ranges: `0898-089F`."""
    found: list[list[int]] = []
    for point in points:
        if found and point == found[-1][1] + 1:
            found[-1][1] = point
        else:
            found.append([point, point])
    return [f"{first:04X}" if first == last else f"{first:04X}-{last:04X}" for first, last in found]


if __name__ == "__main__":
    main(Path(sys.argv[1]))
