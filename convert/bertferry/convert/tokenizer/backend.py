"""Reads a `tokenizer.json` of `tokenizers`: the steps that have an exact graph, and names of the others.

https://huggingface.co/docs/tokenizers/components
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bertferry.convert.tokenizer.files import typed
from bertferry.convert.vocabulary import TOKENIZER
from bertferry.core.errors import UsageError
from bertferry.core.tokenizer import LONGEST_WORD, FramePart

NO_NORMALIZER = {"clean_text": False, "handle_chinese_chars": False, "strip_accents": False, "lowercase": False}
BERT_NORMALIZER = {"clean_text": True, "handle_chinese_chars": True, "strip_accents": None, "lowercase": True}
FIELDS = {
    "lowercase": "lower_case",
    "strip_accents": "strip_accents",
    "handle_chinese_chars": "tokenize_chinese_chars",
    "clean_text": "clean_text",
}
"""Keys of a `BertNormalizer`, and the fields of `Tokenizer` that they are."""
MODELS = {"Unigram": "SentencePiece (Unigram)", "BPE": "BPE", "WordLevel": "whole words (WordLevel)"}


def unknown_model(backend: Mapping[str, Any]) -> str:
    """The model, if it is not of word pieces, else ''."""
    model = backend.get("model", {})
    kind = model.get("type", "WordPiece") if isinstance(model, dict) else "nothing"
    return "" if kind == "WordPiece" else f"{TOKENIZER} cuts texts with {MODELS.get(kind, kind)}"


def unknown_step(backend: Mapping[str, Any]) -> str:
    """The first step without an exact graph, '' if there is none."""
    if unknown := unknown_model(backend):
        return unknown
    if (backend.get("model") or {}).get("continuing_subword_prefix") == "":
        return f"{TOKENIZER} has no prefix of pieces inside words (continuing_subword_prefix)"
    normalizer = _only(backend.get("normalizer"), "normalizers")
    if normalizer.get("type") not in (None, "BertNormalizer", "Lowercase"):
        return f"{TOKENIZER} has the normalizer {_shown(normalizer, 'normalizers')}"
    splitter = _only(backend.get("pre_tokenizer"), "pretokenizers")
    if splitter.get("type") != "BertPreTokenizer":
        return f"{TOKENIZER} has the pre-tokenizer {_shown(splitter, 'pretokenizers')}"
    processor = backend.get("post_processor")
    if frames(backend) is None:
        return f"{TOKENIZER} has the post-processor {_shown(processor or {}, 'processors')}"
    return ""


def settings(backend: Mapping[str, Any], path: Path) -> dict[str, Any]:
    """The fields of `Tokenizer` that the normalizer and the model set.

    Raises:
      UsageError: a value of the wrong type.
    """
    normalizer = _only(backend.get("normalizer"), "normalizers")
    values = dict(BERT_NORMALIZER if normalizer.get("type") == "BertNormalizer" else NO_NORMALIZER)
    if normalizer.get("type") == "Lowercase":
        values["lowercase"] = True
    for key in values:
        if key in normalizer and (key == "strip_accents" or normalizer[key] is not None):
            values[key] = typed(normalizer, key, bool, path)
    model = typed(backend, "model", dict, path) or {}
    longest = typed(model, "max_input_chars_per_word", int, path)
    return {
        **{FIELDS[key]: value for key, value in values.items()},
        "max_word_length": LONGEST_WORD if longest is None else longest,
        "subword_prefix": typed(model, "continuing_subword_prefix", str, path) or "##",
    }


def special_tokens(backend: Mapping[str, Any], stated: Mapping[str, str]) -> dict[str, str]:
    """The token for what has no pieces, and that of the padding, if none is `stated`, by role."""
    model, padding = (backend.get(key) for key in ("model", "padding"))
    found = {
        "unk": model.get("unk_token") if isinstance(model, dict) else None,
        "pad": padding.get("pad_token") if isinstance(padding, dict) and "pad" not in stated else None,
    }
    return {role: name for role, name in found.items() if isinstance(name, str)}


def frames(backend: Mapping[str, Any]) -> tuple[tuple[FramePart, ...], tuple[FramePart, ...]] | None:
    """The frames of one text and of two that the post-processor adds, None if it is of an unknown kind."""
    processor = _only(backend.get("post_processor"), "processors")
    kind = processor.get("type")
    try:
        if kind is None:
            return (FramePart(0),), (FramePart(0), FramePart(1, type_id=1))
        if kind == "TemplateProcessing":
            named = {name: tuple(map(int, token["ids"])) for name, token in processor["special_tokens"].items()}
            single, pair = (tuple(_part(one, named) for one in processor[which]) for which in ("single", "pair"))
            return (single, pair) if (_texts(single), _texts(pair)) == ([0], [0, 1]) else None
        if kind in ("BertProcessing", "RobertaProcessing"):
            cls, sep = int(processor["cls"][1]), int(processor["sep"][1])
            return bert_frames(cls, sep) if kind == "BertProcessing" else roberta_frames(cls, sep)
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        raise UsageError(f"{TOKENIZER}: its post-processor {kind} is damaged: {error!r}") from error
    return None


def _texts(frame: tuple[FramePart, ...]) -> list[int]:
    """The texts in a frame, sorted: each is there once, if it has an exact graph."""
    return sorted(part.segment for part in frame if part.segment is not None)


def bert_frames(cls: int, sep: int) -> tuple[tuple[FramePart, ...], tuple[FramePart, ...]]:
    """`[CLS] A [SEP]`, and `[CLS] A [SEP] B [SEP]` with the types 0 and 1."""
    single = FramePart(None, (cls,)), FramePart(0), FramePart(None, (sep,))
    return single, (*single, FramePart(1, type_id=1), FramePart(None, (sep,), 1))


def roberta_frames(cls: int, sep: int) -> tuple[tuple[FramePart, ...], tuple[FramePart, ...]]:
    """`<s> A </s>`, and `<s> A </s> </s> B </s>`, all of type 0."""
    single = FramePart(None, (cls,)), FramePart(0), FramePart(None, (sep,))
    return single, (*single, FramePart(None, (sep,)), FramePart(1), FramePart(None, (sep,)))


def _part(one: Mapping[str, Any], named: Mapping[str, tuple[int, ...]]) -> FramePart:
    """A part of a template: `{"Sequence": {"id": "A", "type_id": 0}}` or `{"SpecialToken": …}`."""
    if "Sequence" in one:
        return FramePart("AB".index(one["Sequence"]["id"]), type_id=int(one["Sequence"]["type_id"]))
    token = one["SpecialToken"]
    return FramePart(None, named[token["id"]], int(token["type_id"]))


def _only(step: object, key: str) -> Mapping[str, Any]:
    """The step, or the only one of a sequence; {} for none."""
    while isinstance(step, dict) and step.get("type") == "Sequence":
        inside = step.get(key)
        if not isinstance(inside, list) or len(inside) > 1:
            return step
        step = inside[0] if inside else None
    return step if isinstance(step, dict) else {}


def _shown(step: Mapping[str, Any], key: str) -> str:
    inside = step.get(key)
    if step.get("type") == "Sequence" and isinstance(inside, list):
        return " + ".join(str(one.get("type")) if isinstance(one, dict) else str(one) for one in inside)
    return str(step.get("type", "none"))
