"""Loads a published folder with the programs that people use, and compares what they compute with stored outputs.

Usage: python tools/clients FOLDER --reference REFERENCE.npz [--folder DIR] [--only WORD …] [--torch REQUIREMENT]
       [--record]

Installs each client into an environment of its own, from PyPI or npm, runs its snippet on the sentences of
REFERENCE and prints one line for it: the verdict, the largest absolute difference from the embeddings of PyTorch,
and the versions. Classes for heads load small checkpoints, published here. Ends with 0 if everything passes; what
could not be installed does not. DIR is where environments are made, temporary by default; those in DIR are used
again.
"""

import argparse
import platform
import shutil
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from examination import Examiner, Row
from table import CLIENTS

PAGE = Path(__file__).parents[2] / "docs" / "clients.md"


def main() -> None:
    parser = argparse.ArgumentParser(description="Load a published folder with the programs that people use.")
    parser.add_argument("published", type=Path, metavar="FOLDER", help="the published folder")
    parser.add_argument("--reference", type=Path, required=True, help="sentences and outputs of PyTorch, .npz")
    parser.add_argument("--folder", type=Path, metavar="DIR", help="where environments are made and found")
    parser.add_argument("--only", nargs="+", metavar="WORD", help="clients whose names contain one of these words")
    parser.add_argument("--torch", metavar="REQUIREMENT", default="torch", help="the PyTorch to install, for pip")
    parser.add_argument("--record", action="store_true", help=f"write docs/{PAGE.name} and the screenshot")
    arguments = parser.parse_args()
    chosen = [one for one in CLIENTS if not arguments.only or any(word in one.name for word in arguments.only)]
    if not chosen:
        parser.error(f"no client's name contains {' or '.join(arguments.only)}")
    if not arguments.published.is_dir():
        parser.error(f"{arguments.published} is no folder")
    if not arguments.reference.is_file():
        parser.error(f"{arguments.reference} is no file")
    if arguments.record and arguments.only:
        parser.error("--record takes every client: leave --only out")
    rows = []
    with tempfile.TemporaryDirectory() as temporary:
        environments = Path(arguments.folder or temporary).absolute()
        environments.mkdir(parents=True, exist_ok=True)
        examiner = Examiner(
            arguments.published.absolute(), arguments.reference, environments, arguments.torch, Path(temporary)
        )
        for client in chosen:
            rows.append(examiner.examine(client))
            print("{:<8} {:>7}  {}: {}".format(*rows[-1].cells()), flush=True)
        if arguments.record:
            PAGE.write_text(page(rows), encoding="utf-8")
            for picture in Path(temporary).glob("*.png"):
                shutil.copy(picture, PAGE.parent)
    sys.exit(not all(row.passed for row in rows))


def page(rows: list[Row]) -> str:
    """The rows as a page."""
    lines = [f"| {' | '.join(row.cells())} |" for row in rows]
    return INTRODUCTION.format(
        date=f"{datetime.now(UTC):%Y-%m-%d}",
        system=f"{platform.system()} {platform.machine()}, Python {platform.python_version()}",
        passed=sum(row.passed for row in rows),
        count=len(rows),
        publish=PUBLISH,
        rows="\n".join(lines),
    )


PUBLISH = (
    "publish-model --checkpoint MINILM --output FOLDER --do-lower-case --max-seq-length 256 --pooling mean "
    "--normalize --hub --litert fp32,fp16,int8"
)
INTRODUCTION = """# Programs that load a published folder

Written on {date} ({system}); {passed} of {count} lines pass:

```sh
{publish}
python tools/clients FOLDER --reference tests/fixtures/golden/minilm_l6_v2_reference.npz --record
```

MINILM is all-MiniLM-L6-v2 as a `tf1` checkpoint: tensors, configuration and vocabulary. Each program runs in an
environment of its own, installed from PyPI or npm (PyTorch is installed once), with the few lines of
`tools/clients/snippets`. The difference is the largest of any number in the embeddings of eight sentences from
those of PyTorch; the limits are 1e-5 in fp32 and 1e-3 in fp16; int8 (in transformers.js q8) is measured, not
judged. Classes for heads (`…For…`) load small checkpoints of google-research/bert, and are compared with
TensorFlow 1.15.5.

| verdict | difference | program | versions |
|---|---|---|---|
{rows}

- Chromium is the one in the npm package `@sparticuz/chromium`, without a window; page, weights and WebAssembly
  come from the loopback, and the embeddings from the function of the page in `examples/search`.
- keras-hub computes gelu by tanh whatever `config.json` says (4e-3 off here), and its tokenizer strips no accents:
  its line has the exact gelu put into its layers, and the ids of `tokenizer.json`.
- txtai takes an ONNX file that returns embeddings. chromadb wants its six files in one flat folder.
- TensorFlow's C++ loader is a program of 70 lines, compiled against the installed TensorFlow, which opens
  `models/NAME/1` as TF Serving does.
"""


if __name__ == "__main__":
    main()
