"""No false alarms: artifacts that compute the same function agree, however they are stored."""

from dataclasses import dataclass

import numpy as np
import pytest
from planting import write_checkpoint
from random_checkpoint import values, write
from subjects import BERT
from weight_faults import CONFIG

from bertferry.convert import ConversionOptions, SourceOptions, convert_checkpoint
from bertferry.core.config import EncoderConfig
from bertferry.export import ModuleOptions, OnnxOptions, export_hub_module, export_onnx
from bertferry.verify import ParityOptions, render, verify_parity

LOWER = SourceOptions(do_lower_case=True)

LAYOUTS = ("tf1", "tf_20", "keras_bert", "garden_v1", "garden_v2", "huggingface")
WAYS = (
    *(("checkpoint", precision) for precision in ("fp32", "fp16", "bf16")),
    *((kind, precision) for kind in ("hub", "savedmodel") for precision in ("fp32", "fp16", "bf16")),
    *(("onnx", precision) for precision in ("fp32", "fp16")),
    ("fused", "fp32"),
)


@dataclass(frozen=True)
class Case:
    """A random model, a layout to convert it to, and the artifact to export from that."""

    config: EncoderConfig
    spread: float
    layout: str
    kind: str
    precision: str

    @classmethod
    def of(cls, seed):
        rng = np.random.default_rng(seed)
        heads = int(rng.integers(1, 7))
        config = EncoderConfig(
            vocab_size=int(rng.integers(12, 200)),
            hidden_size=heads * int(rng.integers(-(-16 // heads), 17)),
            num_layers=int(rng.integers(1, 6)),
            num_attention_heads=heads,
            intermediate_size=int(rng.integers(8, 100)),
            max_position_embeddings=int(rng.integers(2, 70)),
            type_vocab_size=int(rng.integers(1, 5)),
            activation=str(rng.choice(["gelu_tanh", "gelu_erf", "relu"])),
        )
        kind, precision = WAYS[seed % len(WAYS)]
        return cls(config, float(rng.uniform(0.02, 0.3)), str(rng.choice(LAYOUTS)), kind, precision)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(50), ids=lambda seed: "{}-{}-{}".format(seed, *WAYS[seed % len(WAYS)]))
def test_a_sound_conversion_agrees(tmp_path, seed):
    case = Case.of(seed)
    source, copy = tmp_path / "source", tmp_path / "copy"
    write(source, case.config, values(case.config, seed, case.spread))
    (source / "tokenizer_config.json").write_text('{"do_lower_case": true}')
    convert_checkpoint(source, copy, ConversionOptions(to=case.layout))
    candidate, options = f"checkpoint:{copy}", {"precision": case.precision}
    if case.kind in ("hub", "savedmodel"):
        export_hub_module(
            copy,
            tmp_path / "module",
            ModuleOptions(precision=case.precision, verify=False),
            source=LOWER,
        )
        candidate, options = f"{case.kind}:{tmp_path / 'module'}", {}
    elif case.kind in ("onnx", "fused"):
        optimize = "ort" if case.kind == "fused" else "none"
        export_onnx(
            tmp_path / "m.onnx",
            OnnxOptions(precision=case.precision, optimize=optimize, verify=False),
            checkpoint=copy,
        )
        candidate, options = f"onnx:{tmp_path / 'm.onnx'}", {}
    report = verify_parity(source, [candidate], ParityOptions(seed=seed, localize=True, **options))
    assert report.ok, render(report)
    drift = report.candidates[0].drift
    assert (drift.culprit, drift.note) == ("", ""), render(report)


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    return write_checkpoint(tmp_path_factory.mktemp("harmless") / "sound")


class TestHarmlessChanges:
    @pytest.mark.parametrize("layout", LAYOUTS)
    def test_another_serialization(self, sound, tmp_path, layout):
        convert_checkpoint(sound, tmp_path / "copy", ConversionOptions(to=layout))
        report = verify_parity(sound, [tmp_path / "copy"], ParityOptions(profile="exact"))
        assert report.ok, render(report)
        assert report.candidates[0].tensors == ()

    def test_another_order_of_operations_fusion_folding_and_threads(self, sound, tmp_path):
        export_hub_module(sound, tmp_path / "hub", ModuleOptions(verify=False))
        export_onnx(tmp_path / "m.onnx", OnnxOptions(verify=False), checkpoint=sound)
        export_onnx(tmp_path / "fused.onnx", OnnxOptions(optimize="ort", verify=False), checkpoint=sound)
        candidates = [tmp_path / "hub", tmp_path / "m.onnx", tmp_path / "fused.onnx"]
        for options in ({}, {"graph_optimization": "none"}, {"graph_optimization": "basic", "threads": 1}):
            report = verify_parity(sound, candidates, ParityOptions(localize=True, **options))
            assert report.ok, render(report)
            assert {candidate.drift.culprit for candidate in report.candidates} == {""}

    @pytest.mark.parametrize("change", [0.0, 1.0])
    def test_a_key_bias_dropped_or_replaced(self, sound, tmp_path, change):
        drawn = BERT.parameters()
        for name in [name for name in drawn if name.endswith("key/bias")]:
            drawn[name] = drawn[name][::-1] * np.float32(change)
        write(tmp_path, CONFIG, drawn.items())
        (tmp_path / "tokenizer_config.json").write_text('{"do_lower_case": true}')
        report = verify_parity(sound, [tmp_path])
        assert report.ok, render(report)
        assert len(report.candidates[0].tensors) == CONFIG.num_layers  # reported, but no disagreement

    def test_tied_weights_stored_twice(self, golden, tmp_path):
        from safetensors.numpy import load_file, save_file

        source = golden / "tf1_pretrain_L2"
        convert_checkpoint(source, tmp_path / "hf", ConversionOptions(to="huggingface", task="pretrainer"))
        path = tmp_path / "hf" / "model.safetensors"
        tensors = load_file(path)
        tensors["cls.predictions.decoder.weight"] = tensors["bert.embeddings.word_embeddings.weight"].copy()
        save_file(tensors, path, metadata={"format": "pt"})
        report = verify_parity(source, [tmp_path / "hf"], ParityOptions(task="pretrainer", profile="exact"))
        assert report.ok, render(report)
