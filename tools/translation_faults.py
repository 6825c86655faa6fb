"""Faults in the graphs of other people's SavedModels: what a translator gets wrong, and what it should compute.

Each is a pair of functions of the same signature. The graph of the wrong one is judged as if it were made from the
SavedModel of the right one; that of the right one must agree.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import corpus_modules
import flow_faults
import tensorflow as tf
import value_faults
from value_faults import Function

from bertferry.core.errors import BertferryError
from bertferry.export import OnnxOptions, export_onnx
from bertferry.export.onnx.parity_check import check_parity
from bertferry.export.onnx.saved_model_source import SavedModelSource

KINDS = {
    "integers": value_faults.integers,
    "comparisons": value_faults.comparisons,
    "indices": value_faults.indices,
    "branches": flow_faults.branches,
    "loops": flow_faults.loops,
    "state": flow_faults.state,
    "shapes": flow_faults.shapes,
    "floats": value_faults.floats,
}


@dataclass(frozen=True)
class TranslationFault:
    """A fault by kind and name: what should be computed, what is computed, of which inputs and weights."""

    kind: str
    name: str
    right: Function
    wrong: Function
    specs: tuple[tf.TensorSpec, ...]
    tracked: tuple[tf.Variable, ...]


def translation_faults() -> Iterator[TranslationFault]:
    """Yields every fault."""
    for kind, pairs in KINDS.items():
        for name, right, wrong, specs, *tracked in pairs():
            yield TranslationFault(kind, name, right, wrong, specs, tuple(tracked))


def judge(fault: TranslationFault, folder: Path) -> tuple[str, str]:
    """What becomes of the right graph and of the wrong one: `agrees`, `caught`, or `refused` with the reason."""
    saved = folder / "right"
    corpus_modules.save(lambda: (fault.right, list(fault.specs), list(fault.tracked)), saved)
    corpus_modules.save(lambda: (fault.wrong, list(fault.specs), list(fault.tracked)), folder / "wrong")
    source = SavedModelSource(saved, "serving_default")
    return _verdict(source, saved, folder), _verdict(source, folder / "wrong", folder)


def _verdict(source: SavedModelSource, exported: Path, folder: Path) -> str:
    file = folder / f"{exported.name}.onnx"
    try:
        export_onnx(file, OnnxOptions(verify=False), saved_model=exported)
        return "agrees" if check_parity(source, file, file, OnnxOptions()).ok else "caught"
    except BertferryError as error:
        return f"refused: {error}"
