"""Exact match and F1 as the official scripts of SQuAD compute them: evaluate-v1.1.py and evaluate-v2.0.py."""

import re
import string
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import accumulate

from squad.questions import Question

ARTICLES = re.compile(r"\b(a|an|the)\b")
PUNCTUATION = str.maketrans("", "", string.punctuation)


def normalize(text: str) -> str:
    """The text in lower case, without ASCII punctuation, articles and superfluous blanks."""
    return " ".join(ARTICLES.sub(" ", text.lower().translate(PUNCTUATION)).split())


def exact(answer: str, truth: str) -> float:
    """Whether two answers are equal once normalized: 0 or 1."""
    return float(normalize(answer) == normalize(truth))


def f1(answer: str, truth: str, *, negative: bool) -> float:
    """The harmonic mean of the shares of words that two answers have in common.

    If one of them has no words, it is 0 in SQuAD 1.1; in 2.0 (`negative`), 1 if neither has any.
    """
    given, wanted = normalize(answer).split(), normalize(truth).split()
    if negative and not (given and wanted):
        return float(given == wanted)
    common = sum((Counter(given) & Counter(wanted)).values())
    if not common:
        return 0.0
    precision, recall = common / len(given), common / len(wanted)
    return 2 * precision * recall / (precision + recall)


def score(question: Question, answer: str | None, *, negative: bool) -> tuple[float, float]:
    """Exact match and F1 of one answer, each the best over the true ones; no answer at all is wrong."""
    if answer is None:
        return 0.0, 0.0
    truths = [truth.text for truth in question.answers]
    if negative:  # no answer is the only true one if none has words
        truths = [text for text in truths if normalize(text)] or [""]
    return (
        max(exact(answer, truth) for truth in truths),
        max(f1(answer, truth, negative=negative) for truth in truths),
    )


def evaluate(
    questions: Sequence[Question],
    answers: Mapping[str, str],
    null_odds: Mapping[str, float] | None = None,
) -> dict[str, float]:
    """The scores of answers by id, in percent, under the names of the official scripts.

    Args:
      questions: all that count.
      answers: by id; '' says that there is none.
      null_odds: of SQuAD 2.0: by how much "no answer" was scored above the best span. Also returns the scores of
        questions with and without answers, and the best thresholds for these odds.
    """
    negative = null_odds is not None
    scores = {one.id: score(one, answers.get(one.id), negative=negative) for one in questions}
    result = _means("exact_match" if not negative else "exact", "f1", list(scores.values()))
    if null_odds is None:
        return {**result, "total": len(questions)}
    for name, impossible in (("HasAns", False), ("NoAns", True)):
        group = [scores[one.id] for one in questions if one.impossible == impossible]
        if group:
            result |= {**_means(f"{name}_exact", f"{name}_f1", group), f"{name}_total": len(group)}
    for at, name in enumerate(("exact", "f1")):
        of_spans = {key: values[at] for key, values in scores.items()}
        best, threshold = best_threshold(questions, of_spans, answers, null_odds)
        result |= {f"best_{name}": best, f"best_{name}_thresh": threshold}
    return {**result, "total": len(questions)}


def best_threshold(
    questions: Sequence[Question],
    scores: Mapping[str, float],
    answers: Mapping[str, str],
    null_odds: Mapping[str, float],
) -> tuple[float, float]:
    """The best score in percent if questions whose odds exceed a threshold get no answer, and that threshold.

    As in evaluate-v2.0.py, `scores` are those of the answers as they are.
    """
    ranked = sorted(questions, key=lambda one: null_odds[one.id])
    gains = [(0.0 if not answers.get(one.id) else -1.0) if one.impossible else scores[one.id] for one in ranked]
    unanswered = float(sum(one.impossible for one in questions))
    totals = list(accumulate(gains, initial=unanswered))
    at = max(range(len(totals)), key=lambda number: totals[number])  # the first of equals
    threshold = null_odds[ranked[at - 1].id] if at else 0.0
    return 100 * totals[at] / len(questions), threshold


def _means(exact_name: str, f1_name: str, scores: Sequence[tuple[float, float]]) -> dict[str, float]:
    matches, overlaps = zip(*scores, strict=True)
    return {
        exact_name: 100 * sum(matches) / len(scores),
        f1_name: 100 * sum(overlaps) / len(scores),
    }
