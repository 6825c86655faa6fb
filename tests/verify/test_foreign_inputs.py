"""Shapes, types and outputs of artifacts of other projects."""

import numpy as np
import onnx
import pytest
from foreign_names import HUGGING_FACE, outputs_of
from hypothesis import given
from hypothesis import strategies as st
from onnx import helper, numpy_helper

from bertferry.core.errors import UsageError
from bertferry.core.tasks import ENCODER_INPUTS
from bertferry.export import OnnxOptions, export_onnx
from bertferry.verify.artifact import Artifact
from bertferry.verify.command import main
from bertferry.verify.fitting import check_fit, find_restrictions, fit_probes
from bertferry.verify.interface import Interface
from bertferry.verify.probes import ModelLimits, standard_probes


class TestInputs:
    @pytest.mark.parametrize(("axis", "what", "size"), [(0, "batch", 1), (1, "length", 8), (0, "batch", 4)])
    def test_a_fixed_dimension_is_said_and_fitted(self, foreign, verify, axis, what, size):
        def fix(graph):
            for value in graph.input:
                value.type.tensor_type.shape.dim[axis].dim_value = size

        path = foreign(HUGGING_FACE, fix)
        code, line = verify(path)
        assert code == 2
        fault = f"onnx {path}: its {what} is fixed at {size}"
        assert f"{fault}: compare on inputs of that kind with --fit-inputs" in line
        assert ("or choose inputs with --probes 'batch of 1,maximum length'" in line) == (size == 1)
        code, out = verify(path, "--fit-inputs")
        assert (code, f"  fitted to {fault}\n" in out) == (0, True)
        if size == 1:
            assert verify(path, "--probes", "batch of 1")[0] == 0

    @pytest.mark.parametrize("missing", ["token_type_ids", "attention_mask"])
    def test_a_graph_without_segments_or_mask(self, foreign, verify, missing):
        def drop(graph):
            places = [place for place, value in enumerate(graph.input) if value.name == missing]
            shape = helper.make_node("Shape", ["input_ids"], ["shape"])
            value = numpy_helper.from_array(np.array([int(missing == "attention_mask")]), "value")
            del graph.input[places[0]]
            graph.node.insert(0, shape)
            graph.node.insert(1, helper.make_node("ConstantOfShape", ["shape"], [missing], value=value))

        path = foreign(HUGGING_FACE, drop)
        code, line = verify(path)
        what = "no segments (input_type_ids)" if missing == "token_type_ids" else "no mask (input_mask)"
        assert (code, f"onnx {path}: it takes {what}: compare on inputs of that kind" in line) == (2, True)
        assert verify(path, "--fit-inputs")[0] == 0

    def test_dimensions_that_contradict_each_other(self):
        one, two = (
            Artifact(name, lambda: None, interface=Interface({"input_mask": (size, None)}, {}))
            for name, size in (("one", 1), ("two", 2))
        )
        line = "one: its batch is fixed at 1, and that of two at 2: no input fits both"
        with pytest.raises(UsageError, match=line):
            find_restrictions([one, two])

    @given(
        batch=st.none() | st.integers(1, 5),
        length=st.none() | st.integers(1, 40),
        missing=st.sets(st.sampled_from(["input_mask", "input_type_ids"])),
        seed=st.integers(0, 9),
    )
    def test_fitted_inputs_fit(self, batch, length, missing, seed):
        takes = {name: (batch, length) for name in ENCODER_INPUTS if name not in missing}
        restrictions = find_restrictions([Artifact("one", lambda: None, interface=Interface(takes, {}))])
        probes = standard_probes(ModelLimits(30, 3, 16), seed, with_positions=True)
        try:
            fitted = fit_probes(probes, restrictions)
        except UsageError:  # every one of them is padded to the length
            assert "input_mask" in missing
            return
        check_fit(fitted, restrictions)
        assert len({probe.name for probe in fitted}) == len(fitted)
        for probe in fitted:
            shape = probe.inputs["input_word_ids"].shape
            assert shape == (batch or shape[0], length or shape[1])
            assert (probe.inputs["masked_lm_positions"] < shape[1]).all()

    def test_given_inputs_of_another_shape_are_refused(self, foreign, verify, tmp_path):
        inputs, outputs = outputs_of(foreign())
        np.savez(tmp_path / "stored.npz", **inputs, **outputs)

        def fix(graph):
            for value in graph.input:
                value.type.tensor_type.shape.dim[0].dim_value = 1

        path = foreign(HUGGING_FACE, fix)
        assert verify(path, reference=tmp_path / "stored.npz")[0] == 2
        assert verify(path, "--fit-inputs", reference=tmp_path / "stored.npz")[0] == 2
        assert verify(path, "--fit-inputs", "--inputs", tmp_path / "stored.npz")[0] == 0


