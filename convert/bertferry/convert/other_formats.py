"""Files of models that are not read, known by their names: what they are, and the way out."""

from fnmatch import fnmatchcase
from pathlib import Path

from bertferry.core.errors import UsageError

ITS_CHECKPOINT = "give the checkpoint that it was made from"
AS_SAFETENSORS = "save its arrays with safetensors.numpy.save_file"
CONVERTER = "zero_to_fp32.py"
OTHERS = {
    CONVERTER: ("a checkpoint of DeepSpeed", "run it and give the file that it writes"),
    "*.distcp": ("a part of a checkpoint of torch.distributed", "merge the parts with accelerate merge-weights"),
    "*.npz": ("a file of NumPy", AS_SAFETENSORS),
    "*.npy": ("a file of NumPy", AS_SAFETENSORS),
    "*.pickle": ("a pickle", AS_SAFETENSORS),
    "*.joblib": ("a pickle", AS_SAFETENSORS),
    "*.onnx": ("an ONNX graph", ITS_CHECKPOINT),
    "*.gguf": ("a model of llama.cpp", ITS_CHECKPOINT),
    "*.ggml": ("a model of llama.cpp", ITS_CHECKPOINT),
    "*.tflite": ("a LiteRT graph, which verify-parity compares", ITS_CHECKPOINT),
    "*.mlmodel": ("a Core ML model", ITS_CHECKPOINT),
    "*.mlpackage": ("a Core ML model", ITS_CHECKPOINT),
    "openvino*.xml": ("an OpenVINO graph", ITS_CHECKPOINT),
    "*.engine": ("an engine of TensorRT", ITS_CHECKPOINT),
    "*.pte": ("an ExecuTorch program", ITS_CHECKPOINT),
    "*.pb": ("a TensorFlow graph", "give the folder of a SavedModel, or the checkpoint that it was made from"),
    "*.ot": ("weights of rust-bert", ITS_CHECKPOINT),
    "*.pdparams": ("weights of PaddlePaddle", ITS_CHECKPOINT),
    "*.pdmodel": ("a PaddlePaddle graph", ITS_CHECKPOINT),
    "*.params": ("weights of MXNet or MegEngine", ITS_CHECKPOINT),
    **{f"*.{name}": ("a compressed file", "decompress it") for name in ("gz", "bz2", "xz", "zst")},
    "*.nemo": ("an archive of NeMo", "unpack it with tar and give the weights in it"),
}
"""Names as globs."""


def is_other(path: Path) -> bool:
    """Whether the name is that of such a file."""
    return any(fnmatchcase(path.name.lower(), glob) for glob in OTHERS)


def check_known(path: Path) -> None:
    """Refuses such a file by what it is.

    Raises:
      UsageError: it is one.
    """
    for glob, (kind, way_out) in OTHERS.items():
        if fnmatchcase(path.name.lower(), glob):
            raise UsageError(f"{path}: not read: {kind}", way_out)


def check_known_in(directory: Path) -> None:
    """Refuses a folder without a checkpoint by what it or a file in it is.

    Raises:
      UsageError: one is such a file.
    """
    for path in (directory, directory / CONVERTER, *sorted(directory.iterdir())):
        if path.exists():
            check_known(path)
