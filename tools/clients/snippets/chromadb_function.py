"""chromadb: its ONNX function, with the six files that it looks for in one flat folder."""

import tempfile
from pathlib import Path

import numpy as np
from chromadb.utils.embedding_functions import ONNXMiniLM_L6_V2

FILES = ("config.json", "special_tokens_map.json", "tokenizer_config.json", "tokenizer.json", "vocab.txt")


def outputs(folder: Path, sentences: list[str], model_file: str) -> np.ndarray:
    with tempfile.TemporaryDirectory() as temporary:
        flat = Path(temporary) / ONNXMiniLM_L6_V2.EXTRACTED_FOLDER_NAME
        flat.mkdir()
        for name in FILES:
            (flat / name).symlink_to(folder.absolute() / name)
        (flat / "model.onnx").symlink_to(folder.absolute() / model_file)
        ONNXMiniLM_L6_V2.DOWNLOAD_PATH = temporary
        return np.array(ONNXMiniLM_L6_V2()(sentences))
