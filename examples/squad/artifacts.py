"""What a trained span labeler is exported as, and the scores that each file gives."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from bertferry.core.progress import ProgressCallback
from bertferry.core.tasks import ENCODER_INPUTS, TASKS
from bertferry.export import ModuleOptions, export_hub_module
from bertferry.export.options import ONNX_FILES
from bertferry.verify import ParityOptions, verify_parity
from bertferry.verify.resolution import resolve_artifact

CHECKPOINT, MODULE, TASK = "checkpoint", "module", "span"


def export(folder: Path, progress: ProgressCallback) -> list[str]:
    """Exports the checkpoint in a folder as a span module with ONNX files; returns what there is now, by its path.

    Raises:
      BertferryError: it cannot be written, or does not agree.
    """
    options = ModuleOptions(task=TASK, onnx=tuple(ONNX_FILES))
    export_hub_module(folder / CHECKPOINT, folder / MODULE, options, overwrite=True, progress=progress)
    return [MODULE, *(f"{MODULE}/onnx/{name}" for name in ONNX_FILES.values())]


def parity(folder: Path, name: str, progress: ProgressCallback) -> str:
    """What `verify-parity` says of an exported file beside the checkpoint."""
    options = ParityOptions(task=TASK)
    return verify_parity(folder / CHECKPOINT, [folder / name], options, progress=progress).verdict()


def scorer(path: Path) -> Callable[[dict[str, np.ndarray]], Sequence[np.ndarray]]:
    """What computes the scores of first and last tokens from a file."""
    runner = resolve_artifact(path, TASK).open()
    first, last = TASKS[TASK].output_names

    def score(batch: dict[str, np.ndarray]) -> Sequence[np.ndarray]:
        outputs = runner.run({name: batch[name] for name in ENCODER_INPUTS})
        return outputs[first], outputs[last]

    return score
