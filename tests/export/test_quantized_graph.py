"""Eight bits: weights, products and lookups, beside their definition in NumPy."""

import numpy as np
import onnxruntime
import pytest
from closeness import assert_close
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from onnx import TensorProto, helper, numpy_helper

from bertferry.core.errors import UsageError
from bertferry.core.onnx_files.attention import averaging_kernels, split_attention
from bertferry.core.onnx_files.eight_bits import to_eight_bits
from bertferry.core.onnx_files.quantize import quantize

MICROSOFT = "com.microsoft"
RANDOM = np.random.default_rng(5)
MATRICES = arrays(
    np.float32,
    st.tuples(st.integers(1, 7), st.integers(1, 5)),
    elements=st.floats(-(2.0**60), 2.0**60, width=32, allow_subnormal=False),
)


def model_of(nodes, weights, shape, opset=17, outputs=("y",)):
    """A graph of the input x."""
    inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)]
    graph = helper.make_graph(
        nodes,
        "test",
        inputs,
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs],
        [numpy_helper.from_array(values, name) for name, values in weights.items()],
    )
    imports = [helper.make_opsetid("", opset), helper.make_opsetid(MICROSOFT, 1)]
    return helper.make_model(graph, opset_imports=imports, ir_version=8)


def run(model, level="ORT_ENABLE_ALL", **inputs):
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = getattr(onnxruntime.GraphOptimizationLevel, level)
    return onnxruntime.InferenceSession(model.SerializeToString(), options).run(None, inputs)


def rounded(x):
    """Codes, scales and smallest values of vectors, as in the graph."""
    least, greatest = x.min(-1, keepdims=True), x.max(-1, keepdims=True)
    scale = np.maximum((greatest - least) / np.float32(255), np.float32(1e-30))
    return np.rint((x - least) / scale), scale, least


def product(x, kernel):
    """The definition of a quantized product."""
    codes, scale, least = rounded(x)
    eight, scales = to_eight_bits(kernel, 0)
    sums = (eight.sum(0, dtype=np.int64) * scales.astype(np.float64)).astype(np.float32)
    return (codes @ eight.astype(np.float64)).astype(np.float32) * scales * scale + least * sums


class TestWeights:
    @given(MATRICES, st.sampled_from((0, 1)))
    def test_pairs_fit_into_sixteen_bits(self, matrix, axis):
        """So that u8 · s8 products are exact without VNNI: 255 · (a + b), a and b of the same sign."""
        eight, _ = to_eight_bits(matrix, axis)
        rows = np.moveaxis(eight.astype(int), axis, 0)
        rows = np.concatenate([rows, np.zeros_like(rows[: len(rows) % 2])])
        for sign in (1, -1):
            pairs = np.maximum(sign * rows, 0)
            assert (255 * (pairs[0::2] + pairs[1::2])).max() < 2**15

    @given(MATRICES, st.sampled_from((0, 1)))
    def test_nothing_moves_by_more_than_half_a_step(self, matrix, axis):
        eight, scales = to_eight_bits(matrix, axis)
        steps = np.expand_dims(scales.astype(np.float64), axis)
        assert (np.abs(eight * steps - matrix) <= steps / 2 * (1 + 1e-6)).all()
        largest = np.abs(matrix).max(axis)
        assert (scales[largest > 0] <= largest[largest > 0] * np.float32(2 / 127) * np.float32(1 + 1e-6)).all()

    def test_axes_are_those_of_the_transposed(self):
        matrix = RANDOM.normal(size=(6, 4)).astype(np.float32)
        for got, want in zip(to_eight_bits(matrix.T, 1), to_eight_bits(matrix, 0), strict=True):
            np.testing.assert_array_equal(got, want.T)


