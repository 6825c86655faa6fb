"""The rows of the tables that a device fills: what runs on it, and how. tools/gpu measures them."""

from dataclasses import dataclass

ENGINES = {
    "keras": "Keras",
    "xla": "Keras in XLA",
    "onnx": "ONNX",
    "torch": "PyTorch",
}
"""What runs a network on a device; each has a process of its own."""
PROFILES = {"fp32": "fp32-cross", "tf32": "fp16", "fp16": "fp16", "bf16": "bf16"}
"""The profile that each precision has to fit on a GPU."""


@dataclass(frozen=True)
class Row:
    """A candidate: an engine, a precision, and for ONNX files the operations."""

    engine: str
    precision: str
    fused: bool = False

    def name(self, device: str) -> str:
        """As the tables call it: `ONNX, gpu, fp16, fused`."""
        parts = (ENGINES[self.engine], device, self.precision, *(["fused"] if self.fused else []))
        return ", ".join(parts)

    @property
    def profile(self) -> str:
        """The profile that it has to fit."""
        return PROFILES[self.precision]


ROWS = tuple(
    Row(engine, precision, fused)
    for engine in ENGINES
    for precision in PROFILES
    for fused in ((False, True) if engine == "onnx" and precision in ("fp32", "fp16") else (False,))
)
"""All candidates, in the order of the tables."""
MODELS = {"minilm": "all-MiniLM-L6-v2", "base": "A random BERT-base", "tiny": "A random tiny BERT"}
"""The models that are measured, with the titles of their tables; the last one is for tests of the tools."""
LATENCIES = tuple(
    Row(engine, precision, fused)
    for engine, precision, fused in (
        ("onnx", "fp32", False),
        ("onnx", "fp32", True),
        ("onnx", "fp16", False),
        ("onnx", "fp16", True),
        ("torch", "fp32", False),
        ("torch", "fp16", False),
    )
)
"""The candidates whose latency is measured."""
SHAPES = ((1, 128), (8, 128), (32, 128), (1, 512))
"""Rows and length of the inputs on which latency is measured."""
COLUMNS = {"calibration": 5, "latency": len(SHAPES)}
"""The cells of a row that are measured, by part."""
NOT_MEASURED = "not measured"


def unmeasured(part: str, reason: str = "") -> str:
    """The cells of a row that was not measured."""
    return NOT_MEASURED + (f": {reason}" if reason else "") + " |" * (COLUMNS[part] - 1)


def line(row: Row, part: str, device: str, cells: str, profile: str = "") -> str:
    """A row of a table as Markdown; the profile is that of a GPU unless another one is given."""
    first = f"| `{profile or row.profile}` " if part == "calibration" else ""
    return f"{first}| {row.name(device)} | {cells} |"


def empty_rows(part: str = "calibration") -> list[str]:
    """The rows of a table of a GPU before anything is measured."""
    rows = ROWS if part == "calibration" else LATENCIES
    return [line(row, part, "gpu", unmeasured(part)) for row in rows]
