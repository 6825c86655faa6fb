"""Makes SavedModels of many kinds, exports each, and prints docs/saved-models.md.

Usage: saved_models.py [--stock] [--keep DIR] [NAME...]

Each ends in a file that equals TensorFlow on the probes, or in one line. --stock also converts each with
`python -m tf2onnx.convert` and compares that file on the same probes.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import corpus_layers
import corpus_modules

from bertferry.core.errors import BertferryError, first_line
from bertferry.core.quiet import hold_back_stderr
from bertferry.export.onnx.exporter import check_parity
from bertferry.export.onnx.options import OnnxOptions
from bertferry.export.onnx.saved_model_source import SavedModelSource

Save = Callable[[Path], None]


@dataclass(frozen=True)
class Outcome:
    """Whether a file was written, what about it, and the processor seconds."""

    right: bool
    text: str
    seconds: float


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
    from bertferry.export.onnx.exporter import export_onnx

    start = time.process_time()
    try:
        report = export_onnx(file, saved_model=saved)
    except BertferryError as error:
        return Outcome(False, str(error).replace(str(saved), "DIR").replace(str(file), "FILE"), 0.0)
    return Outcome(True, report.verdict, time.process_time() - start)


def convert_with_stock(saved: Path, file: Path) -> Outcome:
    """Converts a SavedModel with tf2onnx's own command, and compares the file with its source."""
    command = [sys.executable, "-m", "tf2onnx.convert", "--saved-model", str(saved)]
    command += ["--output", str(file), "--opset", "17"]
    done = subprocess.run(command, capture_output=True, text=True)
    if not file.exists():
        lines = [line for line in done.stderr.splitlines() if line.strip()]
        return Outcome(False, lines[-1] if lines else "no file", 0.0)
    try:
        source = SavedModelSource(saved, "serving_default")
        report = check_parity(source, file, file, OnnxOptions())
    except BertferryError as error:
        return Outcome(False, first_line(error), 0.0)
    return Outcome(report.ok, "right" if report.ok else f"wrong: {report.verdict()}", 0.0)


def main() -> None:
    """Runs the corpus and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--stock", action="store_true", help="also convert with tf2onnx's own command")
    parser.add_argument("--keep", metavar="DIR", type=Path, help="folder to keep the SavedModels in")
    parser.add_argument("names", nargs="*", help="parts of names; default: all")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments.keep or Path(temporary)
        for name, save in corpus().items():
            if arguments.names and not any(part in name for part in arguments.names):
                continue
            saved = folder / name.replace(" ", "_").replace(":", "").replace(",", "")
            with hold_back_stderr():
                if not saved.exists():
                    save(saved)
                ours = export(saved, Path(temporary) / "ours.onnx")
                (Path(temporary) / "ours.onnx").unlink(missing_ok=True)
                stock = convert_with_stock(saved, Path(temporary) / "stock.onnx") if arguments.stock else None
                (Path(temporary) / "stock.onnx").unlink(missing_ok=True)
            row = [name, ours.text, *([stock.text] if stock else [])]
            print("| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |", flush=True)


if __name__ == "__main__":
    main()
