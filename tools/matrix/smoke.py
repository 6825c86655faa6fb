"""The shortest test that an installation of bertferry works: every command on tiny genuine checkpoints.

Usage: smoke.py base|cpu|tensorflow|together
       smoke.py CHECK FOLDER    (one of the checks by other libraries, in a process of its own)

Prints a line for every step and its output if it failed, and last how many succeeded. In commands, SOURCE and
PRETRAINED stand for golden checkpoints, OUT for a temporary folder.
"""

import importlib
import io
import json
import pkgutil
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterator
from contextlib import redirect_stderr, redirect_stdout
from functools import partial
from pathlib import Path

import numpy as np

GOLDEN = Path(__file__).parent.parent.parent / "tests/fixtures/golden"
SOURCE, PRETRAINED = GOLDEN / "tf1_core_L2", GOLDEN / "tf1_pretrain_L2"

COMMANDS = {
    "convert-checkpoint": "bertferry.convert.command",
    "export-hub-module": "bertferry.export.command",
    "export-litert": "bertferry.export.litert.command",
    "export-onnx": "bertferry.export.onnx.command",
    "verify-parity": "bertferry.verify.command",
}
"""The module of each command."""
CONVERSIONS = """
convert-checkpoint --input SOURCE --output OUT/keras_bert --to keras_bert
convert-checkpoint --input OUT/keras_bert --output OUT/tf_20 --to tf_20
convert-checkpoint --input OUT/tf_20 --output OUT/garden_v1 --to garden_v1
convert-checkpoint --input OUT/garden_v1 --output OUT/garden_v2 --to garden_v2
convert-checkpoint --input OUT/garden_v2 --output OUT/keras_names --to keras_names
convert-checkpoint --input OUT/keras_names --output OUT/huggingface --to huggingface
convert-checkpoint --input OUT/huggingface --output OUT/tf1 --to tf1
convert-checkpoint --input OUT/tf1 --output OUT/keras_hub --to keras_hub
convert-checkpoint --diff SOURCE OUT/tf1
convert-checkpoint --input PRETRAINED --inspect --json
"""
ONNX = """
export-onnx --checkpoint SOURCE --output OUT/fp32.onnx
export-onnx --checkpoint SOURCE --output OUT/ort.onnx --optimize ort
export-onnx --checkpoint SOURCE --output OUT/fp16.onnx --precision fp16
export-onnx --checkpoint SOURCE --output OUT/int8.onnx --precision int8
export-onnx --checkpoint PRETRAINED --output OUT/pretrainer.onnx --task pretrainer
verify-parity --reference SOURCE --candidate OUT/fp32.onnx --candidate OUT/ort.onnx --localize
"""
TENSORFLOW = """
export-hub-module --checkpoint SOURCE --output OUT/hub --vocab VOCAB --do-lower-case
export-hub-module --checkpoint SOURCE --output OUT/hub-bf16 --precision bf16 --vocab VOCAB --do-lower-case
export-hub-module --checkpoint PRETRAINED --output OUT/pretrainer --task pretrainer --vocab VOCAB --do-lower-case
export-hub-module --checkpoint SOURCE --output OUT/text --task text --pooling mean --vocab VOCAB --do-lower-case
export-hub-module --check OUT/hub
export-hub-module --check OUT/hub-bf16
export-hub-module --check OUT/pretrainer
export-hub-module --check OUT/text
export-hub-module --module OUT/hub --output OUT/hub-again
verify-parity --reference SOURCE --candidate OUT/hub --candidate OUT/hub-bf16 --profile bf16 --localize
export-onnx --saved-model OUT/hub --output OUT/saved.onnx
export-litert --checkpoint SOURCE --output OUT/fp16.tflite --precision fp16
export-litert --saved-model OUT/hub --output OUT/saved.tflite
verify-parity --reference SOURCE --candidate OUT/fp16.tflite --candidate OUT/saved.tflite --profile fp16
"""
REFUSED = {
    "tensorflow": "export-hub-module --checkpoint SOURCE --output OUT/refused",
    "cpu": "export-onnx --checkpoint SOURCE --output OUT/refused.onnx",
    "torch": "verify-parity --reference huggingface:OUT/huggingface --candidate SOURCE",
}
"""For each extra a command that needs it: without it, its exit code is 3, and its only line names the extra."""
NOT_IN_ALL = ("ray",)
"""Packages of extras that `all` leaves out; one module imports each."""


def run(line: str, folder: Path, code: int = 0) -> str:
    """Runs a command in this process, which imports TensorFlow once; returns what it printed."""
    places = {"SOURCE": SOURCE, "PRETRAINED": PRETRAINED, "VOCAB": vocabulary(folder), "OUT": folder}
    for name, place in places.items():
        line = line.replace(name, str(place))
    name, *arguments = line.split()
    said = io.StringIO()
    with redirect_stdout(said), redirect_stderr(said):
        ended = importlib.import_module(COMMANDS[name]).main(arguments)
    assert ended == code, f"exit code {ended}\n{said.getvalue()}"
    return said.getvalue()


def vocabulary(folder: Path) -> Path:
    """A vocabulary of the golden checkpoints' size."""
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *(f"word{number}" for number in range(25))]
    path = folder / "vocab.txt"
    path.write_text("\n".join(words) + "\n")
    return path


def refuse(extra: str, folder: Path) -> None:
    said = run(REFUSED[extra], folder, code=3)
    assert said.count("\n") == 1, said
    assert extra in said.partition("pip install")[2], said


