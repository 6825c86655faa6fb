"""Artifacts as other projects write them, and the command that compares them."""

import onnx
import pytest
from foreign_names import HUGGING_FACE

from bertferry.export import OnnxOptions, export_onnx
from bertferry.verify.command import main


@pytest.fixture(scope="module")
def ours(golden, tmp_path_factory):
    path = tmp_path_factory.mktemp("foreign") / "ours.onnx"
    export_onnx(path, OnnxOptions(verify=False, int64_inputs=True), checkpoint=golden / "tf1_core_L2")
    return path


@pytest.fixture
def foreign(ours, tmp_path):
    """Writes a graph of the encoder as another project would, changed by a function, and returns its path."""

    def write(names=HUGGING_FACE, change=lambda graph: None):
        model = onnx.load(str(ours))
        del model.metadata_props[:]
        graph = model.graph
        for value in (*graph.input, *graph.output):
            value.name = names.get(value.name, value.name)
        for node in graph.node:
            node.input[:] = [names.get(name, name) for name in node.input]
            node.output[:] = [names.get(name, name) for name in node.output]
        change(graph)
        onnx.save(model, str(tmp_path / "foreign.onnx"))
        return tmp_path / "foreign.onnx"

    return write


@pytest.fixture
def verify(golden, capfd):
    """Compares a candidate with the golden encoder; returns exit code and what was printed."""

    def run(candidate, *flags, reference=golden / "tf1_core_L2"):
        capfd.readouterr()
        arguments = ["--reference", reference, "--candidate", candidate, *flags]
        code = main([str(argument) for argument in arguments])
        out, err = capfd.readouterr()
        if code in (0, 1) and out:
            return code, out
        assert out == ""
        assert err.startswith("verify-parity: ")
        assert err.count("\n") == 1
        return code, err

    return run
