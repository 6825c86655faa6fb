"""The encoders in which faults are planted: random, small, one of each kind of computation."""

from dataclasses import dataclass, replace

from random_checkpoint import values
from weight_faults import CONFIG, Values

from bertferry.convert.layout import Layout
from bertferry.convert.layouts import HUGGINGFACE_MPNET, HUGGINGFACE_ROBERTA, TF1, TF1_ALBERT
from bertferry.core.config import EncoderConfig

FAMILIES = ("numpy", "keras", "module", "onnx", "pytorch")
"""A checkpoint in NumPy; in Keras, and its stored outputs; a Hub module as a layer and by signature; an ONNX file;
a Hugging Face directory in an independent implementation, which needs the extra `torch`."""
WITHOUT_TENSORFLOW = ("numpy", "onnx", "pytorch")
SPREAD = 0.25
"""Standard deviation of the weights: wide enough that no part of the network is nearly linear."""


@dataclass(frozen=True)
class Subject:
    """An encoder with its heads, the layout in which it is written, and what runs it."""

    name: str
    config: EncoderConfig
    layout: Layout
    families: tuple[str, ...] = WITHOUT_TENSORFLOW
    heads: tuple[str, ...] = ()

    @property
    def task(self) -> str:
        """The task that is compared."""
        return self.heads[0] if self.heads else "encoder"

    @property
    def has_pooler(self) -> bool:
        """Whether its files have one."""
        form = self.layout.form_with(self.heads)
        return form is not None and form.pooler

    def parameters(self) -> Values:
        """Its random parameters."""
        return dict(values(self.config, seed=1, spread=SPREAD, layout=self.layout, heads=self.heads))


BERT = Subject("BERT", CONFIG, TF1, FAMILIES)
ALBERT = Subject("ALBERT", replace(CONFIG, architecture="albert", embedding_size=12), TF1_ALBERT)
ROBERTA = Subject(
    "RoBERTa",
    replace(
        CONFIG,
        architecture="roberta",
        activation="gelu_erf",
        layer_norm_eps=1e-5,
        max_position_embeddings=18,
        pad_id=1,
        type_vocab_size=1,
    ),
    HUGGINGFACE_ROBERTA,
)
MPNET = Subject(
    "MPNet with a masked LM",
    replace(ROBERTA.config, architecture="mpnet", activation="relu"),
    HUGGINGFACE_MPNET,
    heads=("mlm",),
)
SUBJECTS = (BERT, ALBERT, ROBERTA, MPNET)