def isolate(check: Callable[[Path], None], folder: Path) -> None:
    """Runs a check in a process of its own: libraries that never share one may abort each other."""
    command = [sys.executable, __file__, check.__name__, str(folder)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, f"exit code {done.returncode}\n{done.stdout}{done.stderr}"


def start_programs(folder: Path) -> None:
    """Each command is installed as a program."""
    for name in ("bertferry", *COMMANDS):
        subprocess.run([Path(sys.executable).parent / name, "--version"], check=True, capture_output=True)


def import_everything(folder: Path) -> None:
    import bertferry

    for found in pkgutil.walk_packages(bertferry.__path__, "bertferry."):
        if found.name.endswith("__main__"):
            continue
        try:
            importlib.import_module(found.name)
        except ModuleNotFoundError as error:
            if error.name not in NOT_IN_ALL:
                raise


def call_hub_layer(folder: Path) -> None:
    import tensorflow_hub as hub

    names = {"ids": "input_word_ids", "mask": "input_mask", "seg": "input_type_ids"}
    with np.load(SOURCE.with_suffix(".npz")) as stored:
        outputs = hub.KerasLayer(str(folder / "hub"))({name: stored[key] for key, name in names.items()})
        np.testing.assert_allclose(outputs["pooled_output"], stored["pooled"], atol=1e-5)


def restore_with_official_models(folder: Path) -> None:
    import tensorflow as tf
    from official.nlp.modeling.networks import BertEncoderV2

    config = json.loads((SOURCE / "bert_config.json").read_text())
    encoder = BertEncoderV2(
        vocab_size=config["vocab_size"],
        hidden_size=config["hidden_size"],
        num_layers=config["num_hidden_layers"],
        num_attention_heads=config["num_attention_heads"],
        inner_dim=config["intermediate_size"],
        max_sequence_length=config["max_position_embeddings"],
        type_vocab_size=config["type_vocab_size"],
    )
    restored = tf.train.Checkpoint(encoder=encoder).read(str(folder / "garden_v2/bert_model.ckpt"))
    restored.assert_existing_objects_matched()


def load_with_transformers(folder: Path) -> None:
    import torch
    import transformers

    model = transformers.AutoModel.from_pretrained(folder / "huggingface").eval()
    with np.load(SOURCE.with_suffix(".npz")) as stored, torch.no_grad():
        ids, mask, types = (torch.tensor(stored[name], dtype=torch.long) for name in ("ids", "mask", "seg"))
        pooled = model(input_ids=ids, attention_mask=mask, token_type_ids=types).pooler_output
        np.testing.assert_allclose(pooled, stored["pooled"], atol=1e-5)


def embed_with_sentence_transformers(folder: Path) -> None:
    from sentence_transformers import SentenceTransformer, models

    vocabulary(folder / "huggingface")
    transformer = models.Transformer(str(folder / "huggingface"))
    pooling = models.Pooling(transformer.get_word_embedding_dimension(), "mean")
    assert SentenceTransformer(modules=[transformer, pooling]).encode(["word1 word2"]).shape == (1, 8)


def load_with_keras_hub(folder: Path) -> None:
    import keras_hub

    encoder = keras_hub.models.BertBackbone.from_preset(str(folder / "keras_hub"))
    names = {"ids": "token_ids", "mask": "padding_mask", "seg": "segment_ids"}
    with np.load(SOURCE.with_suffix(".npz")) as stored:
        outputs = encoder({name: stored[key] for key, name in names.items()})
        np.testing.assert_allclose(outputs["pooled_output"], stored["pooled"], atol=1e-5)


OTHERS = (
    restore_with_official_models,
    load_with_transformers,
    embed_with_sentence_transformers,
    load_with_keras_hub,
)


def steps_of(suite: str) -> Iterator[tuple[str, Callable[[Path], object]]]:
    """The name and the function of every step of a suite, in their order."""
    commands = {"base": CONVERSIONS, "cpu": CONVERSIONS + ONNX}.get(suite, CONVERSIONS + ONNX + TENSORFLOW)
    for line in filter(None, commands.splitlines()):
        yield line, partial(run, line)
    for extra in {"base": ("tensorflow", "cpu", "torch"), "cpu": ("tensorflow", "torch")}.get(suite, ()):
        yield f"{extra} is missing", partial(refuse, extra)
    with_tensorflow = (start_programs, import_everything, call_hub_layer)
    for check in with_tensorflow if suite in ("tensorflow", "together") else (start_programs,):
        yield check.__name__.replace("_", " "), check
    for check in OTHERS if suite == "together" else ():
        yield check.__name__.replace("_", " "), partial(isolate, check)


def main() -> None:
    alone = {check.__name__: check for check in OTHERS}.get(sys.argv[1])
    if alone is not None:
        alone(Path(sys.argv[2]))
        return
    steps = list(steps_of(sys.argv[1]))
    succeeded = 0
    with tempfile.TemporaryDirectory() as folder:
        for name, step in steps:
            try:
                step(Path(folder))
            except Exception:
                print(f"FAILED  {name}\n{traceback.format_exc()}", flush=True)
            else:
                succeeded += 1
                print(f"ok      {name}", flush=True)
    print(f"smoke {succeeded} of {len(steps)}")
    sys.exit(succeeded != len(steps))


if __name__ == "__main__":
    main()
