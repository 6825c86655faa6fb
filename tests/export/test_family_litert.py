"""LiteRT files and published folders of every architecture of the family."""

import numpy as np
import pytest
from golden_family import golden_case, write_random
from safetensors.numpy import load_file

from bertferry.export import LitertOptions, PublishOptions, export_litert, publish_model
from bertferry.verify import verify_parity
from bertferry.verify.runners.litert import LitertRunner

ARCHITECTURES = ("albert", "electra", "roberta", "distilbert", "mpnet")


@pytest.mark.parametrize("name", ["hf_albert", "hf_generator", "roberta", "distilbert_mlm"])
def test_a_file_computes_the_genuine_outputs(golden, tmp_path, name):
    case = golden_case(golden, name)
    export_litert(
        tmp_path / "m.tflite", LitertOptions(case.task, names="tensorflow", verify=False), checkpoint=case.path
    )
    case.check(LitertRunner(tmp_path / "m.tflite", shares_mask=True).run(case.inputs))


def test_relative_positions_and_shapes_are_free(tmp_path):
    """Converted without Flex: the converter would name operations that LiteRT lacks."""
    source = write_random(tmp_path / "source", "mpnet", max_position_embeddings=202)  # beyond the last bucket
    report = export_litert(tmp_path / "m.tflite", LitertOptions(names="huggingface"), checkpoint=source)
    assert report.inputs == ("input_ids", "attention_mask")
    assert report.verdict.startswith("AGREE on 11 probes within fp32-cross ")


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["fp16", "int8"])
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_other_precisions(tmp_path, architecture, precision):
    source = write_random(tmp_path / "source", architecture, ("mlm",))
    options = LitertOptions("mlm", precision=precision)
    report = export_litert(tmp_path / "m.tflite", options, checkpoint=source)
    assert report.verdict.startswith("AGREE" if precision == "fp16" else "NOT JUDGED")


@pytest.mark.parametrize(
    "architecture",
    ["roberta", *(pytest.param(name, marks=pytest.mark.slow) for name in ARCHITECTURES if name != "roberta")],
)
def test_a_published_folder(tmp_path, architecture):
    source = write_random(tmp_path / "source", architecture)
    options = PublishOptions(onnx=("fp32",), litert=("fp32",), hub=True)
    report = publish_model(source, tmp_path / "out", options)
    assert [part.path for part in report.parts] == ["model.safetensors", "onnx/model.onnx", "model.tflite", "hub"]
    assert all(part.verdict.startswith("AGREE") for part in report.parts[1:])
    got, want = (load_file(folder / "model.safetensors") for folder in (tmp_path / "out", source))
    assert got.keys() == want.keys()
    assert all(np.array_equal(got[name].view(np.uint32), want[name].view(np.uint32)) for name in want)
    assert f"- {architecture}\n" in (tmp_path / "out/README.md").read_text()
    assert verify_parity(tmp_path / "out", [tmp_path / "out/hub", tmp_path / "out/onnx/model.onnx"]).ok
