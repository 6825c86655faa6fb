"""The steps of a network of BERT's family in standard ai.onnx operations: https://onnx.ai/onnx/operators/."""

from bertferry.core.config import MASKED_SCORE, EncoderConfig
from bertferry.core.tasks import ENCODER_INPUTS
from bertferry.export.onnx.activations import ACTIVATION_STEPS
from bertferry.export.onnx.builder import GraphBuilder
from bertferry.export.onnx.relative_positions import relative_bias

WORD_IDS, MASK, TYPE_IDS = ENCODER_INPUTS


class PlainSteps:
    """Writes each step of the network; its arguments and results are names of tensors.

    In half precision, weights and values between operations have 16 bits. Softmax and activations, whose
    intermediate values can exceed float16's range, are computed in float32, as LayerNormalization does by itself.
    """

    def __init__(
        self, graph: GraphBuilder, config: EncoderConfig, *, attentions: bool = False, segments: bool = True
    ) -> None:
        """`attentions`: whether the probabilities of attention are outputs of the graph; `segments`: whether it
        takes any, or else computes with the first."""
        self.graph = graph
        self.config = config
        self.attentions = attentions
        self.segments = segments

    def mask(self) -> str:
        """What `attend` adds to the scores, float32 [B, 1, 1, S]: 0 for tokens, -10000 for padding.

        A bias by relative position is added to it, [B, N, S, S].

        Softmax ignores an offset that all scores share, so a row of padding only gets 0 throughout: -10000 would
        merely round its scores to steps of 1e-3.
        """
        add, constant = self.graph.add, self.graph.constant
        padding = add("Sub", [constant(1.0, "float32"), self.graph.cast(MASK, "float32")])
        bias = add("Mul", [padding, constant(MASKED_SCORE, "float32")])
        bias = add("Sub", [bias, self.graph.reduce_max(bias, axis=1)])
        bias = add("Unsqueeze", [bias, constant([1, 2])])
        if not self.config.switches.relative_positions:
            return bias
        return add("Add", [bias, relative_bias(self.graph, WORD_IDS)])

    def embed(self, output: str) -> str:
        """The normalized sum of the embeddings, projected if they are, [B, S, H]."""
        add, weight = self.graph.add, self.graph.weight
        vectors, last = add("Gather", [weight("embeddings/word"), WORD_IDS]), self._positions()
        if self.config.switches.has_segments:
            segments = TYPE_IDS if self.segments else self._zeros()
            vectors, last = add("Add", [vectors, last]), add("Gather", [weight("embeddings/segment"), segments])
        if not self.config.is_projected:
            return self.add_norm(vectors, last, "embeddings/norm", output)
        return self.dense(self.add_norm(vectors, last, "embeddings/norm"), "embeddings/projection", output)

    def _zeros(self) -> str:
        """The only segment there is, for every token: [B, S]."""
        return self.graph.add("Mul", [self.graph.cast(MASK, "int64"), self.graph.constant(0)])

    def _positions(self) -> str:
        """The embeddings of positions, [S, E], or [B, S, E] where they are counted over the ids."""
        add, constant, table = self.graph.add, self.graph.constant, self.graph.weight("embeddings/position")
        if not self.config.switches.counts_positions:
            length = add("Shape", [WORD_IDS], start=1, end=2)
            return add("Slice", [table, constant([0]), length, constant([0])])
        padding = constant(self.config.pad_id)
        tokens = add("Not", [add("Equal", [self.graph.cast(WORD_IDS, "int64"), padding])])
        tokens = self.graph.cast(tokens, "int64")
        counted = add("Mul", [add("CumSum", [tokens, constant(1)]), tokens])
        return add("Gather", [table, add("Add", [counted, padding])])

    def attend(self, hidden: str, mask: str, place: str, probabilities: str = "") -> str:
        """Scaled dot-product attention: the contexts of all heads joined, [B, S, H].

        `probabilities` names those with which each token attends to each, float32 [B, N, S, S].
        """
        add, constant = self.graph.add, self.graph.constant
        query, key, value = (self.dense(hidden, f"{place}/{part}") for part in ("query", "key", "value"))
        # Scaling the query takes fewer products than scaling the scores, which it also keeps in float16's range.
        query = add("Mul", [query, constant(self.config.head_size**-0.5, self.graph.floats)])
        scores = add("MatMul", [self._split_heads(query, [0, 2, 1, 3]), self._split_heads(key, [0, 2, 3, 1])])
        attended = add("Softmax", [add("Add", [self.widen(scores), mask])], probabilities, axis=-1)
        contexts = add("MatMul", [self.narrow(attended), self._split_heads(value, [0, 2, 1, 3])])
        joined = add("Transpose", [contexts], perm=[0, 2, 1, 3])
        return add("Reshape", [joined, constant([0, 0, self.config.hidden_size])])

    def _split_heads(self, values: str, order: list[int]) -> str:
        """[B, S, H] as [B, S, N, D], transposed."""
        sizes = [0, 0, self.config.num_attention_heads, self.config.head_size]  # 0 keeps a size
        split = self.graph.add("Reshape", [values, self.graph.constant(sizes)])
        return self.graph.add("Transpose", [split], perm=order)

    def dense(self, inputs: str, place: str, output: str = "") -> str:
        """inputs · kernel + bias: [..., H] → [..., W]."""
        product = self.graph.add("MatMul", [inputs, self.graph.weight(f"{place}/kernel")])
        return self.graph.add("Add", [product, self.graph.weight(f"{place}/bias")], output)

    def dense_activate(self, inputs: str, place: str, activation: str | None = None) -> str:
        """A dense layer and an activation, by default the configuration's."""
        return self.activate(self.dense(inputs, place), activation or self.config.activation)

    def dense_add_norm(self, inputs: str, place: str, skip: str, norm: str, outputs: tuple[str, str]) -> str:
        """A dense layer, and the layer normalization of its sum with `skip`; `outputs` are names for both."""
        return self.add_norm(self.dense(inputs, place, outputs[0]), skip, norm, outputs[1])

    def add_norm(self, values: str, skip: str, place: str, output: str = "") -> str:
        """The layer normalization of a sum."""
        return self.norm(self.graph.add("Add", [values, skip]), place, output)

    def norm(self, values: str, place: str, output: str = "") -> str:
        """Layer normalization over the last axis (Ba et al., 2016)."""
        inputs = [values, self.graph.weight(f"{place}/gamma"), self.graph.weight(f"{place}/beta")]
        epsilon = self.config.layer_norm_eps
        return self.graph.add("LayerNormalization", inputs, output, axis=-1, epsilon=epsilon)

    def activate(self, values: str, activation: str) -> str:
        """One of the activations of `bertferry.core.config`."""
        return self.narrow(ACTIVATION_STEPS[activation](self.graph, self.widen(values)))

    def pool(self, hidden: str, output: str) -> str:
        """The first position through the pooler, [B, H]."""
        first = self.graph.add("Gather", [hidden, self.graph.constant(0)], axis=1)
        activation = self.config.switches.pooler_activation
        if activation == "tanh":  # whose values need no more bits than it is given
            return self.graph.add("Tanh", [self.dense(first, "pooler")], output)
        return self.graph.add("Identity", [self.dense_activate(first, "pooler", activation)], output)

    def predict_tokens(self, sequence: str, positions: str | None) -> str:
        """Logits [B, P, V] of the tokens at some positions, or all: a transform, then the tied embedding table."""
        add, constant = self.graph.add, self.graph.constant
        if positions is not None:
            indices = add("Unsqueeze", [self.graph.cast(positions, "int64"), constant([-1])])
            sequence = add("GatherND", [sequence, indices], batch_dims=1)
        hidden = self.dense_activate(sequence, "mlm/dense", self.config.switches.mlm_activation)
        # A Gemm could transpose the table by itself, but quantization would then store it twice.
        table = add("Transpose", [self.graph.weight("embeddings/word")], perm=[1, 0])
        product = add("MatMul", [self.norm(hidden, "mlm/norm"), table])
        return add("Add", [product, self.graph.weight("mlm/bias")])

    def columns(self, scores: str, count: int) -> list[str]:
        """The columns of the last axis: [B, S, count] → [B, S] each."""
        last = self.graph.constant([-1])
        columns = self.graph.split(scores, count) if count > 1 else [scores]
        return [self.graph.add("Squeeze", [column, last]) for column in columns]

    def widen(self, values: str) -> str:
        """The values in float32."""
        return values if self.graph.floats == "float32" else self.graph.cast(values, "float32")

    def narrow(self, values: str) -> str:
        """Float32 values in the type of those between operations."""
        return values if self.graph.floats == "float32" else self.graph.cast(values, self.graph.floats)
