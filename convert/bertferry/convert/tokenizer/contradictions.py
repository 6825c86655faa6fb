"""What the files of a tokenizer say differently for different readers."""

from collections.abc import Iterator
from typing import Any

from bertferry.convert.tokenizer import backend
from bertferry.convert.tokenizer.files import TokenizerFiles
from bertferry.convert.vocabulary import TOKENIZER, TOKENIZER_CONFIG
from bertferry.core.tokenizer import Tokenizer

IN_BOTH = {
    "lower_case": ("lowercase", "do_lower_case"),
    "strips_accents": ("strip_accents", "strip_accents"),
    "tokenize_chinese_chars": ("handle_chinese_chars", "tokenize_chinese_chars"),
}
"""Fields of `Tokenizer`, and their keys in `tokenizer.json` and in `tokenizer_config.json`."""
IN_TOKENIZER_ALONE = {
    "clean_text": "clean_text",
    "max_word_length": "max_input_chars_per_word",
    "subword_prefix": "continuing_subword_prefix",
}


def contradictions(read: Tokenizer, files: TokenizerFiles, *, alone: bool) -> Iterator[str]:
    """Lines about settings that differ from `tokenizer.json`, which names both readers or versions.

    `alone`: that file alone decides; then `tokenizer_config.json` may say otherwise.
    """
    yield from _longer(files)
    if not files.backend:
        return
    if step := backend.unknown_step(files.backend):
        yield f"{step}, which transformers 4 follows: took {TOKENIZER_CONFIG}, which transformers 5 follows"
        return
    theirs = backend.settings(files.backend, files.folder / TOKENIZER)
    theirs["strips_accents"] = theirs["lower_case"] if theirs["strip_accents"] is None else theirs["strip_accents"]
    for field, (inside, outside) in IN_BOTH.items():
        ours, other = getattr(read, field), theirs[field]
        if field == "strips_accents" and read.strip_accents is None and theirs["strip_accents"] is None:
            continue  # it follows the casing, which has a line of its own
        stated = files.config.get(outside)
        if alone and stated is not None and stated != ours:
            yield (
                f"{TOKENIZER_CONFIG} has {outside} {_json(stated)}, {TOKENIZER} {inside} {_json(ours)}: took that "
                f"of {TOKENIZER}, which alone decides for {read.tokenizer_class}"
            )
        elif not alone and ours != other:
            yield (
                f"{TOKENIZER} has {inside} {_json(other)}, {TOKENIZER_CONFIG} {outside} {_json(stated)}: took "
                f"{_json(ours)}, as transformers does; clients of tokenizers alone follow {TOKENIZER}"
            )
    for field, key in IN_TOKENIZER_ALONE.items():
        if not alone and (ours := getattr(read, field)) != (other := theirs[field]):
            yield _of_version_4(key, _json(other), f"{_json(ours)}")
    if (frames := backend.frames(files.backend)) != (read.single, read.pair) and read.single:
        yield _of_version_4("another post_processor", "", "that of the class", difference=_named(read, frames))


def _longer(files: TokenizerFiles) -> Iterator[str]:
    """A line about texts that sentence-transformers cuts later than transformers."""
    own, longer = files.config.get("model_max_length"), files.sentence.get("max_seq_length")
    if isinstance(own, int | float) and isinstance(longer, int) and longer > own:
        yield (
            f"{files.sentence_path.name} has max_seq_length {longer}, {TOKENIZER_CONFIG} model_max_length {own}: "
            f"took {longer}, as sentence-transformers does; transformers cuts at {own}"
        )


def _of_version_4(key: str, other: str, ours: str, difference: str = "") -> str:
    return (
        f"{TOKENIZER} has {f'{key} {other}'.strip()}{difference}, which transformers 4 and clients of tokenizers "
        f"follow: took {ours}, as transformers 5 does, which follows {TOKENIZER_CONFIG}"
    )


def _named(read: Tokenizer, frames: Any) -> str:  # noqa: ANN401 - the frames of a tokenizer
    """The frame of one text in words: ` ([CLS] A)`."""
    shown = [
        "AB"[part.segment] if part.segment is not None else " ".join(read.tokens[n] for n in part.ids)
        for part in frames[0]
        if part.segment is not None or all(n < len(read.tokens) for n in part.ids)
    ]
    return f" ({' '.join(shown)})"


def _json(value: object) -> str:
    return {True: "true", False: "false", None: "null"}[value] if value in (True, False, None) else repr(value)
