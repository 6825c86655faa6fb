"""OpenVINO: an ONNX file or a SavedModel, read by its own frontends."""

from pathlib import Path

import numpy as np
import openvino
from texts import embed, tokenize

NAMES = {"input_ids": "input_word_ids", "attention_mask": "input_mask", "token_type_ids": "input_type_ids"}


def outputs(folder: Path, sentences: list[str], output: str, model: str) -> np.ndarray:
    compiled = openvino.Core().compile_model(folder / model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    wanted = {name for port in compiled.inputs for name in port.get_names()}
    tokens = tokenize(folder, sentences)
    inputs = {name if name in wanted else NAMES[name]: values for name, values in tokens.items()}
    if "input_ids" not in inputs:
        inputs = {name: values.astype(np.int32) for name, values in inputs.items()}
    return embed(compiled(inputs)[output], tokens["attention_mask"])
