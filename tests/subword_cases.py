"""Folders of tokenizers that are not of word pieces, and the ids that transformers gives with them."""

import json
import shutil
from base64 import b64decode
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import load_file, save_file

FIXTURES = Path(__file__).parent / "fixtures"
STORED = FIXTURES / "texts" / "subwords.json"
"""Written by `tools/subword_tokenizers.py`: vocabularies, texts and their ids by case."""
ROWS, POSITIONS = 400, 40
"""Of the token embedding tables, and the longest sequences."""
SOURCES = {"albert": "hf_albert_pretrain_L2", "roberta": "hf_roberta_core_L2"}
"""The checkpoints, by architecture; those of RoBERTa's tables are that."""
BYTES = ("vocab.json", "merges.txt")
ROBERTA = {"tokenizer_class": "RobertaTokenizer"}
MASK = {"content": "<mask>", "lstrip": True, "rstrip": False, "normalized": False, "single_word": False}
CASES: dict[str, Any] = {
    "roberta without a configuration": ("roberta", BYTES, {}),
    "roberta of Fast": ("roberta", BYTES, {"tokenizer_config.json": {"tokenizer_class": "RobertaTokenizerFast"}}),
    "roberta with a blank before texts": (
        "roberta",
        BYTES,
        {"tokenizer_config.json": {**ROBERTA, "add_prefix_space": True, "model_max_length": 12}},
    ),
    "roberta with another mask": ("roberta", BYTES, {"special_tokens_map.json": {"mask_token": MASK}}),
    "roberta with added tokens": (
        "roberta",
        BYTES,
        {"tokenizer_config.json": ROBERTA, "added_tokens.json": {"<ent>": 301, "encoder": 300}},
    ),
    "roberta cut on the left": (
        "roberta",
        BYTES,
        {"tokenizer_config.json": {**ROBERTA, "truncation_side": "left", "padding_side": "left"}},
    ),
    "xlm-roberta": ("xlm-roberta", ("sentencepiece.bpe.model",), {}),
    "xlm-roberta without a blank before texts": (
        "xlm-roberta",
        ("sentencepiece.bpe.model",),
        {"tokenizer_config.json": {"tokenizer_class": "XLMRobertaTokenizer", "add_prefix_space": False}},
    ),
    "camembert": ("camembert", ("sentencepiece.bpe.model",), {}),
    "albert": ("albert", ("spiece.model",), {}),
    "albert cased": (
        "albert",
        ("spiece.model",),
        {
            "tokenizer_config.json": {
                "tokenizer_class": "AlbertTokenizer",
                "do_lower_case": False,
                "keep_accents": True,
            }
        },
    ),
}
"""By name: the architecture, the vocabulary, and what further files say."""


@cache
def stored():
    """The vocabularies, the texts, and their ids by case."""
    return json.loads(STORED.read_text(encoding="utf-8"))


def write_vocabulary(folder, architecture, names):
    """Writes the files of a vocabulary."""
    contents = stored()["vocabularies"]["albert" if architecture == "albert" else "others"]
    for name in names:
        content = b64decode(contents["model"]) if name.endswith(".model") else contents[name].encode()
        (folder / name).write_bytes(content)


def write_source(folder, architecture):
    """Writes a checkpoint of an architecture with `ROWS` rows, and returns its folder."""
    source = FIXTURES / "golden" / SOURCES["albert" if architecture == "albert" else "roberta"]
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(source / "model.safetensors", folder)
    config = json.loads((source / "config.json").read_text())
    offset = 0 if architecture == "albert" else config["pad_token_id"] + 1
    sizes = {"vocab_size": ROWS, "max_position_embeddings": POSITIONS + offset, "model_type": architecture}
    (folder / "config.json").write_text(json.dumps({**config, **sizes}))
    tensors = load_file(folder / "model.safetensors")
    rows = {"word_embeddings.weight": ROWS, "position_embeddings.weight": POSITIONS + offset}
    rows |= {"predictions.bias": ROWS, "predictions.decoder.bias": ROWS, "predictions.decoder.weight": ROWS}
    for name in tensors:
        for suffix, count in rows.items():
            if name.endswith(suffix):
                tensors[name] = np.resize(tensors[name], (count, *tensors[name].shape[1:]))
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    return folder


def write_case(folder, name):
    """Writes the folder of a case, and returns it."""
    architecture, vocabulary, files = CASES[name]
    write_source(folder, architecture)
    write_vocabulary(folder, architecture, vocabulary)
    for file, content in files.items():
        (folder / file).write_text(json.dumps(content), encoding="utf-8")
    return folder
