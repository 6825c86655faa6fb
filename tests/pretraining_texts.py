"""A tiny checkpoint with both pretraining heads, and a text of its words, for the tests of pretraining."""

import random
import shutil

from conftest import FIXTURES

WORDS = ["all", "work", "and", "no", "play", "makes", "jack", "a", "dull", "boy"]


def write_checkpoint(folder):
    """A genuine checkpoint with its vocabulary, which is that of one sentence."""
    return shutil.copytree(FIXTURES / "golden" / "third_party_keras_bert", folder)


def write_text(path, documents=4, lines=20, seed=1):
    """Documents of lines that are parts of the sentence, over and over."""
    chance = random.Random(seed)
    parts = []
    for _ in range(documents):
        starts = [chance.randrange(len(WORDS)) for _ in range(lines)]
        parts.append("\n".join(" ".join((2 * WORDS)[at : at + chance.randint(3, 8)]) for at in starts))
    path.write_text("\n\n".join(parts) + "\n", encoding="utf-8")
    return path
