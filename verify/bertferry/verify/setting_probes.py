"""Texts that show every setting of a tokenizer: a probe for each, named after it, of words in the vocabulary."""

from collections.abc import Iterable, Iterator
from random import Random

from bertferry.core.tokenizer import Tokenizer
from bertferry.verify.probes import Probe
from bertferry.verify.runners.strings import string_arrays

WORDS = 8
RANDOM_TEXTS = 32
PLANES = 0x20000
"""Random code points are of the first two planes, which have all scripts."""


def setting_probes(tokenizer: Tokenizer, length: int, *, pairs: bool, seed: int = 0) -> tuple[Probe, ...]:
    """The probes for a tokenizer whose texts are cut at `length`; `pairs` adds one of two texts each.

    Words are combined with what the setting is about, so that its opposite gives other ids.
    """
    words = _words(tokenizer) or ["a"]
    random = Random(seed)
    batches = {
        "words": [" ".join(words), *words, "", " "],
        "lower case": _cases(tokenizer, words),
        "accents": list(_accents(tokenizer, words)),
        "CJK characters": list(_chinese(tokenizer, words)),
        "cleaning": [f"{word[:1]}{mark}{word[1:]} {words[0]}" for word in words[:2] for mark in _marks()],
        "longest word": list(_long_words(tokenizer)),
        "special tokens": list(_spelled(tokenizer.special.values(), words)),
        "added tokens": list(_spelled([token.content for token in tokenizer.added], words)),
        "unknown characters": ["\U0001f9ff", f"{words[0]} \U0001f9ff {words[0]}"],
        "cut": [
            " ".join(words[number % len(words)] for number in range(start, length + 8 + start)) for start in (0, 1)
        ],
        "any characters": ["".join(_any(random, words)) for _ in range(RANDOM_TEXTS)],
    }
    probes = [Probe(name, string_arrays(texts)) for name, texts in batches.items() if texts]
    if pairs:
        long = " ".join([words[0]] * length)
        firsts, seconds = [words[0], " ".join(words), "", long, long], [words[-1], "", words[0], words[0], long]
        probes.append(Probe("two texts", string_arrays(firsts, seconds)))
    return tuple(probes)


def _words(tokenizer: Tokenizer) -> list[str]:
    """Whole words of the vocabulary that are letters alone, spread over it; of several letters, if it has such."""
    names = set(tokenizer.special.values())
    words = [token for token in tokenizer.tokens if token.isalpha() and token.isascii() and token not in names]
    long = [word for word in words if len(word) > 2] or words
    return long[:: max(1, len(long) // WORDS)][:WORDS]


def _cases(tokenizer: Tokenizer, words: list[str]) -> list[str]:
    capital = [token for token in tokenizer.tokens if token.isalpha() and not token.islower()][:2]
    return [*(word.upper() for word in words), *(word.title() for word in words), *capital, "ΟΔΟΣ İ ẞ"]


def _accents(tokenizer: Tokenizer, words: list[str]) -> Iterator[str]:
    """Words with combining marks, and those of the vocabulary that have accents."""
    for word in words[:4]:
        yield f"{word}\u0301 {word[:1]}\u0308{word[1:]}"
    with_accents = [
        token.removeprefix(tokenizer.subword_prefix) for token in tokenizer.tokens if not token.isascii()
    ]
    yield from [token for token in with_accents if token.isalpha() and min(token) < "\u0250"][:8]


def _chinese(tokenizer: Tokenizer, words: list[str]) -> Iterator[str]:
    tokens = [token for token in tokenizer.tokens if token and all("\u4e00" <= c <= "\u9fff" for c in token)]
    for token in [*[one for one in tokens if len(one) > 1][:4], "".join(tokens[:3]) or "中文"]:
        yield from (token, f"{words[0]}{token}", f"{token}{words[0]}")


def _marks() -> tuple[str, ...]:
    """Controls, format characters and blanks that cleaning removes or replaces."""
    return ("\x00", "\x01", "\x7f", "\u200b", "\ufffd", "\t", "\u00a0", "\u2028", "\u00ad")


def _long_words(tokenizer: Tokenizer) -> Iterator[str]:
    """Words around the longest that is not unknown, of a letter that the vocabulary has alone and inside words."""
    prefix = tokenizer.subword_prefix
    letters = [token for token in tokenizer.tokens if len(token) == 1 and token.isalpha() and token.isascii()]
    inside = set(tokenizer.tokens)
    letter = next((one for one in letters if prefix + one in inside), (letters or ["a"])[0])
    for count in (tokenizer.max_word_length, tokenizer.max_word_length + 1, 2 * tokenizer.max_word_length):
        yield letter * count
    yield f"{letter} {letter * (tokenizer.max_word_length + 1)} {letter}"


def _spelled(names: Iterable[str], words: list[str]) -> Iterator[str]:
    """Tokens spelled out, alone, beside blanks, letters and each other, and in the other case."""
    word = words[0]
    for name in list(dict.fromkeys(names))[:16]:
        yield from (
            name,
            f"{word} {name} {word}",
            f"{word}{name}{word}",
            f"  {name}  {name.swapcase()} {name}{name}",
        )


def _any(random: Random, words: list[str]) -> Iterator[str]:
    for _ in range(random.randrange(1, 8)):
        point = random.randrange(1, PLANES)
        yield random.choice(words) if 0xD800 <= point < 0xE000 or random.random() < 0.5 else chr(point)
        yield random.choice(("", " "))