@pytest.mark.parametrize("level", ["ORT_ENABLE_ALL", "ORT_DISABLE_ALL"])
@pytest.mark.parametrize("opset", [11, 17, 18])
class TestProducts:
    kernel = RANDOM.normal(size=(32, 12)).astype(np.float32)
    bias = RANDOM.normal(size=12).astype(np.float32)
    x = (RANDOM.normal(size=(2, 5, 32)) * RANDOM.lognormal(0, 3, (2, 5, 1))).astype(np.float32)

    def test_a_product_is_what_is_documented(self, opset, level):
        model = quantize(
            model_of([helper.make_node("MatMul", ["x", "k"], ["y"])], {"k": self.kernel}, [2, 5, 32], opset)
        )
        assert "k" not in {tensor.name for tensor in model.graph.initializer}
        assert_close(run(model, level, x=self.x)[0], product(self.x, self.kernel))

    def test_every_vector_is_rounded_by_itself(self, opset, level):
        """Whatever else is in a batch."""
        model = quantize(
            model_of([helper.make_node("MatMul", ["x", "k"], ["y"])], {"k": self.kernel}, None, opset)
        )
        (together,) = run(model, level, x=self.x)
        (alone,) = run(model, level, x=self.x[1, 3])
        assert alone.shape == (12,)
        np.testing.assert_array_equal(alone, together[1, 3])

    @pytest.mark.parametrize("transposed", [0, 1])
    def test_gemm_is_a_product(self, opset, level, transposed):
        kernel = np.ascontiguousarray(self.kernel.T) if transposed else self.kernel
        node = helper.make_node("Gemm", ["x", "k", "b"], ["y"], transB=transposed)
        model = quantize(model_of([node], {"k": kernel, "b": self.bias}, [5, 32], opset))
        assert "Gemm" not in {node.op_type for node in model.graph.node}
        assert_close(run(model, level, x=self.x[0])[0], product(self.x[0], self.kernel) + self.bias)

    def test_vectors_of_equal_values_are_exact(self, opset, level):
        model = quantize(
            model_of([helper.make_node("MatMul", ["x", "k"], ["y"])], {"k": self.kernel}, [3, 32], opset)
        )
        x = np.repeat(np.array([[0], [-7], [1e30]], np.float32), 32, axis=1)
        eight, scales = to_eight_bits(self.kernel, 0)
        assert_close(run(model, level, x=x)[0], x @ (eight * scales))

    def test_a_tied_table_is_stored_once(self, opset, level):
        table = RANDOM.normal(size=(9, 32)).astype(np.float32)
        nodes = [
            helper.make_node("Cast", ["x"], ["ids"], to=TensorProto.INT64),
            helper.make_node("Gather", ["table", "ids"], ["rows"]),
            helper.make_node("Transpose", ["table"], ["turned"], perm=[1, 0]),
            helper.make_node("MatMul", ["rows", "turned"], ["y"]),
        ]
        model = quantize(model_of(nodes, {"table": table}, [4], opset, outputs=("rows", "y")))
        assert [list(tensor.dims) for tensor in model.graph.initializer if 32 in tensor.dims] == [[9, 32]]
        rows, logits = run(model, level, x=np.array([3, 0, 8, 3], np.float32))
        eight, scales = to_eight_bits(table, 1)
        np.testing.assert_array_equal(rows, (eight * scales[:, np.newaxis])[[3, 0, 8, 3]])
        assert_close(logits, product(rows, np.ascontiguousarray(table.T)))

    def test_other_forms_stay(self, opset, level):
        nodes = [
            helper.make_node("Gemm", ["x", "k"], ["y"], alpha=2.0),
            helper.make_node("Gather", ["k", "i"], ["z"], axis=1),
            helper.make_node("Transpose", ["square"], ["same"], perm=[0, 1]),
            helper.make_node("MatMul", ["x", "same"], ["w"]),
        ]
        square = RANDOM.normal(size=(32, 32)).astype(np.float32)
        weights = {"k": self.kernel, "i": np.array([2, 0]), "square": square}
        model = quantize(model_of(nodes, weights, [5, 32], opset, outputs=("y", "z", "w")))
        assert [node.op_type for node in model.graph.node] == ["Gemm", "Gather", "Transpose", "MatMul"]
        np.testing.assert_array_equal(run(model, level, x=self.x[0])[1], self.kernel[:, [2, 0]])


