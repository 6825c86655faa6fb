"""Graphs that return the embedding of a text: `--task embeddings`, `--pooling`, `--normalize`."""

import json
import shutil

import numpy as np
import onnx
import pytest
from closeness import assert_close
from safetensors.numpy import save_file

from bertferry.convert import SourceOptions
from bertferry.core.errors import UsageError
from bertferry.core.sentence import ACTIVATIONS, POOLINGS
from bertferry.export import OnnxOptions, export_litert, export_onnx
from bertferry.export.onnx.command import main
from bertferry.verify import ParityOptions, verify_parity

onnxruntime = pytest.importorskip("onnxruntime", reason="pip install 'bertferry[cpu]'")

EMBEDDINGS = OnnxOptions(task="embeddings", names="huggingface")


def run(path, ids, mask):
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    feeds = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
    (embeddings,) = session.run(None, feeds)
    return embeddings


@pytest.fixture
def inputs():
    mask = np.array([[1, 1, 1, 1, 1], [1, 1, 1, 0, 0], [0, 0, 1, 1, 1]])
    return np.random.default_rng(0).integers(1, 30, mask.shape), mask


@pytest.mark.parametrize("normalize", [True, False])
@pytest.mark.parametrize("pooling", POOLINGS)
def test_every_pooling_agrees_with_the_reference(golden, tmp_path, pooling, normalize):
    stated = SourceOptions(pooling=pooling, normalize=normalize)
    report = export_onnx(tmp_path / "m.onnx", EMBEDDINGS, checkpoint=golden / "tf1_core_L2", source=stated)
    assert report.verdict.startswith("AGREE")
    (output,) = onnx.load(tmp_path / "m.onnx").graph.output
    sizes = [size.dim_param or size.dim_value for size in output.type.tensor_type.shape.dim]
    assert (output.name, sizes) == ("sentence_embedding", ["batch", 8])


def test_padding_does_not_count(golden, tmp_path, inputs):
    """A mean of its own, written here: of the vectors that the encoder's graph returns."""
    source = golden / "tf1_core_L2"
    stated = SourceOptions(pooling="mean", normalize=True)
    export_onnx(tmp_path / "m.onnx", EMBEDDINGS, checkpoint=source, source=stated)
    export_onnx(tmp_path / "e.onnx", OnnxOptions(names="huggingface"), checkpoint=source)
    ids, mask = inputs
    session = onnxruntime.InferenceSession(str(tmp_path / "e.onnx"), providers=["CPUExecutionProvider"])
    feeds = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
    tokens = session.run(["last_hidden_state"], feeds)[0]
    means = np.stack([row[kept == 1].mean(axis=0) for row, kept in zip(tokens, mask, strict=True)])
    assert_close(run(tmp_path / "m.onnx", ids, mask), means / np.linalg.norm(means, axis=1, keepdims=True))


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize(
    "options", [{}, {"optimize": "ort"}, {"precision": "fp16"}, {"precision": "int8"}], ids=str
)
def test_layers_follow_the_pooling(golden, tmp_path, activation, options):
    folder = shutil.copytree(golden / "tf1_core_L2", tmp_path / "m")
    kinds = {"": "Transformer", "1_Pooling": "Pooling", "2_Dense": "Dense", "3_Normalize": "Normalize"}
    entries = [{"path": path, "type": f"sentence_transformers.models.{kind}"} for path, kind in kinds.items()]
    (folder / "modules.json").write_text(json.dumps(entries))
    configurations = {
        "1_Pooling": {"pooling_mode": ["max", "mean"]},
        "2_Dense": {"in_features": 16, "out_features": 3, "activation_function": ACTIVATIONS[activation]},
    }
    for path, values in configurations.items():
        (folder / path).mkdir()
        (folder / path / "config.json").write_text(json.dumps(values))
    random = np.random.default_rng(1)
    weights = {"linear.weight": random.normal(size=(3, 16)), "linear.bias": random.normal(size=3)}
    save_file(
        {name: value.astype(np.float32) for name, value in weights.items()}, folder / "2_Dense/model.safetensors"
    )
    report = export_onnx(tmp_path / "m.onnx", OnnxOptions(task="embeddings", **options), checkpoint=folder)
    assert report.verdict.startswith("AGREE" if options.get("precision") != "int8" else "NOT JUDGED")


def test_the_verifier_compares_embeddings(golden, tmp_path):
    source = golden / "tf1_core_L2"
    stated = SourceOptions(pooling="mean")
    export_onnx(tmp_path / "m.onnx", EMBEDDINGS, checkpoint=source, source=stated)
    options = ParityOptions(task="embeddings")
    assert verify_parity(source, [tmp_path / "m.onnx"], options, source=stated).ok
    other = verify_parity(source, [tmp_path / "m.onnx"], options, source=SourceOptions(pooling="cls"))
    assert not other.ok
    engine = ParityOptions(task="embeddings", engine="tensorflow")
    assert verify_parity(source, [tmp_path / "m.onnx"], engine, source=stated).ok


def test_a_pooling_makes_the_task(golden, tmp_path, capfd):
    arguments = ["--checkpoint", str(golden / "tf1_core_L2"), "--output", str(tmp_path / "m.onnx")]
    assert main([*arguments, "--pooling", "cls", "--no-verify"]) == 0
    assert "→ sentence_embedding" in capfd.readouterr().out
    assert main([*arguments, "--task", "embeddings", "--overwrite"]) == 2
    assert "no pooling is configured: give --pooling" in capfd.readouterr().err


def test_a_prompt_that_is_not_pooled_is_refused(golden, tmp_path):
    folder = shutil.copytree(golden / "tf1_core_L2", tmp_path / "m")
    kinds = {"": "Transformer", "1_Pooling": "Pooling"}
    entries = [{"path": path, "type": f"sentence_transformers.models.{kind}"} for path, kind in kinds.items()]
    (folder / "modules.json").write_text(json.dumps(entries))
    (folder / "1_Pooling").mkdir()
    (folder / "1_Pooling/config.json").write_text(json.dumps({"pooling_mode": "mean", "include_prompt": False}))
    (folder / "config_sentence_transformers.json").write_text(json.dumps({"prompts": {"query": "query: "}}))
    with pytest.raises(UsageError, match="include_prompt: false"):
        export_onnx(tmp_path / "m.onnx", EMBEDDINGS, checkpoint=folder)


def test_flags_about_embeddings_need_one(golden, tmp_path):
    source = golden / "tf1_core_L2"
    with pytest.raises(UsageError, match="--pooling and --normalize are for --task embeddings"):
        verify_parity(source, [source], source=SourceOptions(pooling="cls"))


@pytest.mark.parametrize("stated", [SourceOptions(pooling="cls"), SourceOptions(normalize=True)])
def test_a_graph_of_another_task_ignores_no_pooling(golden, tmp_path, stated):
    with pytest.raises(UsageError, match="--pooling and --normalize are for --task embeddings, not encoder"):
        export_onnx(tmp_path / "m.onnx", OnnxOptions(), checkpoint=golden / "tf1_core_L2", source=stated)
    with pytest.raises(UsageError, match="--pooling and --normalize are for --task embeddings, not encoder"):
        export_litert(tmp_path / "m.tflite", checkpoint=golden / "tf1_core_L2", source=stated)
