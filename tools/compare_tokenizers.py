"""Compares the exported tokenizer's ids with Hugging Face's for every assigned character between two letters.

Usage: compare_tokenizers.py VOCABULARY

Needs the extras `text` and `test`. Prints the characters that differ by Unicode category, lower-cased and cased;
docs/modules.md summarizes the list.
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
        want = [encoding.ids for encoding in theirs.encode_batch(texts, add_special_tokens=False)]
        got = (
            Tokenizer(vocabulary, str(vocabulary), lower).tokenize(tf.constant(texts)).merge_dims(1, -1).to_list()
        )
        different = [
            character for character, ids, expected in zip(characters, got, want, strict=True) if ids != expected
        ]
        print(f"{'lower-cased' if lower else 'cased'}: {len(different)} of {len(characters)} differ")
        different.sort(key=lambda character: (unicodedata.category(character), character))
        for category, members in groupby(different, unicodedata.category):
            listed = f"{category}: {' '.join(code_point_ranges([ord(character) for character in members]))}"
            print(fill(listed, 112, initial_indent="  ", subsequent_indent="      "))


def code_point_ranges(points: list[int]) -> list[str]:
    """Sorted code points as ranges: `0898-089F`."""
    ranges: list[list[int]] = []
    for point in points:
        if ranges and point == ranges[-1][1] + 1:
            ranges[-1][1] = point
        else:
            ranges.append([point, point])
    return [f"{first:04X}" if first == last else f"{first:04X}-{last:04X}" for first, last in ranges]


if __name__ == "__main__":
    main(Path(sys.argv[1]))
