"""Modules of strings are compared with the source's own tokenizer, and a wrong setting is named."""

from dataclasses import replace

import numpy as np
import pytest
from judges import skip_without
from text_cases import CASES, WORDS, write_case

from bertferry.convert import open_checkpoint
from bertferry.core.errors import UsageError
from bertferry.core.sentence import Normalize, Sentence
from bertferry.core.tokenizer import AddedToken, FramePart, Tokenizer, usual_frames
from bertferry.verify import PROFILES
from bertferry.verify.artifact import Artifact, checkpoint_artifact
from bertferry.verify.artifact_comparison import Judgment, compare_artifacts
from bertferry.verify.string_comparison import as_string_source, string_probes, strings_of

skip_without("tokenizers")
SENTENCE = Sentence(("mean",), layers=(Normalize(),), prompts={"query": "the movie "}, default_prompt="query")
PLANTED = {
    "lower case": (lambda own: replace(own, lower_case=False), "do_lower_case is false"),
    "accents": (lambda own: replace(own, strip_accents=False), "strip_accents is false"),
    "CJK": (lambda own: replace(own, tokenize_chinese_chars=False), "tokenize_chinese_chars is false"),
    "cleaning": (lambda own: replace(own, clean_text=False), "clean_text is false"),
    "longest word": (lambda own: replace(own, max_word_length=200), "max_input_chars_per_word is 200"),
    "special names": (lambda own: replace(own, special={**own.special, "unk": "[PAD]"}), "unk_token is [PAD]"),
    "tokens found": (lambda own: replace(own, split_special_tokens=True), "special tokens in texts are split"),
    "flags": (
        lambda own: replace(own, added=tuple(map(unflagged, own.added))),
        "single_word of added tokens is ignored",
    ),
    "frame": (lambda own: replace(own, single=own.single[:-1]), "the frame lacks its last token"),
    "cut": (lambda own: replace(own, truncation_side="left"), "truncation_side is left"),
    "pad": (lambda own: replace(own, padding_side="left"), "padding_side is left"),
}


def unflagged(token):
    """The token, found inside words, too."""
    return replace(token, single_word=False)


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    """A tiny encoder with a lower-casing tokenizer that finds a token."""
    added = {"34": {"content": "[abstract]", "single_word": True, "normalized": False, "special": True}}
    config = {"tokenizer_class": "BertTokenizer", "do_lower_case": True, "added_tokens_decoder": added}
    files = {"tokenizer_config.json": {**config, "model_max_length": 12}}
    return open_checkpoint(write_case(tmp_path_factory.mktemp("strings") / "source", files))


def compared(checkpoint, kind, change=lambda source: source):
    """The report on a candidate that computes what the source computes after a change."""
    reference = as_string_source(checkpoint_artifact(checkpoint, "encoder"), kind, SENTENCE)
    changed = change(reference.source)
    candidate = Artifact("candidate", changed.open, strings=kind)
    probes = string_probes(reference, kind)
    return compare_artifacts(reference, [candidate], Judgment(PROFILES["fp32"]), inputs=probes)


@pytest.mark.parametrize("kind", ["preprocessing", "text"])
def test_a_right_module_agrees(checkpoint, kind):
    assert compared(checkpoint, kind).verdict().startswith("AGREE")


@pytest.mark.parametrize(
    ("kind", "row"),
    [("preprocessing", row) for row in PLANTED]
    + [("text", row) for row in PLANTED if row != "pad"],  # padding changes no embedding
)
def test_a_wrong_setting_is_named(checkpoint, kind, row):
    plant, name = PLANTED[row]
    report = compared(checkpoint, kind, lambda source: replace(source, tokenizer=plant(source.tokenizer)))
    assert not report.ok
    assert f"wrong settings of the candidate: {name}" in report.verdict()


def test_a_wrong_length_is_named(checkpoint):
    report = compared(checkpoint, "preprocessing", lambda source: replace(source, length=64))
    assert "wrong settings of the candidate: texts are cut at 64, not 12" in report.verdict()


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"default_prompt": None}, "no prompt is put before texts"),
        ({"poolings": ("cls",)}, "the pooling is cls"),
        ({"layers": ()}, "embeddings are not scaled to unit length"),
        ({"include_prompt": False}, "include_prompt is false"),
    ],
)
def test_a_wrong_embedding_is_named(checkpoint, change, name):
    wrong = replace(SENTENCE, **change)
    report = compared(checkpoint, "text", lambda source: replace(source, sentence=wrong))
    assert f"wrong settings of the candidate: {name}" in report.verdict()


def test_several_wrong_settings_are_named(checkpoint):
    def change(source):
        return replace(source, tokenizer=replace(source.tokenizer, strip_accents=False, split_special_tokens=True))

    verdict = compared(checkpoint, "preprocessing", change).verdict()
    assert "strip_accents is false" in verdict
    assert "special tokens in texts are split" in verdict


def test_what_no_setting_explains_is_shown(checkpoint):
    words = list(WORDS)
    words[5], words[6] = words[6], words[5]

    def change(source):
        return replace(source, tokenizer=replace(source.tokenizer, tokens=tuple(words)))

    verdict = compared(checkpoint, "preprocessing", change).verdict()
    assert "texts of words" in verdict
    assert "in the source [2, " in verdict


def test_candidates_of_both_kinds_are_refused():
    sides = [Artifact("a", None, strings="text"), Artifact("b", None)]
    with pytest.raises(
        UsageError, match="candidates take or return different things, compare them one by one: a, b"
    ):
        strings_of(sides)


def test_a_source_without_word_pieces_is_refused(tmp_path):
    source = open_checkpoint(write_case(tmp_path, CASES["japanese-mecab"]["files"]))
    with pytest.raises(UsageError, match="BertJapaneseTokenizer cuts texts with MeCab"):
        as_string_source(checkpoint_artifact(source, "encoder"), "preprocessing")


def test_probes_show_what_they_are_named_after():
    tokens = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "film", "möchte", "中文", "a", "##a")
    own = usual_frames(Tokenizer(tokens, lower_case=True, added=(AddedToken("[MASK]", 4),), tokenizer_class="B"))
    reference = Artifact("r", None, tokenizer=lambda: own)
    probes = {probe.name: list(probe.inputs["text"]) for probe in string_probes(reference, "preprocessing")}
    assert "FILM" in probes["lower case"]
    assert "möchte" in probes["accents"]
    assert "film中文" in probes["CJK characters"]
    assert "a" * 100 in probes["longest word"]
    assert "film[MASK]film" in probes["special tokens"]
    assert max(len(text.split()) for text in probes["cut"]) > 128


def test_a_left_frame_gives_left_types():
    own = Tokenizer(("[PAD]", "[CLS]", "film"), lower_case=True, special={"pad": "[PAD]", "cls": "[CLS]"})
    own = replace(own, single=(FramePart(None, (1,), 1), FramePart(0)), padding_side="left", tokenizer_class="B")
    reference = as_string_source(Artifact("r", None, tokenizer=lambda: own), "preprocessing")
    arrays = reference.open().run({"text": np.array(["film"], object)})
    assert arrays["input_word_ids"][0, -3:].tolist() == [0, 1, 2]
    assert arrays["input_type_ids"][0, -3:].tolist() == [0, 1, 0]
