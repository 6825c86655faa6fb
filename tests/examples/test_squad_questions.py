"""Questions in SQuAD's JSON format are read, and what is not in it is refused by name."""

import json

import pytest
from squad.generate import make_questions
from squad.questions import read_questions

from bertferry.core.errors import BertferryError


def content(**changes):
    entry = {"id": "q1", "question": "Who?", "answers": [{"text": "a cat", "answer_start": 5}], **changes}
    entry = {key: value for key, value in entry.items() if value is not None}
    return {"version": "1.1", "data": [{"title": "t", "paragraphs": [{"context": "I am a cat.", "qas": [entry]}]}]}


def write(folder, values):
    path = folder / "questions.json"
    path.write_text(values if isinstance(values, str) else json.dumps(values), encoding="utf-8")
    return path


def test_a_question_of_version_1_has_no_key_is_impossible(tmp_path):
    (question,) = read_questions(write(tmp_path, "\ufeff" + json.dumps(content())))
    assert (question.id, question.text, question.context, question.impossible) == (
        "q1",
        "Who?",
        "I am a cat.",
        False,
    )
    assert question.training_answer.text == "a cat"


@pytest.mark.parametrize("start", [4, -6, 100])
def test_an_answer_elsewhere_is_not_trained_on(tmp_path, start):
    answers = [{"text": "a cat", "answer_start": start}]
    (question,) = read_questions(write(tmp_path, content(answers=answers)))
    assert question.training_answer is None


def test_questions_without_an_answer_need_the_flag(tmp_path):
    path = write(tmp_path, content(is_impossible=True, answers=[]))
    with pytest.raises(BertferryError, match=r"1 questions are without an answer.*q1.*--version-2-with-negative"):
        read_questions(path)
    assert read_questions(path, negative=True)[0].impossible


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ("{", "not JSON"),
        ("[]", "no 'data'"),
        ({"data": {}}, "'data' is {}: expected list"),
        ({"data": []}, "no questions"),
        (
            {"data": [{"paragraphs": [{"context": " ", "qas": []}]}]},
            "paragraph 0: its context is empty",
        ),
        (content(id=7), "'id' is 7: expected str"),
        (content(question=None), "question q1: no 'question'"),
        (content(answers=[{"text": "a cat", "answer_start": True}]), "'answer_start' is True"),
        (content(answers=[{"text": "a cat"}]), "question q1: no 'answer_start'"),
        (content(is_impossible=True), "is_impossible, but has an answer"),
    ],
)
def test_other_files_are_refused_by_name(tmp_path, values, message):
    path = write(tmp_path, values)
    with pytest.raises(BertferryError) as refused:
        read_questions(path, negative=True)
    assert message in str(refused.value)
    assert str(path) in str(refused.value)


def test_two_questions_of_one_id_are_refused(tmp_path):
    values = content()
    values["data"] *= 2
    with pytest.raises(BertferryError, match="two questions have the id q1"):
        read_questions(write(tmp_path, values))


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(BertferryError, match=r"none\.json"):
        read_questions(tmp_path / "none.json")


def test_generated_answers_stand_where_the_file_says(tmp_path):
    values = make_questions("dev", 20, [3, 1], impossible=0.3)
    assert values == make_questions("dev", 20, [3, 1], impossible=0.3)
    found = read_questions(write(tmp_path, values), negative=True)
    assert len(found) == 180
    assert 0.1 < sum(one.impossible for one in found) / 180 < 0.5
    assert all(one.training_answer for one in found if not one.impossible)
