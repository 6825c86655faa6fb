"""Makes SavedModels of many kinds, exports each, and prints docs/saved-models.md.

Usage: saved_models.py [--stock] [NAME...] > docs/saved-models.md

Each ends in a file that equals TensorFlow on the probes, or in one line. --stock also converts each with
`python -m tf2onnx.convert` and compares that file on the same probes.
"""

import argparse
import multiprocessing
import os
import runpy
import sys
import tempfile
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from unittest.mock import patch

import corpus_control
import corpus_functions
import corpus_layers
import corpus_modules
import tensorflow as tf
from provenance import provenance

from bertferry.core.errors import BertferryError, DataError, first_line
from bertferry.core.quiet import hold_back_stderr, own_stderr
from bertferry.export.onnx.exporter import export_onnx
from bertferry.export.onnx.input_roles import Input
from bertferry.export.onnx.lift import LiftedGraph
from bertferry.export.onnx.loaded_signature import LoadedSignature
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
  handlers in `tf2onnx_compat.py` say which, and why). Random operations and comparisons of texts
  are refused by name, with and without `--no-verify`.
- Lookup tables that the signature only reads become `LabelEncoder` of `ai.onnx.ml`, the only operation outside
  `ai.onnx`; one that it changes is refused.
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
of which {right} became files that equal TensorFlow.{lost}

| SavedModel | `export-onnx` |{stock}
|---|---|{rule}"""


LOST = """ The last column is tf2onnx's own command, compared on the
same probes: {lost} of its right files are not written here."""


@dataclass(frozen=True)
class Outcome:
    """Whether a file is right, and what about it."""

    right: bool
    text: str


class StockSignature(LoadedSignature):
    """A signature, of whose inputs nothing is known if its graph is one that is refused here."""

    @cached_property
    def graph(self) -> LiftedGraph:
        """Its graph, or what its interface says."""
        try:
            return super().graph
        except DataError:
            specs = self.function.structured_input_signature[1].items()
            inputs = (Input(name, _shape(spec), spec.dtype, None, False, False) for name, spec in specs)
            return LiftedGraph(tf.compat.v1.GraphDef(), {}, {}, {}, tuple(inputs))


class StockSource(SavedModelSource):
    """A SavedModel with such a signature."""

    def __init__(self, path: Path, signature: str) -> None:
        self._signature = StockSignature(path, signature)


def _shape(spec: tf.TensorSpec) -> tuple[int | None, ...]:
    return (None, None) if spec.shape.rank is None else tuple(spec.shape.as_list())


def corpus() -> Mapping[str, Save]:
    """What saves each SavedModel, by name."""
    models: dict[str, Save] = {}
    for name, build in corpus_layers.MODELS.items():
        for version in (2, 3):
            models[f"Keras {version}: {name}"] = partial(corpus_layers.save, build, version)
    for name, (version, build) in corpus_layers.ONLY.items():
        models[f"Keras {version}: {name}"] = partial(corpus_layers.save, build, version)
    modules = {**corpus_modules.MODULES, **corpus_control.MODULES, **corpus_functions.MODULES}
    for name, make in modules.items():
        models[f"tf.Module: {name}"] = partial(corpus_modules.save, make)
    models["TensorFlow 1"] = corpus_control.save_tf1
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
    command = ["tf2onnx.convert", "--saved-model", str(saved), "--output", str(file), "--opset", "18"]
    try:
        with patch.object(sys, "argv", command):
            runpy.run_module("tf2onnx.convert", run_name="__main__", alter_sys=True)
    except (Exception, SystemExit) as error:  # whatever it stumbles over
        return Outcome(False, f"{type(error).__name__}: {first_line(error)}")
    try:
        report = check_parity(StockSource(saved, "serving_default"), file, file, OnnxOptions())
    except BertferryError as error:
        return Outcome(False, f"not compared: {error}".replace(str(file), "FILE"))
    return Outcome(report.ok, "right" if report.ok else f"wrong: {report.verdict()}".replace(str(file), "FILE"))


def outcomes(name: str, *, stock: bool) -> list[Outcome]:
    """What becomes of a SavedModel of the corpus here and, if asked for, with stock tf2onnx."""
    with tempfile.TemporaryDirectory() as folder:
        saved = Path(folder) / "saved"
        corpus()[name](saved)
        ours = export(saved, Path(folder) / "ours.onnx")
        return [ours, convert_with_stock(saved, Path(folder) / "stock.onnx")] if stock else [ours]


def main() -> None:
    """Runs the corpus in as many processes as there are cores, and prints the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--stock", action="store_true", help="also convert with tf2onnx's own command")
    parser.add_argument("names", nargs="*", help="parts of names; default: all")
    arguments = parser.parse_args()
    stock = arguments.stock
    parts = arguments.names or [""]
    names = [name for name in corpus() if any(part in name for part in parts)]
    rows: list[str] = []
    right = lost = 0
    # Spawned, since TensorFlow does not survive a fork.
    with ProcessPoolExecutor(os.cpu_count(), multiprocessing.get_context("spawn")) as pool:
        for name, made in zip(names, pool.map(partial(outcomes, stock=stock), names), strict=True):
            print(name, file=own_stderr())
            right += made[0].right
            lost += stock and made[1].right and not made[0].right
            cells = [name, *(outcome.text for outcome in made)]
            rows.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    print(
        PAGE.format(
            flags=" --stock" if stock else "",
            made=provenance(),
            count=len(rows),
            right=right,
            lost=LOST.format(lost=lost) if stock else "",
            stock=" `python -m tf2onnx.convert` |" if stock else "",
            rule="---|" if stock else "",
        )
    )
    print("\n".join(rows))


if __name__ == "__main__":
    with hold_back_stderr():
        main()
