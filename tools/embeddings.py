"""Compares text-embedding modules with sentence-transformers itself, and prints docs/embeddings.md.

Usage: embeddings.py [--python PYTHON] [--only TEXT] [MODEL...] > docs/embeddings.md

`sentence_models.py` writes the models, under PYTHON if that is another than this one. Each is exported with
`--task text`, and every prompt's embeddings of every text are compared; MODEL are further folders.
Ends with 1 if one of them differs by more than `LIMIT`, or is refused.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path

import numpy as np
import sentence_models
import tensorflow as tf
import tensorflow_text  # noqa: F401 - operations of the modules
from provenance import provenance

from bertferry.core.errors import BertferryError, first_line
from bertferry.core.quiet import hold_back_stderr, own_stderr
from bertferry.core.sentence import Sentence
from bertferry.export import ModuleOptions, export_hub_module
from bertferry.export.text.prompts import prompt_functions

LIMIT = 1e-5
PAGE = """# Embeddings beside sentence-transformers

`export-hub-module --task text` of models that sentence-transformers wrote, in its present files and in those of
version 2. Each text of the tool's is embedded by the package and by the module, without a prompt's name and with
each, one text at a time. The table is the output of `python tools/embeddings.py` ({provenance}):
{count} models, the largest difference of any number {largest:.1e} (limit {limit:.0e}).
{versions}.

| model | embeddings | largest difference |
|---|---|---|"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--python", default=sys.executable)
    parser.add_argument("--only", default="")
    parser.add_argument("models", nargs="*", type=Path)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, hold_back_stderr():
        script = [arguments.python, sentence_models.__file__, folder, *map(str, arguments.models)]
        subprocess.run(script, check=True, stdout=subprocess.DEVNULL, stderr=own_stderr())
        found = json.loads((Path(folder) / sentence_models.EMBEDDINGS).read_text(encoding="utf-8"))
        rows = [
            (Path(name).name, *compare(Path(folder) / name, embeddings, Path(folder) / "module" / str(number)))
            for number, (name, embeddings) in enumerate(found["embeddings"].items())
            if arguments.only in name
        ]
    own = {name: version(name) for name in ("tensorflow", "tensorflow-text")}
    print(
        PAGE.format(
            provenance=provenance(),
            count=len(rows),
            limit=LIMIT,
            largest=max(difference for _, _, difference, _ in rows),
            versions=", ".join(f"{name} {number}" for name, number in {**found["versions"], **own}.items()),
        )
    )
    for name, count, difference, problem in rows:
        print(f"| {name} | {count} | {problem or f'{difference:.1e}'} |")
    if any(problem or difference > LIMIT for _, _, difference, problem in rows):
        sys.exit(1)


def compare(source: Path, wanted: dict[str, list[list[float]]], output: Path) -> tuple[int, float, str]:
    """How many embeddings were compared, their largest difference, and why there is no module, if so."""
    try:
        export_hub_module(source, output, ModuleOptions(task="text", verify=False))
    except BertferryError as error:
        return 0, 0.0, first_line(error)
    module = tf.saved_model.load(str(output))
    functions = prompt_functions(Sentence(("mean",), prompts=dict.fromkeys(wanted.keys() - {""}, "")))
    worst = 0.0
    for name, vectors in wanted.items():
        call = getattr(module, functions[name]) if name else module
        got = np.concatenate([call(tf.constant([text])) for text in sentence_models.TEXTS])
        worst = max(worst, float(np.max(np.abs(got - np.array(vectors)))))
    return len(wanted) * len(sentence_models.TEXTS), worst, ""


if __name__ == "__main__":
    main()
