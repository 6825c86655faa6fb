"""What a configuration file says about a classifier: whether it classifies sentences or tokens, and its labels.

`id2label`, `label2id`, `problem_type` and `num_labels` are those of
https://huggingface.co/docs/transformers/main_classes/configuration. Others write a `bert_config.json` without
these keys; one written here has them, and `task`, so that nothing is lost on the way through other layouts.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from bertferry.convert.labels import read_labels
from bertferry.core.config import ConfigError
from bertferry.core.tasks import CONVERTED_TASKS, TRANSFORMERS_CLASSES, heads_with_names_of

LABEL_KEYS = ("id2label", "label2id", "problem_type")
KEPT_KEYS = ("sbert_ce_*", "sentence_transformers", "classifier_dropout")
"""Others that say how a classifier's outputs are used, or how it is trained, as globs: kept as they are."""
MOST_LABELS = 1_000_000
"""More than any classifier has: a number above it is no number of labels."""
PROBLEM_TYPES = ("regression", "single_label_classification", "multi_label_classification")


@dataclass(frozen=True)
class ClassifierConfig:
    """Which head with classes a file has, or None if it does not say, the class that it names, and its labels.

    `labels` holds those of `LABEL_KEYS` that the file has; the keys of `id2label` are strings, as in JSON. `kept`
    holds those of `KEPT_KEYS`. Unless `decided`, the head may be one or the other.
    """

    head: str | None = None
    stated: str = ""
    labels: Mapping[str, Any] = field(default_factory=dict)
    kept: Mapping[str, Any] = field(default_factory=dict)
    decided: bool = True

    def with_labels(self, path: str | Path | None) -> "ClassifierConfig":
        """The same with the labels of a file in the place of its own, if there is one.

        Raises:
          UsageError: the file has none.
        """
        if path is None:
            return self
        others = {key: value for key, value in self.labels.items() if key not in ("id2label", "label2id")}
        return replace(self, labels={"id2label": read_labels(Path(path)), **others})

    def check(self, classes: int) -> None:
        """Checks the labels against the number of classes that the head has.

        Raises:
          ConfigError: labels that do not number the classes, or an unknown problem type.
        """
        names = self.labels.get("id2label")
        if names is not None:
            _check_labels(names, classes)
        if (problem := self.labels.get("problem_type", PROBLEM_TYPES[0])) not in PROBLEM_TYPES:
            raise ConfigError(f"problem_type is {problem!r}: expected one of {', '.join(PROBLEM_TYPES)}")

    def keys(self, classes: int | None) -> dict[str, Any]:
        """Its keys in a `config.json`; labels without names are numbered, as in transformers.

        A head without classes (None) has no labels.
        """
        if classes is None:
            return dict(self.kept)
        names = self.labels.get("id2label", {str(number): f"LABEL_{number}" for number in range(classes)})
        numbers = {name: int(key) for key, name in names.items()}
        return {"id2label": names, "label2id": numbers, **self.labels, **self.kept}


def read_classifier_config(values: Mapping[str, Any]) -> ClassifierConfig:
    """What the keys of a configuration file say about a classifier.

    Raises:
      ConfigError: `architectures` is not a list.
    """
    labels = {key: values[key] for key in LABEL_KEYS if values.get(key) is not None}
    if "id2label" not in labels and isinstance(count := values.get("num_labels"), int) and count <= MOST_LABELS:
        labels["id2label"] = {str(number): f"LABEL_{number}" for number in range(count)}
    architectures = values.get("architectures") or ()
    if not isinstance(architectures, list | tuple):
        raise ConfigError(f"architectures is {architectures!r}: expected a list of names")
    stated = next((str(name) for name in architectures), "")
    kept = {
        key: value
        for key, value in values.items()
        if value is not None and any(fnmatchcase(key, glob) for glob in KEPT_KEYS)
    }
    return ClassifierConfig(_stated_head(values), stated, labels, kept)


def _check_labels(names: object, classes: int) -> None:
    if not isinstance(names, Mapping) or not all(isinstance(name, str | int) for name in names.values()):
        raise ConfigError("id2label does not map numbers to label names")
    if len(names) != classes:
        raise ConfigError(f"id2label has {len(names)} labels, but the classifier has {classes} classes")
    if set(names) != {str(number) for number in range(classes)}:
        raise ConfigError(f"id2label does not number its labels from 0 to {classes - 1}")


def _stated_head(values: Mapping[str, Any]) -> str | None:
    heads = CONVERTED_TASKS[values["task"]].heads if values.get("task") in tuple(CONVERTED_TASKS) else ()
    for name in values.get("architectures") or ():
        stated = "For" + str(name).partition("For")[2]
        heads = next((known for known, suffix in TRANSFORMERS_CLASSES.items() if suffix == stated), heads)
    return next((head for head in heads if heads_with_names_of(head)), None)
