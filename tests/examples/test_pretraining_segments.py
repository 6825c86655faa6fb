"""Documents become segments that lose no sentence and mix no documents but where they say so."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pretraining.documents import Token, read_lines, split_off, tokenize
from pretraining.segments import check_documents, draw_pairs, draw_texts, truncated

from bertferry.core.errors import BertferryError


def documents_of(sizes):
    """Documents of sentences of these lengths, in which every token has an id of its own."""
    number = 0
    for sentences in sizes:
        document = []
        for length in sentences:
            document.append([Token(one, False) for one in range(number, number + length)])
            number += length
        yield document


sizes = st.lists(st.lists(st.integers(1, 9), min_size=1, max_size=8), min_size=2, max_size=4)


def document_number(documents, token):
    return next(at for at, one in enumerate(documents) if any(token in sentence for sentence in one))


@given(sizes, st.integers(5, 24), st.sampled_from([0.0, 0.1, 1.0]), st.integers(0, 10**6))
def test_pairs_go_through_a_document_in_order(lengths, room, short, seed):
    documents = list(documents_of(lengths))
    rng = np.random.default_rng(seed)
    for number, document in enumerate(documents):
        pairs = list(draw_pairs(documents, number, room, short, rng))
        assert pairs
        for pair in pairs:
            assert pair.first
            assert pair.second
            assert len(pair.first) + len(pair.second) <= room
            assert {document_number(documents, token) for token in pair.first} == {number}
            others = {document_number(documents, token) for token in pair.second}
            assert len(others) == 1
            assert (others != {number}) == pair.is_random
            for part in (pair.first, pair.second):
                ids = [token.id for token in part]
                assert ids == list(range(ids[0], ids[0] + len(ids)))
            if not pair.is_random:
                assert pair.first[-1].id < pair.second[0].id
        own = [token.id for pair in pairs for token in (*pair.first, *([] if pair.is_random else pair.second))]
        assert own == sorted(set(own))
        assert len(own) <= sum(map(len, document))


def test_nothing_is_lost_where_there_is_room():
    documents = list(documents_of([[3] * 50, [3] * 50]))
    pairs = list(draw_pairs(documents, 0, 30, 0.0, np.random.default_rng(0)))
    used = {token.id for pair in pairs for token in (*pair.first, *([] if pair.is_random else pair.second))}
    assert used == set(range(150))


def test_half_of_the_second_segments_are_of_another_document():
    documents = list(documents_of([[4] * 600, [5] * 600, [6] * 600]))
    drawn = [
        pair.is_random
        for number in range(3)
        for pair in draw_pairs(documents, number, 30, 0.1, np.random.default_rng(number))
    ]
    assert len(drawn) > 300
    assert 0.42 < np.mean(drawn) < 0.58  # more than 3 σ on either side


@given(sizes, st.integers(9, 30), st.integers(0, 10**6))
def test_texts_without_a_pair_have_every_token_of_whole_sentences(lengths, room, seed):
    (document, *_) = documents_of(lengths)
    texts = list(draw_texts(document, room, 0.1, np.random.default_rng(seed)))
    assert all(not one.second and 0 < len(one.first) <= room for one in texts)
    ids = [token.id for one in texts for token in one.first]
    assert ids == sorted(set(ids))


@given(st.integers(1, 30), st.integers(1, 30), st.integers(2, 40), st.integers(0, 10**6))
def test_the_longer_segment_is_cut(first, second, room, seed):
    one, other = [[Token(number, False) for number in range(count)] for count in (first, second)]
    cut, also_cut = truncated(one, other, room, np.random.default_rng(seed))
    assert len(cut) + len(also_cut) == min(room, first + second)
    if first + second > room:
        assert abs(len(cut) - len(also_cut)) <= max(1, abs(first - second) - (first + second - room))
    for whole, part in ((one, cut), (other, also_cut)):
        assert any(whole[at : at + len(part)] == part for at in range(len(whole)))


def test_documents_are_between_empty_lines_and_files(tmp_path):
    one, two = tmp_path / "one.txt", tmp_path / "two.txt"
    one.write_text("\ufeffa b\r\nc\r\n\r\n \r\nd\n", encoding="utf-8")
    two.write_text("\n\ne\n\n", encoding="utf-8")
    assert read_lines([one, two]) == [["a b", "c"], ["d"], ["e"]]


@pytest.mark.parametrize(
    ("content", "message"),
    [(b" \n\n\t\n", "no text: expected a sentence per line"), (b"\xff", "not a readable text")],
)
def test_files_that_are_no_texts_are_named(tmp_path, content, message):
    path = tmp_path / "text.txt"
    path.write_bytes(content)
    with pytest.raises(BertferryError) as refused:
        read_lines([path])
    assert message in str(refused.value)
    assert str(path) in str(refused.value)


def test_a_tenth_of_the_documents_is_for_validation_or_of_their_lines():
    documents = [[str(number) for number in range(25)], ["a"] * 9, ["b"] * 10]
    kept, ends = split_off(documents, 2)
    assert [len(one) for one in kept] == [23, 9, 9]
    assert ends == [["23", "24"], ["b"]]
    many = [[str(number)] for number in range(25)]
    kept, ends = split_off(many, 2)
    assert ends == [["9"], ["19"]]
    assert sorted(kept + ends) == sorted(many)


def test_a_single_document_has_no_other():
    with pytest.raises(BertferryError, match=r"single document.*--no-next-sentence"):
        check_documents(list(documents_of([[1, 2]])))


class Letters:
    """A tokenizer of letters, for lines of any length."""

    class backend:  # noqa: N801 - an attribute of the genuine one
        no_truncation = staticmethod(lambda: None)

        @staticmethod
        def encode_batch(texts, add_special_tokens):
            class Row:
                def __init__(self, text):
                    self.ids = [ord(one) for one in text if one != " "]
                    self.offsets = [(0, 1)] * len(self.ids)
                    self.word_ids = [at for at, word in enumerate(text.split()) for _ in word]

            return [Row(text) for text in texts]


SOURCE: Any = Letters


def test_long_lines_become_several_sentences_and_lose_nothing():
    (document,) = tokenize(SOURCE, [["ab cde", "", "f" * 7]], 3)
    assert [[token.id for token in sentence] for sentence in document] == [
        [97, 98, 99],
        [100, 101],
        [102] * 3,
        [102] * 3,
        [102],
    ]
    assert [token.continues for token in document[0]] == [False, True, False]
    assert [token.continues for token in document[1]] == [True, True]
    with pytest.raises(BertferryError, match="no line of the text has a token"):
        tokenize(SOURCE, [[" "]], 3)
