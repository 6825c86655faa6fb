"""The texts of a user, alone or in pairs, with what is right for them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from bertferry.core.errors import UsageError
from bertferry.core.tasks import EMBEDDINGS
from bertferry.verify.artifact import Artifact
from bertferry.verify.labeled.classes import find_classes
from bertferry.verify.labeled.labels import Labels, kind_of, read_labels
from bertferry.verify.options import ParityOptions
from bertferry.verify.probes import Probe
from bertferry.verify.string_modules import StringModule
from bertferry.verify.texts import read_texts, split_pairs, tokenizer_of


@dataclass(frozen=True)
class GivenTexts:
    """Texts, the second ones if they are encoded in pairs, and their labels.

    The two texts of a pair follow each other if each has an embedding of its own.
    """

    texts: Sequence[str]
    seconds: Sequence[str] | None = None
    labels: Labels | None = None

    def check_all(self, probes: Sequence[Probe]) -> None:
        """Checks that every labeled text is among the inputs.

        Raises:
          UsageError: some are not.
        """
        used = {number for probe in probes for number in probe.texts}
        if self.labels is not None and len(used) < len(self.texts):
            raise UsageError(
                f"--labels: {len(self.texts) - len(used)} of {len(self.texts)} texts are left out, by --probes or "
                "because an artifact does not take them"
            )


def read_given_texts(
    options: ParityOptions, sides: Sequence[Artifact], strings: StringModule | None
) -> GivenTexts | None:
    """The texts and labels of a user's files, None if there are none.

    Raises:
      UsageError: a file that cannot be read, or texts and labels that do not fit each other or the task.
    """
    if options.texts is None:
        return None
    path = Path(options.texts)
    lines = read_texts(path, all_lines=options.labels is not None)
    embeds = strings == "text" or (strings is None and options.task == EMBEDDINGS)
    texts, seconds = split_pairs(path, lines) if options.pairs else (lines, None)
    if seconds is not None and embeds:
        texts, seconds = [text for pair in zip(texts, seconds, strict=True) for text in pair], None
    if options.labels is None:
        return GivenTexts(texts, seconds)
    if strings == "preprocessing":
        raise UsageError("--labels: a preprocessing module decides nothing that labels could judge: leave it out")
    if embeds and not options.pairs:
        raise UsageError(
            "--labels: embeddings are judged by how similar two texts are: give --pairs, with two texts per line "
            "and their similarity as the label"
        )
    classes = find_classes(sides)
    kind = kind_of(options.task, classes, strings=strings is not None)
    if kind == "words" and options.pairs:
        raise UsageError("--pairs: labels of words are those of one text per line: leave it out")
    labels = read_labels(Path(options.labels), kind, lines, classes)
    if kind == "words":
        source, longest = tokenizer_of(sides)
        labels = replace(labels, pieces=source.word_places(lines, longest))
    return GivenTexts(texts, seconds, labels)
