"""A published folder in programs that need no second environment, and the page that searches with it."""

import json
import os
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import urlopen

import numpy as np
import pytest

from bertferry.convert import ConversionOptions, SourceOptions, convert_checkpoint
from bertferry.export import ModuleOptions, OnnxOptions, export_hub_module, export_onnx

ROOT = Path(__file__).parent.parent
TOOL, SEARCH = ROOT / "tools/clients", ROOT / "examples/search"
REFERENCE = ROOT / "tests/fixtures/golden/minilm_l6_v2_reference.npz"
STATED = SourceOptions(do_lower_case=True, pooling="mean", normalize=True, max_seq_length=256)
TEXTS = SourceOptions(do_lower_case=True)
BARE = ("bert_config.json", "vocab.txt", "bert_model.ckpt.index", "bert_model.ckpt.data-00000-of-00001")
"""What a release of google-research/bert contains."""


@pytest.fixture(scope="module")
def tool():
    """The modules of tools/clients, which is a script with neighbors."""
    added = [str(TOOL), str(TOOL / "snippets")]
    sys.path[:0] = added
    yield import_module
    sys.path[:] = [path for path in sys.path if path not in added]


@pytest.fixture(scope="module")
def clients(tool):
    return tool("table").CLIENTS


@pytest.fixture(scope="module")
def published(minilm, tmp_path_factory):
    """MiniLM from files of TensorFlow 1 that say nothing about texts, as `publish-model` writes it, uncompared."""
    folder = tmp_path_factory.mktemp("clients")
    convert_checkpoint(minilm, folder / "full", ConversionOptions(to="tf1"))
    bare = folder / "bare"
    bare.mkdir()
    for name in BARE:
        (folder / "full" / name).rename(bare / name)
    target = folder / "published"
    convert_checkpoint(bare, target, ConversionOptions(to="huggingface"), source=STATED)
    (target / "onnx").mkdir()
    for name, task, stated in (("model", "encoder", TEXTS), ("sentence_embedding", "embeddings", STATED)):
        options = OnnxOptions(task=task, names="huggingface", verify=False)
        export_onnx(target / f"onnx/{name}.onnx", options, checkpoint=bare, source=stated)
    export_hub_module(bare, target / "hub", ModuleOptions(verify=False), source=TEXTS)
    return target


def test_clients_without_an_environment_of_their_own_agree_with_pytorch(tool, clients, published):
    here = [client for client in clients if not client.environment and (published / client.file).exists()]
    assert {client.file for client in here} == {"onnx/model.onnx", "onnx/sentence_embedding.onnx", "hub"}
    for client in here:
        if client.snippet == "serving.py":  # compiles for 15 s: `python tools/clients` runs it
            continue
        outputs = tool(client.snippet.removesuffix(".py")).outputs
        sentences = tool("reference").data_of(client, REFERENCE)
        answer = {"embeddings": outputs(published, sentences, *client.arguments)}
        far, lowest = tool("reference").difference(client, REFERENCE, answer)
        assert far <= client.limit, client.name
        assert lowest > 1 - client.limit


def test_a_wrong_answer_of_a_client_is_seen(tool, clients):
    embeddings = tool("reference").embeddings(tool("reference").load(REFERENCE))
    wrong = embeddings.copy()
    wrong[3, 5] += 2e-5
    for answer in (wrong, embeddings[:, :-1], embeddings[::-1], np.full_like(embeddings, np.nan)):
        far, _ = tool("reference").difference(clients[0], REFERENCE, {"embeddings": answer})
        assert not far <= clients[0].limit
    assert tool("reference").difference(clients[0], REFERENCE, {"embeddings": embeddings})[0] == 0


def test_every_client_has_a_snippet_and_an_environment(tool, clients):
    known = {"", *tool("environments").ENVIRONMENTS}
    assert {client.environment for client in clients} <= known
    used = {client.snippet for client in clients}
    helpers = {"texts.py", "chromium.mjs", "serving.cc"}
    assert used | helpers == {path.name for path in (TOOL / "snippets").iterdir() if path.is_file()}