def attention(mask_rank_known=True, **attributes):
    weights = {"k": RANDOM.normal(size=(8, 24)), "b": RANDOM.normal(size=24)}
    weights = {name: values.astype(np.float32) for name, values in weights.items()}
    node = helper.make_node(
        "Attention", ["x", "k", "b", "mask"], ["y"], domain=MICROSOFT, num_heads=2, **attributes
    )
    model = model_of([node], weights, ["batch", "sequence", 8])
    shape = ["batch", "sequence"] if mask_rank_known else None
    model.graph.input.append(helper.make_tensor_value_info("mask", TensorProto.INT32, shape))
    return model


class TestAttention:
    def test_its_projections_become_products_of_their_own(self):
        model = attention(mask_filter_value=-10000.0)
        x, mask = RANDOM.normal(size=(2, 6, 8)).astype(np.float32), np.ones((2, 6), np.int32)
        mask[1, 4:] = 0
        (want,) = run(model, x=x, mask=mask)
        result = quantize(model)
        kinds = [node.op_type for node in result.graph.node]
        assert kinds.count("MatMulInteger") == kinds.count("MultiHeadAttention") == 1
        assert kinds.count("MatMul") == 1  # that of the values
        (got,) = run(result, x=x, mask=mask)
        assert_close(got, want, "int8")

    @pytest.mark.parametrize("options", [{"mask_rank_known": False}, {"unidirectional": 1}], ids=str)
    def test_another_one_is_left_to_onnx_runtime(self, options):
        model = attention(**options)
        split_attention(model)
        assert [node.op_type for node in model.graph.node][-1] == "Attention"

    def test_values_that_are_averaged_stay(self):
        """Found through what rearranges them; scores are a product, too, but not an average."""
        nodes = [
            helper.make_node("MatMul", ["x", "q"], ["query"]),
            helper.make_node("MatMul", ["x", "v"], ["value"]),
            helper.make_node("Add", ["b", "value"], ["shifted"]),
            helper.make_node("Transpose", ["query"], ["turned"], perm=[0, 2, 1]),
            helper.make_node("MatMul", ["query", "turned"], ["scores"]),
            helper.make_node("Softmax", ["scores"], ["shares"], axis=-1),
            helper.make_node("MatMul", ["shares", "shifted"], ["averages"]),
            helper.make_node("MatMul", ["averages", "o"], ["y"]),
        ]
        weights = {name: RANDOM.normal(size=(8, 8)).astype(np.float32) for name in "qvo"}
        model = model_of(nodes, {**weights, "b": np.ones(8, np.float32)}, [2, 6, 8])
        assert averaging_kernels(model.graph) == {"v"}
        kept = {tensor.name for tensor in quantize(model).graph.initializer}
        assert kept & {"q", "v", "o"} == {"v"}


def test_other_operations_are_left_to_onnx_runtime():
    kernel = RANDOM.normal(size=(4, 3, 5)).astype(np.float32)
    nodes = [helper.make_node("Conv", ["x", "k"], ["y"])]
    result = quantize(model_of(nodes, {"k": kernel}, [1, 3, 9]))
    assert "ConvInteger" in {node.op_type for node in result.graph.node}


def test_an_old_opset_is_refused():
    model = model_of(
        [helper.make_node("MatMul", ["x", "k"], ["y"])], {"k": np.ones((2, 2), np.float32)}, [2, 2], 9
    )
    with pytest.raises(UsageError, match="a graph of opset 9 cannot be quantized: at least 11 required"):
        quantize(model)
