"""The steps of a network of BERT's family in ONNX Runtime's fused operations, as far as it has any.

https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md. Fusing a finished graph by pattern
matching misses some patterns and drops the mask value.
"""

from bertferry.core.config import MASKED_SCORE
from bertferry.export.onnx.builder import MICROSOFT
from bertferry.export.onnx.plain import MASK, PlainSteps

PROJECTIONS = ("query", "key", "value")
GELUS = {"gelu_tanh": "FastGelu", "gelu_erf": "BiasGelu"}


class FusedSteps(PlainSteps):
    """Writes each step in as few operations as there are; their kernels choose the precision inside."""

    @property
    def _fuses_attention(self) -> bool:
        """Not if its probabilities are outputs, which the operation keeps to itself, nor if its mask has a bias by
        relative position added."""
        return not self.attentions and not self.config.switches.relative_positions

    def mask(self) -> str:
        """Int32 [B, S]; a row of padding only attends to everything, as a softmax over equal masks does."""
        if not self._fuses_attention:
            return super().mask()
        add, constant = self.graph.add, self.graph.constant
        mask = self.graph.cast(MASK, "int32")
        only_padding = add("Equal", [self.graph.reduce_max(mask, axis=1), constant(0, "int32")])
        return add("Where", [only_padding, constant(1, "int32"), mask])

    def attend(self, hidden: str, mask: str, place: str, probabilities: str = "") -> str:
        """Attention over the three projections joined."""
        if not self._fuses_attention:
            return super().attend(hidden, mask, place, probabilities)
        kernel, bias = (
            self.graph.joined_weights(
                f"{place}/projections/{part}", [f"{place}/{projection}/{part}" for projection in PROJECTIONS]
            )
            for part in ("kernel", "bias")
        )
        return self.graph.add(
            "Attention",
            [hidden, kernel, bias, mask],
            domain=MICROSOFT,
            num_heads=self.config.num_attention_heads,
            mask_filter_value=MASKED_SCORE,
        )

    def dense_activate(self, inputs: str, place: str, activation: str | None = None) -> str:
        """A product, and its bias and the activation in one."""
        activation = activation or self.config.activation
        if activation not in GELUS:
            return super().dense_activate(inputs, place, activation)
        product = self.graph.add("MatMul", [inputs, self.graph.weight(f"{place}/kernel")])
        bias = self.graph.weight(f"{place}/bias")
        return self.graph.add(GELUS[activation], [product, bias], domain=MICROSOFT)

    def dense_add_norm(self, inputs: str, place: str, skip: str, norm: str, outputs: tuple[str, str]) -> str:
        """A product; its bias, the sum and the normalization in one."""
        product = self.graph.add("MatMul", [inputs, self.graph.weight(f"{place}/kernel")])
        return self._skip_layer_norm([product, skip], norm, outputs[1], [self.graph.weight(f"{place}/bias")])

    def add_norm(self, values: str, skip: str, place: str, output: str = "") -> str:
        """The sum and the normalization in one."""
        return self._skip_layer_norm([values, skip], place, output, [])

    def _skip_layer_norm(self, terms: list[str], place: str, output: str, bias: list[str]) -> str:
        weights = [self.graph.weight(f"{place}/{part}") for part in ("gamma", "beta")]
        return self.graph.add(
            "SkipLayerNormalization",
            [*terms, *weights, *bias],
            output,
            domain=MICROSOFT,
            epsilon=self.config.layer_norm_eps,
        )
