"""Graphs give the ids and the offsets of the package tokenizers, for every setting."""

from pathlib import Path

import compare_tokenizers
import pytest
import tensorflow as tf
from genuine_tokenizers import SETTINGS, SPECIAL, build_genuine, encode
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bertferry.core.errors import UsageError
from bertferry.core.tokenizer import AddedToken, Tokenizer, usual_frames

pytest.importorskip("tensorflow_text", reason="pip install 'bertferry[text]'")
from bertferry.export.text.packing import Packer
from bertferry.export.text.tokenization import GraphTokenizer

LETTERS = "aAbBcdefFgiIoOrxXyYßΣςéÉİı中国한국ﾊ\U0001d160"
MARKS = "\u0301\u0316\u0334\u302e\u1b44\u0344"
OTHERS = " \t\n\r\x00\x01\x0b\x85\xa0\u2028\u3000\u200b\ufeff\ue000\uffff\u2e52.,#[]_-'☃"
WHOLE = ("[MASK]", "[mask]", "[E1]", "foo", "FoO", "bar", "##", "x y", "X\tY", "tok", "über", "x" * 9)
TEXTS = st.lists(
    st.one_of(st.sampled_from((*LETTERS, *MARKS, *OTHERS, *WHOLE)), st.characters(exclude_categories=["Cs"])),
    max_size=12,
).map("".join)
PIECES = (
    *(*SPECIAL, "[E1]", *"abcdefgixyor.,#[]中한_é", "foo", "bar", "mask", "e1", "i\u0307", "\u1112\u1161\u11ab"),
    *(
        "##o",
        "##a",
        "##ar",
        "##b",
        "##x",
        "##xx",
        "##é",
        "##e",
        "##中",
        "##\u0301",
        "##",
        "",
        "a b",
        "\u2028",
        " ",
        "foo",
    ),
)
ADDED = (
    *(AddedToken(token, 0) for token in SPECIAL),
    AddedToken("[E1]", 0, lstrip=True, rstrip=True),
    AddedToken("tok", 0, single_word=True, special=False),
    AddedToken("fo", 0, single_word=True, normalized=True, special=False),
    AddedToken("FoO", 0, rstrip=True, normalized=True, special=False),
    AddedToken("x y", 0, normalized=True, special=False),
    AddedToken("中", 0, lstrip=True, normalized=True, special=False),
    AddedToken(" bar", 0, normalized=True, special=False),
)
PLANES = (range(0xD800), range(0xE000, 0x40000), range(0xE0000, 0xE1000), range(0xF0000, 0xF0040))
"""Code points of which some are assigned; tools/compare_tokenizers.py takes all the others, too."""


def tokenizer_of(setting, **others):
    lower, accents, cjk, clean = setting
    return Tokenizer(PIECES, lower, accents, cjk, clean, added=ADDED, tokenizer_class="BertTokenizer", **others)


def check(graph, genuine, texts):
    want, starts, ends = encode(genuine, texts)
    batch = tf.constant(texts, tf.string)
    assert graph.tokenize(batch).to_list() == want
    got = [field.merge_dims(1, 2).to_list() for field in graph.tokenize_with_offsets(batch)]
    assert got == [want, starts, ends]


@pytest.mark.slow
@pytest.mark.parametrize("form", compare_tokenizers.FORMS)
@pytest.mark.parametrize("setting", SETTINGS, ids=str)
def test_every_code_point_becomes_the_words_of_tokenizers(setting, form):
    texts = [form.format(chr(point)) for plane in PLANES for point in plane]
    assert compare_tokenizers.differing(setting, texts) == []


@pytest.mark.slow
@pytest.mark.parametrize("setting", SETTINGS, ids=str)
def test_random_texts_have_the_ids_and_offsets_of_tokenizers(setting):
    genuine, own = build_genuine(tokenizer_of(setting, max_word_length=8))
    graph = GraphTokenizer(own)

    @settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.lists(TEXTS, min_size=1, max_size=100))
    def same(texts):
        check(graph, genuine, texts)

    same()


@pytest.mark.slow
@pytest.mark.parametrize("setting", SETTINGS, ids=str)
def test_sentences_have_the_ids_and_offsets_of_tokenizers(setting, minilm):
    """Those of this project's documents, with a real vocabulary."""
    root = Path(__file__).parents[2]
    texts = [line for path in sorted((root / "docs").glob("*.md")) for line in path.read_text().splitlines()]
    pieces = tuple((minilm / "vocab.txt").read_text().splitlines())
    lower, accents, cjk, clean = setting
    special = tuple(AddedToken(token, 0) for token in SPECIAL)
    genuine, own = build_genuine(
        Tokenizer(pieces, lower, accents, cjk, clean, added=special, tokenizer_class="BertTokenizer")
    )
    check(GraphTokenizer(own), genuine, texts)


