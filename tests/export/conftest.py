import json
import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from closeness import assert_close
from families import write_family, write_manifest

from bertferry.convert import ConversionOptions, convert_checkpoint
from bertferry.export import ReleaseOptions, export_hub_module, release_models

GOLDENS = {
    "encoder": ("tf1_core_L2", {"sequence_output": "seq", "pooled_output": "pooled"}),
    "classifier": ("tf1_cls_L2", {"logits": "logits"}),
    "tokens": ("hf_token_L2", {"logits": "logits"}),
    "span": ("tf1_squad_L2", {"start_logits": "start", "end_logits": "end"}),
    "mlm": ("tf1_pretrain_L2", {"mlm_logits": "mlm_logp"}),
    "pretrainer": ("tf1_pretrain_L2", {"mlm_logits": "mlm_logp", "nsp_logits": "nsp_logp"}),
}
INPUTS = {"input_word_ids": "ids", "input_mask": "mask", "input_type_ids": "seg", "masked_lm_positions": "pos"}


@dataclass(frozen=True)
class Reference:
    """A task's checkpoint, and what TF 1.15.5 computed from it: int32 inputs and outputs by name."""

    source: Path
    inputs: dict[str, np.ndarray]
    outputs: dict[str, np.ndarray]
    log_probabilities: frozenset[str]

    def check(self, got, profile="fp32"):
        """Asserts that outputs by name are close to the stored ones, and that none of those is missing."""
        for name, want in self.outputs.items():
            value = log_softmax(np.asarray(got[name])) if name in self.log_probabilities else got[name]
            assert_close(value, want, profile)


def log_softmax(logits):
    flat = logits.reshape(-1, logits.shape[-1]).astype(np.float64)
    return (flat - np.log(np.exp(flat).sum(axis=-1, keepdims=True))).astype(np.float32)


@pytest.fixture(scope="session")
def references(golden):
    """A `Reference` by task."""

    def reference(task):
        source, outputs = GOLDENS[task]
        with np.load(golden / f"{source}.npz") as stored:
            inputs = {name: stored[key].astype(np.int32) for name, key in INPUTS.items() if key in stored}
            expected = {name: stored[key] for name, key in outputs.items()}
        logs = frozenset(name for name, key in outputs.items() if key.endswith("logp"))
        return Reference(golden / source, inputs, expected, logs)

    return {task: reference(task) for task in GOLDENS}


@pytest.fixture(scope="session")
def module(golden, tmp_path_factory):
    """A Hub module of the golden encoder."""
    output = tmp_path_factory.mktemp("hub") / "module"
    export_hub_module(golden / "tf1_core_L2", output)
    return output


@pytest.fixture(scope="session")
def text_source(golden, tmp_path_factory):
    """The golden encoder with a vocabulary of its size next to it."""
    source = tmp_path_factory.mktemp("text") / "source"
    shutil.copytree(golden / "tf1_core_L2", source)
    write_vocabulary(source)
    return source


def write_vocabulary(folder):
    """Writes a `vocab.txt` as long as the token embedding table of the checkpoint in the folder."""
    config = next(folder / name for name in ("bert_config.json", "config.json") if (folder / name).is_file())
    rows = json.loads(config.read_text())["vocab_size"]
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *(f"word{number}" for number in range(rows - 5))]
    (folder / "vocab.txt").write_text("\n".join(words) + "\n")


@pytest.fixture(scope="session")
def garden_module(golden, tmp_path_factory):
    """The golden encoder exported by tf-models-official 2.20 in its own environment."""
    python = os.environ.get("BERTFERRY_GARDEN_PYTHON")
    if not python:
        pytest.skip("set BERTFERRY_GARDEN_PYTHON to a Python with tf-models-official 2.20.0")
    folder = tmp_path_factory.mktemp("garden")
    source = folder / "checkpoint"
    convert_checkpoint(golden / "tf1_core_L2", source, ConversionOptions(to="garden_v1"))
    write_vocabulary(source)
    command = [python, "-m", "official.nlp.tools.export_tfhub", "--export_type=model", "--do_lower_case=True"]
    command += [f"--bert_config_file={source}/bert_config.json", f"--vocab_file={source}/vocab.txt"]
    command += [f"--model_checkpoint_path={source}/bert_model.ckpt", f"--export_path={folder}/module"]
    subprocess.run(command, check=True, capture_output=True)
    return folder / "module"


@pytest.fixture(scope="session")
def text_sources(references, tmp_path_factory):
    """The golden checkpoint of each task with a vocabulary of its size next to it."""
    folder = tmp_path_factory.mktemp("sources")
    for task, reference in references.items():
        write_vocabulary(shutil.copytree(reference.source, folder / task))
    return {task: folder / task for task in references}


@pytest.fixture(scope="session")
def two_layers_of_minilm(minilm, tmp_path_factory):
    """The first two of the six layers of all-MiniLM-L6-v2: real weights, in a third of the time."""
    from safetensors.numpy import load_file, save_file

    folder = tmp_path_factory.mktemp("minilm") / "minilm"
    shutil.copytree(minilm, folder)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "num_hidden_layers": 2}))
    tensors = load_file(folder / "model.safetensors")
    kept = {name: tensor for name, tensor in tensors.items() if not re.search(r"layer\.[2-5]\.", name)}
    save_file(kept, folder / "model.safetensors", metadata={"format": "pt"})
    return folder


@pytest.fixture(scope="session")
def expected(golden):
    """What TF 1.15.5 computed for `golden_inputs`."""
    with np.load(golden / "tf1_core_L2.npz") as stored:
        return {"sequence_output": stored["seq"], "pooled_output": stored["pooled"]}


@pytest.fixture
def export(tmp_path):
    """Saves and exports a function."""
    from saved_functions import Exported, save

    def export(function, specs, *tracked, **options):
        folder = tmp_path / str(len(list(tmp_path.iterdir())))
        return Exported(save(folder, function, specs, *tracked), folder / "m.onnx", **options)

    return export


@pytest.fixture(scope="session")
def released(golden, tmp_path_factory):
    """A family of four models and an ONNX file of one of them, released once."""
    folder = tmp_path_factory.mktemp("family")
    write_family(folder, golden, 3)
    shutil.copytree(golden / "tf1_core_L2", folder / "fourth")
    one = {"artifacts": ["graph", "keras"], "input": "fourth"}
    artifacts = {"graph": {"kind": "onnx"}, "keras": {"kind": "checkpoint", "to": "keras_bert"}}
    path = write_manifest(folder, {"input": "in/*"}, one, artifact=artifacts)
    report = release_models(path, folder / "out", ReleaseOptions(workers=2))
    assert report.run == {"unchanged": 0, "failed": 0, "released": 4}
    return folder


@pytest.fixture
def family(released, tmp_path):
    """A copy of it, to change."""
    shutil.copytree(released, tmp_path / "family")
    return tmp_path / "family"