def test_the_sentences_of_the_page_are_five_hundred():
    sentences = (SEARCH / "sentences.txt").read_text().splitlines()
    assert len(set(sentences)) == len(sentences) == 500


def serve(*arguments):
    command = [sys.executable, SEARCH / "serve.py", *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.fixture
def page(tmp_path):
    """The address of the page, with a folder and packages that hold one file each."""
    (tmp_path / "published/onnx").mkdir(parents=True)
    (tmp_path / "published/1_Pooling").mkdir()
    for name in ("config.json", "onnx/model.onnx", "1_Pooling/config.json"):
        (tmp_path / "published" / name).write_text("{}")
    (tmp_path / "own.txt").write_text("A sentence of mine.")
    library = tmp_path / "node_modules/@huggingface/transformers"
    library.mkdir(parents=True)
    (library / "package.json").write_text('{"version": "0"}')
    (tmp_path / "secret").write_text("beside the folder")
    chosen = ["--modules", tmp_path / "node_modules", "--sentences", tmp_path / "own.txt"]
    server = serve(tmp_path / "published", *chosen)
    yield server.stdout.readline().strip()
    server.terminate()
    server.communicate()


def test_the_server_gives_page_folder_and_packages_and_no_other_file(page):
    for path, content in {
        "": b"search.js",
        "search.js?dtype=q8": b"pipeline",
        "sentences.txt": b"of mine",
        "model/config.json": b"{}",
        "npm/@huggingface/transformers/package.json": b'"0"',
    }.items():
        with urlopen(page + path) as answer:
            assert content in answer.read()
            assert answer.headers["Cross-Origin-Embedder-Policy"] == "require-corp"
    for path in ("model/../secret", "model/%2e%2e/secret", "npm/..%2fsecret", "model", "secret"):
        with pytest.raises(HTTPError, match="404"):
            urlopen(page + path)


def test_the_server_says_what_is_missing(tmp_path):
    for name in ("onnx/model.onnx", "1_Pooling/config.json"):
        assert refusal(tmp_path).endswith(f"{tmp_path} is no published folder of embeddings: it has no {name}")
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).touch()
    assert refusal(tmp_path, "--sentences", tmp_path / "none").endswith("none is no file")
    assert refusal(tmp_path, "--modules", tmp_path).endswith(f"npm install --prefix {SEARCH}")


def refusal(*arguments):
    """The last line of a server that does not start."""
    server = serve(*arguments)
    line = server.communicate()[1].splitlines()[-1]
    assert server.returncode == 2
    return line


def test_int8_is_not_judged_but_must_be_a_number(tool):
    judge = tool("examination").judge
    assert [judge(None, far) for far in (0.5, np.nan, np.inf)] == ["measured", "FAILS", "FAILS"]
    assert [judge(1e-5, far) for far in (1e-5, 2e-5, np.nan)] == ["OK", "FAILS", "FAILS"]


def test_the_page_searches_in_chromium(published, tmp_path, tool):
    """With `BERTFERRY_CLIENTS`, the folder of the environments of `python tools/clients --folder`."""
    folder = os.environ.get("BERTFERRY_CLIENTS")
    if not folder:
        pytest.skip(
            "BERTFERRY_CLIENTS is not set: it names the environments of `python tools/clients --folder DIR`"
        )
    (client,) = [client for client in tool("table").CLIENTS if client.snippet == "search.mjs"]
    data, output = tmp_path / "data.json", tmp_path / "output.json"
    data.write_text(json.dumps(tool("reference").data_of(client, REFERENCE)))
    start = tool("examination").starting(client.snippet, Path(folder) / client.environment)
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    subprocess.run([*start, published, data, output, *client.arguments], check=True, env=environment)
    answer = json.loads(output.read_text())
    assert {len(scores) for scores in answer["scores"]} == {500}
    assert tool("reference").difference(client, REFERENCE, answer)[0] <= client.limit
    assert (tmp_path / "search.png").exists()
    broken = {"scores": [{text: score + 2e-5 for text, score in scores.items()} for scores in answer["scores"]]}
    assert tool("reference").difference(client, REFERENCE, broken)[0] > client.limit
