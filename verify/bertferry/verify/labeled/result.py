"""What both sides make of labeled texts, and whether the candidate loses too much."""

from dataclasses import dataclass, replace

from bertferry.verify.tolerance import Tolerance

SLACK = 1e-9
"""Shares such as 0.9 - 0.89 are not exact in floating point."""


@dataclass(frozen=True)
class Score:
    """A metric of both sides, larger is better; `reason` says why the candidate loses too much."""

    name: str
    reference: float
    candidate: float
    reason: str = ""

    @property
    def change(self) -> float:
        """How much the candidate gains, negative if it loses."""
        return self.candidate - self.reference


@dataclass(frozen=True)
class Confidence:
    """Decisions of which the reference is about as sure: its probability is at least `least` and below `below`, or
    1 if that is 1. Of the `changed` ones, `lost` were right and are no more, `gained` the other way round."""

    least: float
    below: float
    decisions: int
    changed: int
    lost: int
    gained: int


@dataclass(frozen=True)
class TaskResult:
    """The scores of both sides on labeled texts.

    Attributes:
      what: of which the metrics are: `texts`, `words` or `pairs`.
      count: how many have been judged.
      left_out: how many have not, because they begin beyond the length at which texts are cut.
      scores: the metrics.
      confidence: how many decisions change, by the reference's confidence; empty if there are no decisions.
      p_value: of McNemar's exact test on the decisions that are right on one side alone; None if decisions depend
        on each other, as those of a text's words do.
      fault: why there are no scores.
    """

    what: str
    count: int
    left_out: int = 0
    scores: tuple[Score, ...] = ()
    confidence: tuple[Confidence, ...] = ()
    p_value: float | None = None
    fault: str = ""

    @property
    def changed(self) -> int:
        """How many decisions are others."""
        return sum(one.changed for one in self.confidence)

    @property
    def lost(self) -> int:
        """How many right decisions the candidate gets wrong."""
        return sum(one.lost for one in self.confidence)

    @property
    def gained(self) -> int:
        """How many wrong decisions the candidate gets right."""
        return sum(one.gained for one in self.confidence)

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why it disagrees."""
        return tuple(reason for reason in (self.fault, *(score.reason for score in self.scores)) if reason)

    def judged_by(self, tolerance: Tolerance) -> "TaskResult":
        """The same, each score judged by the loss that a tolerance allows, if it limits that."""
        scores = tuple(replace(score, reason=_loss(score, tolerance)) for score in self.scores)
        return replace(self, scores=scores)

    def describe(self) -> str:
        """The scores in one line."""
        return ", ".join(
            f"{score.name} {score.candidate:.4f} (reference {score.reference:.4f})" for score in self.scores
        )


def _loss(score: Score, tolerance: Tolerance) -> str:
    if tolerance.max_loss is None or -score.change <= tolerance.max_loss + SLACK:
        return ""
    return (
        f"{score.name} {score.candidate:.4f}, reference {score.reference:.4f}: a loss of {-score.change:.4f}, "
        f"at most {tolerance.max_loss:g} allowed"
    )


def describe_changes(result: TaskResult) -> str:
    """How many decisions change, and whether right ones are lost more often than chance would have it."""
    of_right = f"{result.lost} right ones lost, {result.gained} gained"
    changes = f"{result.changed} of {result.count} decisions changed: {of_right}"
    return changes if result.p_value is None else f"{changes}; McNemar's exact test: p = {result.p_value:.3g}"
