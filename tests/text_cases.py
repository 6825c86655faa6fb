"""Folders of tokenizers as people have them, and the ids that transformers gives with them."""

import json
import shutil
from pathlib import Path

import numpy as np
from judges import Judge
from safetensors.numpy import load_file, save_file

from bertferry.convert import SourceOptions
from bertferry.convert.locate import locate
from bertferry.convert.tokenizer.reader import read_tokenizer
from bertferry.convert.tokenizer.writer import backend_json
from bertferry.convert.vocabulary import read_vocabulary

tokenizers = Judge("tokenizers")

TEXTS = Path(__file__).parent / "fixtures" / "texts"
CASES = json.loads((TEXTS / "cases.json").read_text(encoding="utf-8"))
"""By name: further files of the folder, texts, their ids cut at `length`, or `refuse`; what is exported."""
GENUINE = json.loads((TEXTS / "genuine.json").read_text(encoding="utf-8"))["cases"]
"""Written by `tools/tokenizer_cases.py`."""
ROWS, POSITIONS = 230, 64
"""Of the encoder for which a tokenizer is read."""
WORDS = (TEXTS / "vocab.txt").read_text(encoding="utf-8").split("\n")[:-1]


def write_case(folder, files, words=WORDS):
    """Writes the folder of a case, and returns it."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("config.json", "model.safetensors"):
        shutil.copy(TEXTS / name, folder)
    (folder / "vocab.txt").write_text("".join(f"{word}\n" for word in words), encoding="utf-8")
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        if content is None:
            path.unlink()
        elif isinstance(content, str):
            path.write_text(content, encoding="utf-8")
        else:
            if name == "tokenizer.json" and "vocab" not in content["model"]:
                vocabulary = {word: number for number, word in enumerate(words)}
                content = {**content, "model": {**content["model"], "vocab": vocabulary}}
            path.write_text(json.dumps(content), encoding="utf-8")
    if "config.json" in files:
        _resize(folder / "model.safetensors", files["config.json"]["vocab_size"])
    return folder


def _resize(path, rows):
    """Gives the token embedding table as many rows."""
    tensors = load_file(path)
    name = next(name for name in tensors if name.endswith("word_embeddings.weight"))
    tensors[name] = np.resize(tensors[name], (rows, tensors[name].shape[1]))
    save_file(tensors, path, metadata={"format": "pt"})


def read(folder, **stated):
    """What is read of the tokenizer in a folder, for an encoder with rows for added tokens."""
    location, options = locate(folder), SourceOptions(**stated)
    vocabulary = None if location.vocabulary is None else read_vocabulary(location.vocabulary, ROWS)
    return read_tokenizer(location, vocabulary, options, positions=POSITIONS, types=2)


def ids(tokenizer, texts, seconds=None, length=None):
    """The ids by the library tokenizers, from the file that is written."""
    backend = tokenizers.Tokenizer.from_str(json.dumps(backend_json(tokenizer)))
    backend.encode_special_tokens = not tokenizer.finds_special_tokens
    backend.enable_truncation(length or tokenizer.max_length or POSITIONS, direction=tokenizer.truncation_side)
    return [
        row.ids
        for row in backend.encode_batch(list(texts) if seconds is None else [*zip(texts, seconds, strict=True)])
    ]
