"""Makes SavedModels of many kinds, exports each, and prints docs/saved-models.md.

Usage: saved_models.py [--stock] [--keep DIR] [NAME...] > docs/saved-models.md

Takes about 4 processor minutes, with --stock 15.

Each ends in a file that equals TensorFlow on the probes, or in one line. --stock also converts each with
`python -m tf2onnx.convert` and compares that file on the same probes.
"""

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import corpus_layers
import corpus_modules
from provenance import provenance

from bertferry.core.errors import BertferryError
from bertferry.core.quiet import hold_back_stderr
from bertferry.export.onnx.exporter import export_onnx
from bertferry.export.onnx.options import OnnxOptions
from bertferry.export.onnx.parity_check import check_parity
from bertferry.export.onnx.saved_model_source import SavedModelSource

Save = Callable[[Path], None]
TOLERANCE = " within fp32-cross (atol 0.0002, rtol 0.001)"


PAGE = """# What becomes of SavedModels in ONNX

`export-onnx --saved-model DIR --output FILE` translates one signature with tf2onnx, and compares the file with
TensorFlow before it takes its name.

- Weights are lifted out of the graph before it is translated, also through loops and branches, and each is
  written once. Weights of LSTM and GRU layers are constants, since tf2onnx recognizes these layers only then. If
  an operation needs a weight as a constant, up to 256 MB of weights are bound before the translation.
- What no output needs is dropped: counters, checks, prints. If an output depends on a variable that the
  signature changes, it is refused by name: an ONNX graph keeps no state from call to call.
- Operations that tf2onnx 1.17 translates to something else are rewritten (`export/onnx/rewrites.py` and the
  handlers in `tf2onnx_compat.py` say which, and why). Random operations, lookup tables and comparisons of texts
  are refused by name, with and without `--no-verify`.
- bfloat16, which ONNX Runtime lacks on a CPU, and for `--precision int8` float16 too, are computed in float32; the
  file is judged by the source's precision. Inputs and outputs keep their types.
- Nobody says which inputs a signature takes, so they are guessed: floats of several ranges, negative and large
  integers where they are no indices, first and last rows where they are, ties, zeros, ones, batches of one, free
  dimensions of several lengths, NaN and infinity where the graph looks for them. Inputs on which sizes or
  numbers of steps depend stay small. A batch that TensorFlow itself refuses is replaced by others; if it refuses
  all, the command asks for `--inputs FILE.npz`, an array for each input. Integers, flags and texts must be
  equal, and NaN and infinity be in the same places; absolute tolerances grow with the inputs.
- A ragged input has the names of its components: `x`, its values, and `x_1` and so on, the limits of its rows.

The table is the output of `python tools/saved_models.py{flags}` ({made}): {count} SavedModels,
of which {right} became files that equal TensorFlow.

| SavedModel | `export-onnx` |{stock}
|---|---|{rule}"""


@dataclass(frozen=True)
class Outcome:
    """Whether a file is right, and what about it."""

    right: bool
    text: str


def corpus() -> Mapping[str, Save]:
    """What saves each SavedModel, by name."""
    models: dict[str, Save] = {}
    for name, build in corpus_layers.MODELS.items():
        for version in (2, 3):
            models[f"Keras {version}: {name}"] = partial(corpus_layers.save, build, version)
    for name, make in corpus_modules.MODULES.items():
        models[f"tf.Module: {name}"] = partial(corpus_modules.save, make)
    return models


def export(saved: Path, file: Path) -> Outcome:
    """Exports a SavedModel."""
    try:
        report = export_onnx(file, saved_model=saved)
    except BertferryError as error:
        return Outcome(False, str(error).replace(str(saved), "DIR").replace(str(file), "FILE"))
    return Outcome(True, report.verdict.replace("AGREE", "equal").replace(TOLERANCE, ""))


def convert_with_stock(saved: Path, file: Path) -> Outcome:
    """Converts a SavedModel with tf2onnx's own command, and compares the file with its source."""
    command = [sys.executable, "-m", "tf2onnx.convert", "--saved-model", str(saved), "--output", str(file)]
    done = subprocess.run([*command, "--opset", "18"], capture_output=True, text=True)
    if not file.exists():
        lines = [line for line in done.stderr.splitlines() if line.strip()]
        return Outcome(False, lines[-1] if lines else "no file")
    try:
        source = SavedModelSource(saved, "serving_default")
        report = check_parity(source, file, file, OnnxOptions())
    except BertferryError as error:
        return Outcome(False, f"not compared: {error}".replace(str(file), "FILE"))
    return Outcome(report.ok, "right" if report.ok else f"wrong: {report.verdict()}".replace(str(file), "FILE"))


def main() -> None:
    """Runs the corpus and prints the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--stock", action="store_true", help="also convert with tf2onnx's own command")
    parser.add_argument("--keep", metavar="DIR", type=Path, help="folder to keep the SavedModels in")
    parser.add_argument("names", nargs="*", help="parts of names; default: all")
    arguments = parser.parse_args()
    rows: list[str] = []
    right = 0
    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments.keep or Path(temporary)
        for name, save in corpus().items():
            if arguments.names and not any(part in name for part in arguments.names):
                continue
            print(name, file=sys.stderr)
            saved = folder / name.replace(" ", "_").replace(":", "").replace(",", "")
            with hold_back_stderr():
                if not saved.exists():
                    save(saved)
                outcomes = [export(saved, Path(temporary) / "ours.onnx")]
                if arguments.stock:
                    outcomes.append(convert_with_stock(saved, Path(temporary) / "stock.onnx"))
            right += outcomes[0].right
            cells = [name, *(outcome.text for outcome in outcomes)]
            rows.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
            for file in Path(temporary).glob("*.onnx"):
                file.unlink()
    stock = arguments.stock
    print(
        PAGE.format(
            flags=" --stock" if stock else "",
            made=provenance(),
            count=len(rows),
            right=right,
            stock=" `python -m tf2onnx.convert` |" if stock else "",
            rule="---|" if stock else "",
        )
    )
    print("\n".join(rows))


if __name__ == "__main__":
    main()
