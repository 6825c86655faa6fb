"""The graph of a checkpoint's task in ONNX Runtime's fused operations.

https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md. Fusing a translated graph by
pattern matching misses some patterns and drops the mask value, so the graph is written from the parameters.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper

from bertferry.convert import Checkpoint
from bertferry.core import axes as named_axes
from bertferry.core.parameters import canonical_axes
from bertferry.core.tasks import HEADS, POSITIONS_INPUT, TASKS
from bertferry.export.forward import LAYER_NORM_EPSILON, MASKED_SCORE
from bertferry.export.onnx.weights import Weight

MICROSOFT = "com.microsoft"
PROJECTIONS = ("query", "key", "value")
GELUS = {"gelu_tanh": "FastGelu", "gelu_erf": "BiasGelu"}


class FusedGraph:
    """Collects nodes, small constants and weights while the network is written."""

    def __init__(self, source: Checkpoint, integers: str) -> None:
        self.weights: dict[str, Weight] = {}
        self._source = source
        self._config = source.config
        self._integers = helper.np_dtype_to_tensor_dtype(np.dtype(integers))
        self._nodes: list[onnx.NodeProto] = []
        self._constants: dict[str, onnx.TensorProto] = {}

    def model(self, task: str, opset: int) -> onnx.ModelProto:
        """The model of a task; its weights are inputs of the graph, after the inputs of the task."""
        self._network(task)
        weights = [
            helper.make_tensor_value_info(weight.name, onnx.TensorProto.FLOAT, weight.shape)
            for weight in self.weights.values()
        ]
        inputs = [
            helper.make_tensor_value_info(name, self._integers, [None, None]) for name in TASKS[task].input_names
        ]
        graph = helper.make_graph(
            self._nodes,
            "bertferry",
            [*inputs, *weights],
            [
                helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None)
                for name in TASKS[task].output_names
            ],
            list(self._constants.values()),
        )
        imports = [helper.make_opsetid("", opset), helper.make_opsetid(MICROSOFT, 1)]
        return helper.make_model(graph, opset_imports=imports)

    def _network(self, task: str) -> None:
        mask = self._mask()
        hidden = self._embed()
        for layer in range(self._config.num_layers):
            hidden = self._block(hidden, mask, layer)
        spec, pooled = TASKS[task], ""
        if spec.needs_pooler:
            first = self._add("Gather", [hidden, self._constant(0)], axis=1)
            pooled = self._add("Tanh", [self._dense(first, "pooler")], output="pooler")
        if spec.encoder:
            self._add("Identity", [hidden], output="sequence_output")
            self._add("Identity", [pooled], output="pooled_output")
        for head in spec.heads:
            self._head(head, hidden, pooled)

    def _head(self, head: str, hidden: str, pooled: str) -> None:
        reads, outputs = HEADS[head].reads, [output.name for output in HEADS[head].outputs]
        if reads == "predictions":
            self._masked_lm(hidden, outputs[0])
            return
        scores = self._dense(pooled if reads == "pooled" else hidden, head)
        if len(outputs) == 1:
            self._add("Identity", [scores], output=outputs[0])
            return
        for name, column in zip(outputs, self._split(scores, len(outputs)), strict=True):
            self._add("Squeeze", [column, self._constant([-1])], output=name)

    def _mask(self) -> str:
        """Int32 [B, S]; a row of padding only attends to everything, as a softmax over equal masks does."""
        mask = self._add("Cast", ["input_mask"], to=onnx.TensorProto.INT32)
        largest = self._add("ReduceMax", [mask, self._constant([1])], keepdims=1)
        only_padding = self._add("Equal", [largest, self._constant(0, np.int32)])
        return self._add("Where", [only_padding, self._constant(1, np.int32), mask])

    def _embed(self) -> str:
        words = self._add("Gather", [self._weight("embeddings/word"), "input_word_ids"])
        length = self._add("Shape", ["input_word_ids"], start=1, end=2)
        table = self._weight("embeddings/position")
        positions = self._add("Slice", [table, self._constant([0]), length, self._constant([0])])
        segments = self._add("Gather", [self._weight("embeddings/segment"), "input_type_ids"])
        together = self._add("Add", [words, positions])
        return self._norm([together, segments], "embeddings/norm", "embeddings")

    def _block(self, hidden: str, mask: str, layer: int) -> str:
        place, name = f"encoder/{layer}", f"layer_{layer}"
        attended = self._add(
            "Attention",
            [hidden, self._merged_projections(place, "kernel"), self._merged_projections(place, "bias"), mask],
            domain=MICROSOFT,
            num_heads=self._config.num_attention_heads,
            mask_filter_value=MASKED_SCORE,
        )
        attended = self._add("MatMul", [attended, self._weight(f"{place}/attention/output/kernel")])
        bias = self._weight(f"{place}/attention/output/bias")
        normed = self._norm([attended, hidden], f"{place}/attention/norm", f"{name}/attention_norm", bias)
        inner = self._dense_activation(normed, f"{place}/intermediate")
        outer = self._add("MatMul", [inner, self._weight(f"{place}/output/kernel")])
        bias = self._weight(f"{place}/output/bias")
        return self._norm([outer, normed], f"{place}/output/norm", f"{name}/output", bias)

    def _masked_lm(self, hidden: str, output: str) -> None:
        positions = self._add("Cast", [POSITIONS_INPUT], to=onnx.TensorProto.INT64)
        indices = self._add("Unsqueeze", [positions, self._constant([-1])])
        hidden = self._dense_activation(self._add("GatherND", [hidden, indices], batch_dims=1), "mlm/dense")
        gamma, beta = self._weight("mlm/norm/gamma"), self._weight("mlm/norm/beta")
        normed = self._add("LayerNormalization", [hidden, gamma, beta], axis=-1, epsilon=LAYER_NORM_EPSILON)
        rows = self._add("Reshape", [normed, self._constant([-1, self._config.hidden_size])])
        scores = self._add("Gemm", [rows, self._weight("embeddings/word"), self._weight("mlm/bias")], transB=1)
        shape = self._add("Concat", [self._add("Shape", [POSITIONS_INPUT]), self._constant([-1])], axis=0)
        self._add("Reshape", [scores, shape], output=output)

    def _split(self, scores: str, count: int) -> list[str]:
        """The columns of the last axis, each [B, S, 1]."""
        names = [f"{scores}_{column}" for column in range(count)]
        sizes = self._constant([1] * count)
        self._nodes.append(helper.make_node("Split", [scores, sizes], names, axis=-1))
        return names

    def _dense(self, inputs: str, place: str) -> str:
        product = self._add("MatMul", [inputs, self._weight(f"{place}/kernel")])
        return self._add("Add", [product, self._weight(f"{place}/bias")])

    def _dense_activation(self, inputs: str, place: str) -> str:
        """A dense layer followed by the configuration's activation."""
        activation = self._config.activation
        if activation in GELUS:
            product = self._add("MatMul", [inputs, self._weight(f"{place}/kernel")])
            return self._add(GELUS[activation], [product, self._weight(f"{place}/bias")], domain=MICROSOFT)
        values = self._dense(inputs, place)
        if activation == "silu":
            return self._add("Mul", [values, self._add("Sigmoid", [values])])
        return self._add({"relu": "Relu", "tanh": "Tanh"}[activation], [values])

    def _norm(self, terms: Sequence[str], place: str, output: str, bias: str | None = None) -> str:
        """Layer normalization of a sum, with an optional bias."""
        inputs = [*terms, self._weight(f"{place}/gamma"), self._weight(f"{place}/beta")]
        return self._add(
            "SkipLayerNormalization",
            inputs if bias is None else [*inputs, bias],
            output=output,
            domain=MICROSOFT,
            epsilon=LAYER_NORM_EPSILON,
        )

    def _add(self, op: str, inputs: Sequence[str], output: str = "", domain: str = "", **attributes: Any) -> str:
        name = output or f"{op}_{len(self._nodes)}"
        self._nodes.append(helper.make_node(op, inputs, [name], name=name, domain=domain, **attributes))
        return name

    def _constant(self, value: int | Sequence[int], dtype: type[np.integer] = np.int64) -> str:
        array = np.array(value, dtype)
        name = f"constant_{array.dtype}_{'_'.join(map(str, array.reshape(-1)))}_{array.ndim}"
        self._constants[name] = numpy_helper.from_array(array, name)
        return name

    def _weight(self, name: str) -> str:
        merged = canonical_axes(name).replace("heads head_size", "(heads head_size)")
        shape = named_axes.shape(merged, self._source.sizes)
        self.weights[name] = Weight(
            name, shape, "float32", lambda: self._source.read(name, merged).astype(np.float32, copy=False)
        )
        return name

    def _merged_projections(self, place: str, part: str) -> str:
        """The three projections concatenated, as Attention requires."""
        hidden = self._config.hidden_size
        shape = (hidden, 3 * hidden) if part == "kernel" else (3 * hidden,)
        axes = "hidden (heads head_size)" if part == "kernel" else "(heads head_size)"

        def load() -> np.ndarray:
            parts = [self._source.read(f"{place}/attention/{name}/{part}", axes) for name in PROJECTIONS]
            return np.concatenate(parts, axis=-1).astype(np.float32, copy=False)

        name = f"{place}/attention/projections/{part}"
        self.weights[name] = Weight(name, shape, "float32", load)
        return name
