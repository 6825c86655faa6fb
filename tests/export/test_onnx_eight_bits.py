"""What an ONNX file in eight bits is judged by: the embeddings of texts, if there are any, otherwise nothing."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from bertferry.core.errors import DataError
from bertferry.export import OnnxOptions, export_onnx
from bertferry.export.embedded_texts import ON_TEXTS
from bertferry.export.onnx import parity_check
from bertferry.verify.sample_texts import SAMPLE_TEXTS

FIXTURES = Path(__file__).parents[1] / "fixtures" / "texts"
EIGHT = OnnxOptions(precision="int8")


@pytest.fixture
def sentence_model(tmp_path):
    """Writes a model whose files state a pooling, if any."""

    def write(pooling):
        folder = shutil.copytree(FIXTURES, tmp_path / "source")
        keys = {"tokenizer_class": "BertTokenizer", "do_lower_case": True}
        (folder / "tokenizer_config.json").write_text(json.dumps(keys))
        if pooling is not None:
            kinds = {"": "Transformer", "1_Pooling": "Pooling"}
            modules = [
                {"path": path, "type": f"sentence_transformers.models.{kind}"} for path, kind in kinds.items()
            ]
            (folder / "modules.json").write_text(json.dumps(modules))
            (folder / "1_Pooling").mkdir()
            (folder / "1_Pooling" / "config.json").write_text(json.dumps({"pooling_mode": pooling}))
        return folder

    return write


@pytest.mark.parametrize("optimize", ["none", "ort"])
@pytest.mark.parametrize(("task", "pooling"), [("encoder", "mean"), ("embeddings", "mean"), ("embeddings", "cls")])
def test_embeddings_of_texts_are_judged(sentence_model, tmp_path, task, pooling, optimize):
    options = replace(EIGHT, task=task, optimize=optimize)
    report = export_onnx(tmp_path / "m.onnx", options, checkpoint=sentence_model(pooling))
    assert report.verdict.startswith("AGREE on 8 probes within int8 on texts (at least cosine of a text 0.99,")
    assert report.parity["judged"] is True
    probes = [probe["probe"] for probe in report.parity["candidates"][0]["probes"]]
    assert probes[-1] == f"texts 57 to {len(SAMPLE_TEXTS)}"
    judged = {metric["name"] for metric in report.parity["candidates"][0]["metrics"] if metric["judged"]}
    output = {"encoder": "sequence_output", "embeddings": "sentence_embedding"}[task]
    assert judged == {f"cosines of {output}", f"ranks of {output}"}


@pytest.mark.parametrize("pooling", [None, "cls"])
def test_an_encoder_whose_means_are_no_embeddings_is_measured(sentence_model, tmp_path, pooling):
    report = export_onnx(tmp_path / "m.onnx", EIGHT, checkpoint=sentence_model(pooling))
    assert report.verdict.startswith("NOT JUDGED on ")
    assert report.parity["judged"] is False
    assert "parity with the source: NOT JUDGED" in report.render()


@pytest.mark.parametrize(
    "stricter", [replace(ON_TEXTS, min_text_cosine=1.0), replace(ON_TEXTS, min_rank_correlation=1.0)]
)
def test_too_much_lost_is_not_written(sentence_model, tmp_path, monkeypatch, stricter):
    """Unless it is to be written anyway."""
    monkeypatch.setattr(parity_check, "ON_TEXTS", stricter)
    source = sentence_model("mean")
    with pytest.raises(DataError, match=r"m.onnx: not written: .* at least 1 required: --no-verify writes it all"):
        export_onnx(tmp_path / "m.onnx", EIGHT, checkpoint=source)
    assert not (tmp_path / "m.onnx").exists()
    export_onnx(tmp_path / "m.onnx", replace(EIGHT, verify=False), checkpoint=source)
