"""Reads questions in the JSON format of SQuAD 1.1 and 2.0 (https://rajpurkar.github.io/SQuAD-explorer/)."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bertferry.core.errors import DataError, UsageError

REQUIRED = object()


@dataclass(frozen=True)
class Answer:
    """A span of a context: its text, and the character at which it begins."""

    text: str
    start: int

    @property
    def end(self) -> int:
        """The character after it."""
        return self.start + len(self.text)


@dataclass(frozen=True)
class Question:
    """A question about a context, with the answers that people gave; one without an answer is `impossible`."""

    id: str
    text: str
    context: str
    answers: tuple[Answer, ...]
    impossible: bool = False

    @property
    def training_answer(self) -> Answer | None:
        """The first answer if it stands where the file says, else None."""
        for answer in self.answers[:1]:
            if (
                answer.text.strip()
                and answer.start >= 0
                and self.context[answer.start : answer.end] == answer.text
            ):
                return answer
        return None


def read_questions(path: Path, *, negative: bool = False) -> list[Question]:
    """The questions of a file, in its order.

    Args:
      path: a JSON file.
      negative: whether questions without an answer are allowed, as in SQuAD 2.0.

    Raises:
      UsageError: the file cannot be read, is not in SQuAD's format, has no question, or has one without an answer
        that is not allowed.
      DataError: two questions have the same id.
    """
    content = _parse(path)
    found: list[Question] = []
    for article_number, article in enumerate(_get(content, "data", list, path)):
        for number, paragraph in enumerate(_get(article, "paragraphs", list, f"{path}, article {article_number}")):
            place = f"{path}, article {article_number}, paragraph {number}"
            context = _get(paragraph, "context", str, place)
            if not context.strip():
                raise UsageError(f"{place}: its context is empty")
            found += [_question(entry, context, place) for entry in _get(paragraph, "qas", list, place)]
    if not found:
        raise UsageError(f"{path}: no questions")
    _check_ids(path, found)
    impossible = [question for question in found if question.impossible]
    if impossible and not negative:
        raise UsageError(
            f"{path}: {len(impossible)} questions are without an answer, as in SQuAD 2.0; the first is "
            f"{impossible[0].id}",
            "give --version-2-with-negative",
        )
    return found


def _parse(path: Path) -> Any:  # noqa: ANN401 - JSON
    try:
        return json.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: not a readable text file: {error}") from error
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{path}: not JSON: {error}") from error


def _question(entry: Any, context: str, place: str) -> Question:  # noqa: ANN401 - JSON
    name = _get(entry, "id", str, place)
    place = f"{place}, question {name}"
    impossible = _get(entry, "is_impossible", bool, place, default=False)
    listed = _get(entry, "answers", list, place)
    answers = tuple(
        Answer(_get(item, "text", str, place), _get(item, "answer_start", int, place)) for item in listed
    )
    if impossible and answers:
        raise UsageError(f"{place}: it is_impossible, but has an answer: {answers[0].text:.40}")
    return Question(name, _get(entry, "question", str, place), context, answers, impossible or not answers)


def _get(entry: Any, key: str, kind: type, place: object, default: Any = REQUIRED) -> Any:  # noqa: ANN401 - JSON
    """The value of a key of a JSON object.

    Raises:
      UsageError: it is missing, and there is no default, or it is not of the kind.
    """
    value = entry.get(key, default) if isinstance(entry, dict) else REQUIRED
    if value is REQUIRED:
        raise UsageError(f"{place}: no {key!r}: expected the JSON format of SQuAD")
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise UsageError(f"{place}: {key!r} is {value!s:.40}: expected {kind.__name__}")
    return value


def _check_ids(path: Path, questions: list[Question]) -> None:
    seen: set[str] = set()
    for question in questions:
        if question.id in seen:
            raise DataError(f"{path}: two questions have the id {question.id}, which predictions are listed by")
        seen.add(question.id)
