"""Compares how texts are cut into words with the package tokenizers, for every code point and every setting.

Usage: compare_tokenizers.py [--first CODE_POINT] [--last CODE_POINT]

Needs the extras `text` and `test`. For each of the 24 combinations of lower case, accents, CJK and cleaning, each
code point stands alone, between two letters and after a combining sequence. Prints how many differ, and which.
"""

import argparse
from itertools import product

import tensorflow as tf
from tokenizers import normalizers, pre_tokenizers

from bertferry.core.tokenizer import Tokenizer
from bertferry.export.text.characters import Normalizer, read_characters
from bertferry.export.text.exact import find_words
from bertferry.export.text.mapping import map_code_points

FORMS = ("{}", "a{}b", "e\u0301\u0316{}\u0302\u0334x")
SETTINGS = tuple(product((True, False), (None, True, False), (True, False), (True, False)))
"""Lower case, accents, CJK characters apart, cleaning."""
TOGETHER, APART = 64, " | "
"""Code points in one text, and what is between them: no mark, so nothing is combined with it."""
SHOWN = 20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--first", type=lambda text: int(text, 16), default=0)
    parser.add_argument("--last", type=lambda text: int(text, 16), default=0x10FFFF)
    arguments = parser.parse_args()
    points = [n for n in range(arguments.first, arguments.last + 1) if not 0xD800 <= n < 0xE000]
    for setting in SETTINGS:
        wrong = [text for form in FORMS for text in differing(setting, [form.format(chr(n)) for n in points])]
        names = dict(zip(("lower", "accents", "cjk", "clean"), setting, strict=True))
        shown = ", ".join(ascii(text) for text in wrong[:SHOWN])
        print(f"{names}: {len(wrong)} of {len(FORMS) * len(points)} differ {shown}", flush=True)


def differing(setting: tuple[bool | None, ...], texts: list[str]) -> list[str]:
    """The texts that are cut into other words."""
    lower, accents, cjk, clean = setting
    tokenizer = Tokenizer((), bool(lower), accents, bool(cjk), bool(clean))
    normalizer = normalizers.BertNormalizer(clean, cjk, accents, lower)
    ours = our_words(tokenizer)

    def wrong(some: list[str]) -> list[str]:
        both = zip(some, ours(some), strict=True)
        return [text for text, words in both if words != their_words(normalizer, text)]

    joined = [texts[n : n + TOGETHER] for n in range(0, len(texts), TOGETHER)]
    together = {APART.join(some): some for some in joined}
    return wrong([text for some in wrong(list(together)) for text in together[some]])


def their_words(normalizer: normalizers.Normalizer, text: str) -> list[str]:
    """The words of a text by tokenizers."""
    normalized = normalizer.normalize_str(text)
    return [word for word, _ in pre_tokenizers.BertPreTokenizer().pre_tokenize_str(normalized)]


def our_words(tokenizer: Tokenizer):
    """A function that cuts texts into words as the graph does."""
    normalizer = Normalizer(map_code_points(tokenizer))

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string)], autograph=False)
    def split(texts: tf.Tensor) -> tf.RaggedTensor:
        characters, first = find_words(*normalizer.normalize(read_characters(texts)))
        splits = tf.concat([first, [tf.size(characters.rows, tf.int64)]], axis=0)
        words = tf.strings.unicode_encode(tf.RaggedTensor.from_row_splits(characters.points, splits), "UTF-8")
        return tf.RaggedTensor.from_value_rowids(
            words, tf.gather(characters.rows, first), tf.size(texts, tf.int64)
        )

    return lambda texts: [
        [word.decode() for word in words] for words in split(tf.constant(texts, tf.string)).to_list()
    ]


if __name__ == "__main__":
    main()
