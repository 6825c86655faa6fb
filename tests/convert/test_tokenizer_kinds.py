"""Kinds of tokenizers that people have, with the ids that transformers 5.24 gives, or a line that names them."""

from typing import Any

import pytest
from text_cases import CASES, WORDS, ids, read, write_case

CONFIG, BACKEND = "tokenizer_config.json", "tokenizer.json"
BERT: dict[str, Any] = {"tokenizer_class": "BertTokenizer"}
GENERIC: dict[str, Any] = {"tokenizer_class": "PreTrainedTokenizerFast"}
NEW = len(WORDS)
ENT, E9 = ({"content": content, "special": True, "normalized": False} for content in ("<ent>", "[E9]"))
PLAIN: dict[str, Any] = CASES["strip-accents-in-tokenizer-json"]["files"][BACKEND]


def backend(model=None, added=(), **steps):
    """A `tokenizer.json`."""
    pieces = {"vocab": {word: number for number, word in enumerate(WORDS)}}
    tokens = [*PLAIN["added_tokens"], *added]
    return {**PLAIN, "added_tokens": tokens, **steps, "model": {**PLAIN["model"], **pieces, **(model or {})}}


CASED = {"type": "BertNormalizer", "lowercase": False, "handle_chinese_chars": False, "strip_accents": False}
PADDED = {"strategy": "BatchLongest", "pad_id": 4, "pad_type_id": 0, "pad_token": "[MASK]", "direction": "Right"}
A, B = ({"Sequence": {"id": name, "type_id": 0}} for name in "AB")
SOME = "Möchte <ent>movie good movie."
IDS: dict[str, tuple[dict[str, Any], str, list[int]]] = {
    "a class without constructor follows tokenizer.json": (
        {CONFIG: {"tokenizer_class": "ConvBertTokenizer"}, BACKEND: backend(normalizer=CASED)},
        "中文 movie",
        [2, 47, 8, 3],
    ),
    "and so do the fast ones of DPR": (
        {CONFIG: {"tokenizer_class": "DPRReaderTokenizerFast"}, BACKEND: backend(normalizer=CASED)},
        "中文 movie",
        [2, 47, 8, 3],
    ),
    "a token with a name of its own": (
        {CONFIG: {**BERT, "ent_token": "<ent>"}},
        SOME,
        [2, 17, NEW, 8, 9, 8, 42, 3],
    ),
    "tokens of the model": (
        {CONFIG: {**BERT, "model_specific_special_tokens": {"ent_token": "<ent>"}}},
        SOME,
        [2, 17, NEW, 8, 9, 8, 42, 3],
    ),
    "an id that is taken": (
        {CONFIG: BERT, "added_tokens.json": {"xyz": 7}},
        "xyz movie",
        [2, NEW, 8, 3],
    ),
    "of two tokens with an id that of tokenizer.json counts": (
        {CONFIG: BERT, "added_tokens.json": {"<ent>": NEW}, BACKEND: backend(added=[{**E9, "id": NEW}])},
        "<ent> [E9]",
        [2, 1, 67, 121, 127, 1, NEW, 3],
    ),
    "with a decoder added_tokens.json is not read": (
        {CONFIG: {**BERT, "added_tokens_decoder": {str(NEW): ENT}}, "added_tokens.json": {"[E1]": NEW}},
        SOME,
        [2, 17, NEW, 8, 9, 8, 42, 3],
    ),
    "no mask": ({CONFIG: {**BERT, "mask_token": None}}, "[MASK] is [CLS] a", [2, 30, 32, 31, 7, 2, 6, 3]),
    "blanks after a token": (
        {CONFIG: BERT, "vocab.txt": "".join(f"{word}{' ' * (word == 'movie')}\n" for word in WORDS)},
        "the movie is good",
        [2, 5, 8, 7, 9, 3],
    ),
}
REASONS: dict[str, tuple[dict[str, Any], str]] = {
    "a class of other models": (
        {CONFIG: {"tokenizer_class": "LukeTokenizer"}, BACKEND: backend()},
        "LukeTokenizer is a class of other models",
    ),
    "one that takes no texts": (
        {CONFIG: {"tokenizer_class": "LayoutLMv2TokenizerFast"}, BACKEND: backend()},
        "LayoutLMv2Tokenizer is a class of other models",
    ),
    "no prefix of pieces": (
        {CONFIG: GENERIC, BACKEND: backend({"continuing_subword_prefix": ""})},
        "no prefix of pieces inside words",
    ),
    "nothing for unknown words": (
        {CONFIG: GENERIC, BACKEND: backend({"unk_token": "<no>"})},
        "its vocabulary has no <no>",
    ),
    "a text that is there twice": (
        {
            CONFIG: GENERIC,
            BACKEND: backend(
                post_processor={
                    "type": "TemplateProcessing",
                    "single": [A, A],
                    "pair": [A, B],
                    "special_tokens": {},
                }
            ),
        },
        "tokenizer.json has the post-processor TemplateProcessing",
    ),
    "a class that loses the casing": (
        {CONFIG: {"tokenizer_class": "DPRReaderTokenizer", "do_lower_case": False}},
        "DPRReaderTokenizer keeps the case in transformers 4",
    ),
    "no token for questions": (
        {CONFIG: {"tokenizer_class": "SplinterTokenizer"}},
        "its vocabulary has no [QUESTION], which it puts between two texts",
    ),
    "questions on the left": (
        {
            CONFIG: {"tokenizer_class": "SplinterTokenizer", "padding_side": "left"},
            "vocab.txt": "".join(f"{word}\n" for word in [*WORDS, "[QUESTION]"]),
        },
        "pads on the left exchanges question and text",
    ),
}


@pytest.mark.parametrize("name", IDS)
def test_ids_are_those_of_transformers(tmp_path, name):
    files, text, want = IDS[name]
    tokenizer = read(write_case(tmp_path, files)).tokenizer
    assert tokenizer.inexact == ""
    assert ids(tokenizer, [text]) == [want]


@pytest.mark.parametrize("name", REASONS)
def test_what_has_no_exact_graph_is_named(tmp_path, name):
    files, reason = REASONS[name]
    assert reason in read(write_case(tmp_path, files)).tokenizer.inexact


def test_padding_is_that_of_tokenizer_json_if_nothing_names_it(tmp_path):
    files = {CONFIG: GENERIC, BACKEND: backend(padding=PADDED)}
    assert read(write_case(tmp_path / "a", files)).tokenizer.special["pad"] == "[MASK]"
    files = {CONFIG: {**GENERIC, "pad_token": "[PAD]"}, BACKEND: backend(padding=PADDED)}
    assert read(write_case(tmp_path / "b", files)).tokenizer.special["pad"] == "[PAD]"


def test_a_vocabulary_of_pieces_with_another_prefix_may_be_in_tokenizer_json_alone(tmp_path):
    pieces = {word.replace("##", "@@"): number for number, word in enumerate(WORDS)}
    model = {"continuing_subword_prefix": "@@", "vocab": pieces}
    files = {CONFIG: GENERIC, BACKEND: backend(model), "vocab.txt": None}
    tokenizer = read(write_case(tmp_path, files)).tokenizer
    assert tokenizer.subword_prefix == "@@"
    assert ids(tokenizer, ["movie2"]) == [[2, 8, 136, 3]]