class TestOutputs:
    def test_one_that_only_one_side_has(self, foreign, verify):
        def drop(graph):
            kept = [value for value in graph.output if value.name == "last_hidden_state"]
            del graph.output[:]
            graph.output.extend(kept)

        path = foreign(HUGGING_FACE, drop)
        code, line = verify(path)
        assert code == 2
        assert line.endswith(
            f"returns sequence_output, pooled_output and onnx {path} returns last_hidden_state (sequence_output): "
            "compare those that both have with --outputs common, or say which are the same with "
            "--map THEIRS=OURS\n"
        )
        code, out = verify(path, "--outputs", "common")
        assert (code, "  pooled_output: not compared with" in out) == (0, True)
        assert "AGREE on 11 probes (restricted: see notes) within " in out

    @staticmethod
    def insert(graph, name, *nodes):
        """Computes an output by more nodes from what it was, which they call `raw`."""
        for node in graph.node:
            node.output[:] = ["raw" if output == name else output for output in node.output]
            node.input[:] = ["raw" if output == name else output for output in node.input]
        graph.node.extend(nodes)

    def test_zeroed_padding(self, foreign, verify):
        def zero(graph):
            graph.initializer.append(numpy_helper.from_array(np.array([2]), "axis"))
            self.insert(
                graph,
                "last_hidden_state",
                helper.make_node("Cast", ["attention_mask"], ["mask"], to=onnx.TensorProto.FLOAT),
                helper.make_node("Unsqueeze", ["mask", "axis"], ["column"]),
                helper.make_node("Mul", ["raw", "column"], ["last_hidden_state"]),
            )

        path = foreign(HUGGING_FACE, zero)
        code, out = verify(path)
        assert code == 1
        assert out.endswith("hint: only padded positions differ; ignore them with --positions unmasked\n")
        assert verify(path, "--positions", "unmasked")[0] == 0

    def test_a_pooler_that_alone_differs(self, foreign, verify):
        def double(graph):
            self.insert(graph, "pooler_output", helper.make_node("Add", ["raw", "raw"], ["pooler_output"]))

        code, out = verify(foreign(HUGGING_FACE, double))
        assert code == 1
        assert out.endswith(
            "hint: the vectors of the tokens agree, only pooled_output differs; compare the pooler: its weights, "
            "its tanh, the position that it reads\n"
        )

    def test_float16_counts_as_float32_under_a_profile_for_it(self, foreign, verify):
        def narrow(graph):
            cast = helper.make_node("Cast", ["raw"], ["last_hidden_state"], to=onnx.TensorProto.FLOAT16)
            self.insert(graph, "last_hidden_state", cast)
            graph.output[0].type.tensor_type.elem_type = onnx.TensorProto.FLOAT16

        path = foreign(HUGGING_FACE, narrow)
        code, out = verify(path)
        assert (code, "sequence_output on 'mixed': dtype float16, reference float32" in out) == (1, True)
        assert out.endswith("such as --profile fp16\n")
        assert verify(path, "--profile", "fp16")[0] == 0

    def test_own_files_with_float16_outputs_agree(self, golden, tmp_path, verify):
        options = OnnxOptions(precision="fp16", keep_io=False, verify=False)
        export_onnx(tmp_path / "m.onnx", options, checkpoint=golden / "tf1_core_L2")
        code, out = verify(tmp_path / "m.onnx", "--json", tmp_path / "r.json")
        assert (code, "within fp16" in out) == (0, True)
        assert main(["--rejudge", str(tmp_path / "r.json"), "--profile", "fp32", "--atol", "1"]) == 1