@pytest.mark.parametrize("added", [ADDED, ADDED[:5], ()], ids=["all", "special", "none"])
def test_texts_for_every_way_have_the_ids_and_offsets_of_tokenizers(added):
    """Plain ones alone, others alone, and both; none at all."""
    genuine, own = build_genuine(Tokenizer(PIECES, lower_case=True, added=added, tokenizer_class="BertTokenizer"))
    graph = GraphTokenizer(own)
    plain = ["foo bar, [a]", "", "FoO.bar\tx\r\ny", "a" * 100, "a" * 101, "##", "i don't", "fo fo_ fo"]
    others = [
        "[MASK]",
        "a \x00[MASK] tok",
        "atok",
        "é中İ",
        "X\nY",
        "e\u0301\u302e\u1b44x",
        " bar  [E1] x",
        "中 bar",
    ]
    for texts in (plain, others, [*plain, *others, *plain], [], [""]):
        check(graph, genuine, texts)


def test_special_tokens_are_split_if_the_source_splits_them():
    genuine, own = build_genuine(tokenizer_of(SETTINGS[0], split_special_tokens=True))
    genuine.encode_special_tokens = True
    check(GraphTokenizer(own), genuine, ["[MASK] tok", "a[E1]b", "foo [mask]", "[CLS]"])


def test_lower_casing_before_a_cased_tokenizer_is_lower_case_with_accents():
    """As sentence-transformers puts it before the tokenizer's own normalizer."""
    from tokenizers import normalizers

    genuine, own = build_genuine(tokenizer_of((True, False, True, True)))
    cased, _ = build_genuine(tokenizer_of((False, None, True, True)))
    genuine.normalizer = normalizers.Sequence([normalizers.Lowercase(), cased.normalizer])
    check(GraphTokenizer(own), genuine, ["FOO bar", "ΑΣ É", "İ [MASK] FoO", "tok"])


@pytest.mark.parametrize(("content", "normalized"), [("\u0301", True), ("a\x00b", False)])
def test_a_token_that_no_graph_finds_is_refused(content, normalized):
    added = AddedToken(content, 0, normalized=normalized, special=False)
    with pytest.raises(UsageError, match="no graph finds the added token"):
        GraphTokenizer(Tokenizer(PIECES, lower_case=True, added=(added,), tokenizer_class="BertTokenizer"))


@pytest.mark.parametrize("cut", ["left", "right"])
@pytest.mark.parametrize("pad", ["left", "right"])
def test_inputs_are_packed_as_tokenizers_packs_them(cut, pad):
    from tokenizers.processors import BertProcessing

    genuine, own = build_genuine(
        Tokenizer(PIECES, lower_case=True, truncation_side=cut, padding_side=pad, pad_type_id=1)
    )
    genuine.post_processor = BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    packer = Packer(usual_frames(own))
    words = ["a b c d e f g", "", "x y", "foo bar a b c d e f g i x y"]
    for length in (3, 6, 7, 8, 12, 20):
        genuine.enable_truncation(length, direction=cut)
        genuine.enable_padding(direction=pad, pad_type_id=1, length=length)
        for pairs in (words, [(first, second) for first in words for second in words]):
            segments = list(zip(*pairs, strict=True)) if pairs is not words else [words]
            pieces = [_pieces(own, texts) for texts in segments]
            got = packer.pack(pieces, length)
            want = genuine.encode_batch(pairs)
            assert got["input_word_ids"].numpy().tolist() == [one.ids for one in want]
            assert got["input_mask"].numpy().tolist() == [one.attention_mask for one in want]
            assert got["input_type_ids"].numpy().tolist() == [one.type_ids for one in want]


def _pieces(own, texts):
    """Texts of words that are pieces."""
    numbers = {token: number for number, token in enumerate(own.tokens)}
    return tf.ragged.constant([[numbers[word] for word in text.split()] for text in texts], tf.int32)


@pytest.mark.parametrize("prefix", ["_", "xx"])
def test_pieces_inside_words_may_begin_with_anything(prefix):
    """TensorFlow Text refuses a single character of punctuation in the fast way."""
    tokens = (*SPECIAL, "foo", f"{prefix}bar", "_", "bar")
    graph = GraphTokenizer(Tokenizer(tokens, lower_case=True, subword_prefix=prefix))
    assert graph.tokenize_words(tf.constant(["foobar _ Bar"])).to_list() == [[[5, 6], [7], [8]]]
