"""The metrics of a task, as their authors define them, in NumPy."""

import numpy as np
from numpy.typing import NDArray


def accuracy(labels: np.ndarray, decisions: np.ndarray) -> float:
    """The share of decisions [N] that are right."""
    return float(np.mean(labels == decisions))


def class_f1(labels: np.ndarray, decisions: np.ndarray, number: int) -> float:
    """F1 of a class: the harmonic mean of precision and recall, 2·TP / (2·TP + FP + FN); 0 if that is 0/0.

    C. J. van Rijsbergen, Information Retrieval, 2nd edition, 1979, chapter 7; `f1_score` of scikit-learn.
    """
    right = int(np.sum((labels == number) & (decisions == number)))
    wrong = int(np.sum((labels == number) ^ (decisions == number)))
    return 2 * right / (2 * right + wrong) if right else 0.0


def macro_f1(labels: np.ndarray, decisions: np.ndarray) -> float:
    """The mean of the F1 of every class that is a label or a decision.

    As `f1_score(average="macro")` of scikit-learn: the averaged F1 of J. Opitz and S. Burst, Macro F1 and Macro
    F1, 2019 (https://arxiv.org/abs/1911.03347).
    """
    classes = np.union1d(labels, decisions)
    return float(np.mean([class_f1(labels, decisions, int(number)) for number in classes]))


def spearman(labels: np.ndarray, scores: np.ndarray) -> float:
    """Spearman's rank correlation of two rows of numbers: Pearson's of their ranks, equal values sharing theirs.

    C. Spearman, The Proof and Measurement of Association between Two Things, 1904; `spearmanr` of SciPy, but 0 if
    all numbers of a side are equal, for there it is not defined.
    """
    first, second = average_ranks(labels), average_ranks(scores)
    if not np.ptp(first) or not np.ptp(second):
        return 0.0
    if (first == second).all():
        return 1.0
    return float(np.corrcoef(first, second)[0, 1])


def average_ranks(values: np.ndarray) -> NDArray[np.float64]:
    """Ranks from 1 on; equal values share their mean rank."""
    _, places, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    ranks: NDArray[np.float64] = (last - (counts - 1) / 2)[places]
    return ranks


def mcnemar(lost: int, gained: int) -> float:
    """The two-sided p-value of McNemar's exact test: how likely a split as uneven is, if losing and gaining a
    right decision are equally likely.

    Q. McNemar, Note on the sampling error of the difference between correlated proportions or percentages,
    Psychometrika 12, 1947, with the binomial distribution of the decisions on which the two sides differ:
    min(1, 2·Σ C(n, i)/2ⁿ) over i from 0 to the smaller of the two; `mcnemar(exact=True)` of statsmodels.
    """
    differ, term, total = lost + gained, 1, 0
    for number in range(min(lost, gained) + 1):
        total += term
        term = term * (differ - number) // (number + 1)
    return float(min(1.0, 2 * total / 2**differ))


def confidences(logits: np.ndarray) -> NDArray[np.float64]:
    """The probability [N] of the likeliest class, by the softmax of logits [N, C]."""
    shifted = logits - logits.max(axis=1, keepdims=True)
    sums: NDArray[np.float64] = np.exp(shifted).sum(axis=1)
    return 1 / sums


def row_cosines(first: np.ndarray, second: np.ndarray) -> NDArray[np.float64]:
    """The cosine similarity [N] of each row [N, H] with the other's; 0 for a row of zeros."""
    products: NDArray[np.float64] = (first * second).sum(axis=1)
    norms = np.linalg.norm(first, axis=1) * np.linalg.norm(second, axis=1)
    return products / np.where(norms > 0, norms, 1)
