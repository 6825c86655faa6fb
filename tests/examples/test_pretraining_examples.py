"""Tokens are masked as the paper says."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pretraining.documents import read_lines, tokenize
from pretraining.examples import ExampleMaker, ExampleOptions
from pretraining.masking import MaskingOptions, draw_places, masked, word_groups
from pretraining_texts import WORDS, write_checkpoint, write_text

from bertferry.convert import SourceOptions, open_checkpoint
from bertferry.core.errors import BertferryError

tokens = st.lists(st.booleans(), min_size=1, max_size=60)


@given(tokens, st.floats(0.05, 0.5), st.integers(1, 20), st.booleans(), st.integers(0, 10**6))
def test_as_many_places_are_masked_as_the_options_say(continues, probability, most, whole, seed):
    options = MaskingOptions(probability, most, whole)
    words = word_groups(enumerate(continues, 5))
    assert [place for word in words for place in word] == list(range(5, 5 + len(continues)))
    groups = words if whole else [[place] for word in words for place in word]
    places = draw_places(groups, options, np.random.default_rng(seed))
    wanted = min(most, max(1, round(len(continues) * probability)))
    assert places == sorted(set(places))
    assert len(places) <= wanted
    if not whole:
        assert len(places) == wanted
    for group in groups:
        assert set(group) <= set(places) or not set(group) & set(places)


def test_words_are_not_joined_across_the_frame():
    assert word_groups([(1, False), (2, True), (4, True), (5, True)]) == [[1, 2], [4, 5]]


def test_of_masked_tokens_8_in_10_are_the_mask_and_1_in_10_stays():
    rng = np.random.default_rng(3)
    ids = np.full(20000, 7, np.int32)
    words = np.arange(10, 1000, dtype=np.int32)
    places = list(range(0, 20000, 2))
    changed = masked(ids, places, 4, words, rng)
    assert (changed[1::2] == 7).all()
    shares = [np.mean(changed[::2] == one) for one in (4, 7)]
    assert shares == pytest.approx([0.8, 0.1], abs=0.012)  # 4 σ and more
    others = changed[::2][(changed[::2] != 4) & (changed[::2] != 7)]
    assert set(others) <= set(words)
    assert len(set(others)) > 500


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    from pieces import tokenizer_of

    pytest.importorskip("tokenizers", reason="pip install 'bertferry[text]'")
    folder = write_checkpoint(tmp_path_factory.mktemp("pretraining") / "jack")
    return tokenizer_of(open_checkpoint(folder, SourceOptions(do_lower_case=True)), "this test")


@pytest.mark.parametrize("next_sentence", [True, False])
def test_what_is_masked_comes_back_with_the_labels(source, tmp_path, next_sentence):
    maker = ExampleMaker(source, ExampleOptions(16, MaskingOptions(0.3, 4), next_sentence, duplicates=2))
    documents = tokenize(source, read_lines([write_text(tmp_path / "text.txt")]), maker.room)
    first, again = [[one for made in maker.make(documents, [7]) for one in made] for _ in range(2)]
    assert [one.ids.tolist() for one in first] == [one.ids.tolist() for one in again]
    other = [one for made in maker.make(documents, [8]) for one in made]
    assert [one.ids.tolist() for one in first] != [one.ids.tolist() for one in other]
    half = len(first) // 2
    assert [one.ids.tolist() for one in first[:half]] != [one.ids.tolist() for one in first[half:]]
    ids, known = source.tokenizer.ids, {source.tokenizer.tokens.index(word) for word in WORDS}
    for one in first:
        restored = one.ids.copy()
        restored[one.places] = one.labels
        special = (restored == ids["cls"]) | (restored == ids["sep"])
        assert restored[0] == ids["cls"]
        assert restored[-1] == ids["sep"]
        assert special.sum() == (3 if next_sentence else 2)
        assert set(restored[~special]) <= known
        assert not special[one.places].any()
        assert set(one.types) == ({0, 1} if next_sentence else {0})


def test_a_batch_is_as_long_as_its_longest_example(source, tmp_path):
    maker = ExampleMaker(source, ExampleOptions(16, MaskingOptions(0.3, 4)))
    documents = tokenize(source, read_lines([write_text(tmp_path / "text.txt")]), maker.room)
    examples = next(maker.make(documents, [7]))[:5]
    batch = maker.batch(examples)
    lengths = [len(one.ids) for one in examples]
    assert batch["input_word_ids"].shape == (5, max(lengths))
    assert batch["input_mask"].sum(axis=1).tolist() == lengths
    assert batch["masked_lm_weights"].sum(axis=1).tolist() == [len(one.places) for one in examples]
    assert batch["next_sentence_labels"][:, 0].tolist() == [one.is_random for one in examples]
    for row, one in enumerate(examples):
        count = len(one.places)
        assert batch["masked_lm_positions"][row, :count].tolist() == one.places
        assert batch["masked_lm_ids"][row, :count].tolist() == one.labels.tolist()


@pytest.mark.parametrize(
    ("make", "flag"),
    [
        (lambda: MaskingOptions(0.0), "--masked-lm-prob"),
        (lambda: MaskingOptions(most=0), "--max-predictions-per-seq"),
        (lambda: ExampleOptions(4), "--max-seq-length"),
        (lambda: ExampleOptions(duplicates=0), "--dupe-factor"),
        (lambda: ExampleOptions(short=2), "--short-seq-prob"),
    ],
)
def test_numbers_that_give_no_examples_are_refused(make, flag):
    with pytest.raises(BertferryError, match=flag):
        make()
