"""Measures what eight bits do to the embeddings of sentences, by setting, and prints the table of docs/onnx.md.

Usage: quantization.py MODEL

MODEL is a BERT with a tokenizer whose embeddings are means, such as the folder of all-MiniLM-L6-v2. Its graph is
quantized in each way and run by ONNX Runtime on `sentences.py`; processor time is that of one thread, 128 tokens.
"""

import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from onnxruntime.quantization import QuantType, quantize_dynamic
from provenance import provenance
from sentences import sentences

from bertferry.convert import open_checkpoint
from bertferry.core.onnx_files.attention import averaging_kernels
from bertferry.core.onnx_files.quantized_graph import QuantizedGraph
from bertferry.core.quiet import hold_back_stderr
from bertferry.core.tasks import ENCODER_INPUTS
from bertferry.export import OnnxOptions, export_onnx
from bertferry.verify.artifact import checkpoint_artifact
from bertferry.verify.metrics import lowest_cosine, rank_correlation
from bertferry.verify.probes import Probe
from bertferry.verify.texts import text_probes

LENGTH, REPEATS, ROUNDS = 128, 10, 5
KINDS = ("query", "key", "value", "attention/output", "intermediate")
"""Of products, as the names of their kernels show; the last one of a layer is none of these."""


def main() -> None:
    model = Path(sys.argv[1])
    probes = text_probes(sentences(), [checkpoint_artifact(open_checkpoint(model), "encoder")])
    with tempfile.TemporaryDirectory() as folder:
        files = dict(write_files(model, Path(folder)))
        embeddings = {name: embed(path, probes) for name, path in files.items()}
        times = processor_times(list(files.values()))
        sizes = [path.stat().st_size for path in files.values()]
    count = len(next(iter(embeddings.values())))
    print(f"Measured by `python tools/quantization.py MINILM` on {count} sentences ({provenance()}):\n")
    print("| weights in eight bits | size, MB | size | processor time | lowest cosine | rank correlation |")
    print("|---|---|---|---|---|---|")
    reference = embeddings["none: float32"]
    for (name, got), size, spent in zip(embeddings.items(), sizes, times, strict=True):
        shares = f"{size / 1e6:.1f} | {size / sizes[0]:.2f} | {spent / times[0]:.2f}"
        print(
            f"| {name} | {shares} | {lowest_cosine(reference, got):.4f} | {rank_correlation(reference, got):.4f} |"
        )


def contains(part: str, name: str) -> bool:
    return part in name


def write_files(model: Path, folder: Path) -> Iterator[tuple[str, Path]]:
    """The graph in float32 and in each setting, by its description."""

    def export(name: str, precision: str = "fp32", optimize: str = "none") -> Path:
        path = folder / f"{name}.onnx"
        options = OnnxOptions(names="tensorflow", verify=False, precision=precision, optimize=optimize)
        export_onnx(path, options, checkpoint=model)
        return path

    full = export("full")
    yield "none: float32", full
    for name, reduced in (("ONNX Runtime's tool, seven bits", True), ("ONNX Runtime's tool, eight bits", False)):
        path = folder / f"{reduced}.onnx"
        quantize_dynamic(full, path, per_channel=True, reduce_range=reduced, weight_type=QuantType.QInt8)
        yield name, path
    yield "every product", write_with(full, folder / "every.onnx", lambda _: False)
    for kind in KINDS:
        path = folder / f"{kind.replace('/', '-')}.onnx"
        yield f"all but {kind}", write_with(full, path, partial(contains, f"{kind}/kernel"))
    path = folder / "output.onnx"
    yield "all but output", write_with(full, path, lambda name: not any(kind in name for kind in KINDS))
    yield "**`--precision int8`**", export("eight", precision="int8")
    yield "**`--precision int8 --optimize ort`**", export("fused", precision="int8", optimize="ort")


def write_with(full: Path, path: Path, is_kept: Callable[[str], bool]) -> Path:
    """The graph with every product in eight bits except those whose kernels are kept."""
    model = onnx.load(full)
    kernels = {tensor.name for tensor in model.graph.initializer if tensor.name.endswith("/kernel")}
    assert averaging_kernels(model.graph) == {name for name in kernels if "value/" in name}
    QuantizedGraph(model.graph, model.opset_import[0].version, set(filter(is_kept, kernels))).rewrite()
    onnx.save(model, path)
    return path


def embed(path: Path, probes: Sequence[Probe]) -> np.ndarray:
    """Means of the unmasked vectors, one per text."""
    session = open_session(path)
    rows = []
    for probe in probes:
        (vectors,) = session.run(["sequence_output"], dict(probe.inputs))
        mask = probe.inputs["input_mask"][..., np.newaxis]
        rows.append((vectors.astype(np.float64) * mask).sum(axis=1) / mask.sum(axis=1))
    return np.concatenate(rows)


def processor_times(paths: Sequence[Path]) -> list[float]:
    """The least processor seconds of each file; all take turns."""
    ids = np.random.default_rng(0).integers(1000, 20000, (1, LENGTH)).astype(np.int32)
    inputs = dict(zip(ENCODER_INPUTS, (ids, np.ones_like(ids), np.zeros_like(ids)), strict=True))
    sessions = [open_session(path) for path in paths]
    least = [np.inf] * len(paths)
    for _ in range(ROUNDS):
        for place, session in enumerate(sessions):
            session.run(["sequence_output"], inputs)
            started = time.process_time()
            for _ in range(REPEATS):
                session.run(["sequence_output"], inputs)
            least[place] = min(least[place], (time.process_time() - started) / REPEATS)
    return least


def open_session(path: Path) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


if __name__ == "__main__":
    with hold_back_stderr():
        main()
