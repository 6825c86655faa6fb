"""`publish-model`: one folder with what clients look for, each file compared with the source."""

import hashlib
import json
import shutil
import signal
import subprocess
import sys
from dataclasses import replace

import numpy as np
import onnx
import pytest
from closeness import assert_close

from bertferry.convert import SourceOptions, open_checkpoint
from bertferry.core.errors import DataError, UsageError
from bertferry.core.results import read_json
from bertferry.export import PublishOptions, PublishReport, publish_model
from bertferry.export.publish.command import main
from bertferry.export.publish.report import RECEIPT
from bertferry.verify.numpy_network import heads
from bertferry.verify.probes import ModelLimits, standard_probes

onnxruntime = pytest.importorskip("onnxruntime", reason="pip install 'bertferry[cpu]'")

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *map(chr, range(ord("a"), ord("a") + 20))]
TOKENIZER = {"vocab.txt", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json"}
ALWAYS = {"config.json", "model.safetensors", "README.md", RECEIPT, *TOKENIZER}
ONNX = {"onnx/model.onnx", "onnx/model_fp16.onnx", "onnx/model_quantized.onnx"}
EMBEDDER = {"modules.json", "sentence_bert_config.json", "1_Pooling/config.json", "2_Normalize/config.json"}
LOWER = SourceOptions(do_lower_case=True)
MEAN = SourceOptions(do_lower_case=True, pooling="mean", normalize=True, max_seq_length=8)


@pytest.fixture
def source(golden, tmp_path):
    """Copies a golden checkpoint and gives it a vocabulary."""

    def copy(name):
        folder = shutil.copytree(golden / name, tmp_path / "source")
        (folder / "vocab.txt").write_text("\n".join(WORDS) + "\n")
        return folder

    return copy


def files_of(folder):
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def run(path, ids):
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    feeds = {"input_ids": ids, "attention_mask": np.ones_like(ids), "token_type_ids": np.zeros_like(ids)}
    return session.run(None, feeds)


def test_an_embedder_becomes_one_folder(source, tmp_path):
    report = publish_model(source("tf1_core_L2"), tmp_path / "out", source=MEAN)
    assert files_of(tmp_path / "out") == ALWAYS | ONNX | EMBEDDER | {"onnx/sentence_embedding.onnx"}
    assert [part.path for part in report.parts] == [
        "model.safetensors",
        *("onnx/model.onnx", "onnx/model_fp16.onnx", "onnx/model_quantized.onnx", "onnx/sentence_embedding.onnx"),
    ]
    judged = [part.verdict.split()[0] for part in report.parts[1:] if "quantized" not in part.path]
    assert judged == ["AGREE"] * 3
    ids = np.array([[2, 5, 6, 3]])
    tokens = run(tmp_path / "out/onnx/model.onnx", ids)[0]
    mean = tokens.mean(axis=1)
    (embedding,) = run(tmp_path / "out/onnx/sentence_embedding.onnx", ids)
    assert_close(embedding, mean / np.linalg.norm(mean))
    assert json.loads((tmp_path / "out/sentence_bert_config.json").read_text())["max_seq_length"] == 8
    card = (tmp_path / "out/README.md").read_text()
    assert card.startswith("---\nlibrary_name: sentence-transformers\npipeline_tag: sentence-similarity\n")
    assert all(part.path in card and part.verdict in card for part in report.parts)


def test_the_receipt_is_complete_and_reads_back(source, tmp_path):
    report = publish_model(source("tf1_core_L2"), tmp_path / "out", PublishOptions(onnx=("fp32",)), source=MEAN)
    path = tmp_path / "out" / RECEIPT
    assert PublishReport.from_dict(read_json(path), path) == report
    assert report.files.keys() == files_of(tmp_path / "out") - {RECEIPT}
    for name, digest in report.files.items():
        assert hashlib.sha256((tmp_path / "out" / name).read_bytes()).hexdigest() == digest


@pytest.mark.parametrize(
    ("name", "task", "outputs"),
    [
        ("tf1_cls_L2", "classifier", ["logits"]),
        ("tf1_squad_L2", "span", ["start_logits", "end_logits"]),
        ("tf1_pretrain_L2", "mlm", ["logits"]),
    ],
)
def test_a_head_makes_the_task(source, tmp_path, name, task, outputs):
    options = PublishOptions(task=None if task == "span" else task, onnx=("fp32",))
    report = publish_model(source(name), tmp_path / "out", options, source=LOWER)
    assert report.task == task
    graph = onnx.load(tmp_path / "out/onnx/model.onnx").graph
    assert [output.name for output in graph.output] == outputs
    assert set(open_checkpoint(tmp_path / "out").heads) >= {task}
    assert "sentence-transformers" not in (tmp_path / "out/README.md").read_text()


def test_what_is_not_known_is_said(source, tmp_path):
    report = publish_model(
        source("tf1_pretrain_L2"), tmp_path / "out", PublishOptions(onnx=()), source=LOWER, dry_run=True
    )
    assert not (tmp_path / "out").exists()
    assert "note: its mlm and nsp head is in model.safetensors alone" in report.render()
    assert "note: nothing says how a text is embedded" in report.render()


def test_a_preset_without_the_head_is_said(source, tmp_path):
    options = PublishOptions(onnx=(), keras_hub=True)
    report = publish_model(source("tf1_squad_L2"), tmp_path / "out", options, source=LOWER, dry_run=True)
    assert "note: KerasHub has no model for the task span: keras_hub has the encoder alone" in report.render()


MODULES = [
    {
        "idx": number,
        "name": str(number),
        "path": path,
        "type": f"sentence_transformers.models.{path[2:] or 'Transformer'}",
    }
    for number, path in enumerate(["", "1_Pooling", "2_LayerNorm"])
]


@pytest.mark.parametrize("reason", ["LayerNorm", "prompts"])
def test_an_embedding_that_no_graph_computes_is_left_out_on_request(source, tmp_path, reason):
    folder = source("tf1_core_L2")
    pooling = {"pooling_mode_mean_tokens": True, "include_prompt": False}
    for name, values in {
        "modules.json": MODULES[: 3 if reason == "LayerNorm" else 2],
        "1_Pooling/config.json": {"word_embedding_dimension": 8, **pooling},
        "2_LayerNorm/config.json": {"dimension": 8},
        "config_sentence_transformers.json": {"prompts": {"query": "a "}},
    }.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(json.dumps(values))
    fp32 = PublishOptions(onnx=("fp32",))
    with pytest.raises(UsageError, match="--task encoder"):
        publish_model(folder, tmp_path / "out", fp32, source=LOWER, dry_run=True)
    report = publish_model(folder, tmp_path / "out", replace(fp32, task="encoder"), source=LOWER)
    assert "no graph computes the embeddings" in report.render()
    assert {"modules.json", "1_Pooling/config.json", "onnx/model.onnx"} <= files_of(tmp_path / "out")
    assert not (tmp_path / "out/onnx/sentence_embedding.onnx").exists()


def test_without_a_vocabulary_nothing_reads_texts(golden, tmp_path):
    report = publish_model(golden / "tf1_core_L2", tmp_path / "out", PublishOptions(onnx=("fp32",)))
    assert "note: the source has no vocabulary" in report.render()
    card = (tmp_path / "out/README.md").read_text()
    assert 'AutoModel.from_pretrained("model")' in card
    assert "Tokenizer" not in card
    assert "pipeline(" not in card


def test_a_source_is_not_replaced_by_what_is_made_of_it(source, tmp_path, capfd):
    folder = source("tf1_core_L2")
    for output in (folder, tmp_path):
        assert main(["--checkpoint", str(folder), "--output", str(output), "--overwrite", "--do-lower-case"]) == 2
        assert "would remove the source" in capfd.readouterr().err
    assert open_checkpoint(folder).layout.name == "tf1"


def test_other_parts_on_request(source, tmp_path):
    pytest.importorskip("tensorflow_hub", reason="pip install 'bertferry[tensorflow]'")
    pytest.importorskip("ai_edge_litert", reason="pip install 'bertferry[litert]'")
    options = PublishOptions(onnx=(), litert=("fp32",), hub=True, keras_hub=True)
    report = publish_model(source("tf1_core_L2"), tmp_path / "out", options, source=LOWER)
    verdicts = {part.path: part.verdict for part in report.parts}
    assert verdicts["hub"].startswith("AGREE")
    assert verdicts["model.tflite"].startswith("AGREE")
    assert verdicts["keras_hub"].endswith("equal to the source bit for bit")
    assert {"hub/saved_model.pb", "keras_hub/model.weights.h5", "model.tflite"} <= files_of(tmp_path / "out")


@pytest.mark.parametrize("part", ["onnx", "hub", "litert"])
def test_a_part_that_differs_leaves_nothing(source, tmp_path, monkeypatch, part):
    """The reference is wrong: whatever is compared with it must be refused."""
    pytest.importorskip("tensorflow_hub", reason="pip install 'bertferry[tensorflow]'")
    pytest.importorskip("ai_edge_litert", reason="pip install 'bertferry[litert]'")
    right = heads.encode
    monkeypatch.setattr(heads, "encode", lambda *args, **named: right(*args, **named) * np.float32(1.01))
    options = PublishOptions(
        onnx=("fp32",) * (part == "onnx"), litert=("fp32",) * (part == "litert"), hub=part == "hub"
    )
    with pytest.raises(DataError, match=r"not written: .* differs from its source"):
        publish_model(source("tf1_core_L2"), tmp_path / "out", options, source=LOWER)
    assert [path.name for path in tmp_path.iterdir()] == ["source"]


def test_the_source_runs_once(source, tmp_path, monkeypatch):
    runs, right = [], heads.encode

    def counted(*arguments, **named):
        runs.append(arguments)
        return right(*arguments, **named)

    monkeypatch.setattr(heads, "encode", counted)
    report = publish_model(source("tf1_core_L2"), tmp_path / "out", source=MEAN)
    (eight_bits,) = [part.parity for part in report.parts if part.path == "onnx/model_quantized.onnx"]
    texts = eight_bits["candidates"][0]["probes"]
    assert len(runs) == len(standard_probes(ModelLimits(30, 2, 16))) + len(texts)


KILLED = """
import os, signal, sys
from bertferry.convert import SourceOptions
from bertferry.export import publish_model
from bertferry.export.publish import publisher

step = sys.argv[1]
setattr(publisher, step, lambda *arguments: os.kill(os.getpid(), signal.SIGKILL))
publish_model(*sys.argv[2:], source=SourceOptions(do_lower_case=True))
"""


@pytest.mark.parametrize("step", ["write_graphs", "model_card", "_files"])
def test_killed_at_a_step(source, tmp_path, step):
    folder, output = source("tf1_core_L2"), tmp_path / "out"
    killed = subprocess.run([sys.executable, "-c", KILLED, step, str(folder), str(output)], capture_output=True)
    assert killed.returncode == -signal.SIGKILL
    assert not output.exists()
    publish_model(folder, output, PublishOptions(onnx=("fp32",)), source=LOWER)
    assert {path.name for path in tmp_path.iterdir()} == {"source", "out"}


def test_bad_arguments_are_one_line(source, tmp_path, capfd):
    folder = source("tf1_cls_L2")
    for arguments, line in {
        ("--task", "classifier"): "nothing says whether texts are lower-cased",
        (): "may belong to either head: give --task classifier or --task tokens",
        ("--task", "classifier", "--pooling", "cls"): "--pooling and --normalize are for --task encoder",
        (
            "--do-lower-case",
            "--pooling",
            "cls",
        ): "--pooling and --normalize are for --task encoder, not classifier",
        ("--do-lower-case", "--onnx", "fp8"): "fp8",
    }.items():
        capfd.readouterr()
        for kind in ((), ("--dry-run",)):
            given = ["--checkpoint", str(folder), "--output", str(tmp_path / "out"), *arguments, *kind]
            assert main(given) == 2
            err = capfd.readouterr().err
            assert line in err
            assert err.count("\n") == 1
    assert main(["--output", str(tmp_path / "out")]) == 2
    assert [path.name for path in tmp_path.iterdir()] == ["source"]


def test_an_unknown_precision_is_refused():
    with pytest.raises(UsageError, match="LiteRT precision"):
        PublishOptions(litert=("bf16",))
