"""How the architectures of BERT's family differ from BERT: named switches, which determine what is computed."""

from dataclasses import dataclass, replace
from typing import Literal


@dataclass(frozen=True)
class Architecture:
    """One encoder of the family, by what it does otherwise than BERT.

    Attributes:
      name: its `model_type` in transformers.
      classes: the first part of the names of its classes there.
      tables: the architecture whose layouts store it, if it has none of its own.
      projection: whether the normalized embeddings are projected to the hidden size: never, if they are of another
        width, or always.
      shares_blocks: every layer has the weights of the same block.
      counts_positions: a token's position is its number among the ids that are not padding's, after the row of
        padding's id, which padding itself has; the mask has no part in it.
      has_segments: there are segment embeddings.
      relative_positions: a bias by relative position is added to the scores of attention, the same in every layer.
      has_pooler: its encoders alone have a pooler; otherwise it is part of heads that read one vector.
      pad_id: the id of padding, unless a configuration states another.
      pooler_activation: of the layer before a sentence classifier.
      mlm_activation: of the transform before words are predicted; None: that of the configuration.
      title: what people call it, if that is not `classes`.
    """

    name: str
    classes: str
    tables: str
    projection: Literal["never", "if_unequal", "always"] = "never"
    shares_blocks: bool = False
    counts_positions: bool = False
    has_segments: bool = True
    relative_positions: bool = False
    has_pooler: bool = True
    pad_id: int = 0
    pooler_activation: str = "tanh"
    mlm_activation: str | None = None
    title: str = ""

    @property
    def called(self) -> str:
        """What people call it."""
        return self.title or self.classes

    @property
    def takes_segments(self) -> bool:
        """Whether its tokenizers in transformers number the segments of a text."""
        return self.has_segments and not self.counts_positions


ROBERTA = Architecture(
    *("roberta", "Roberta", "roberta"), counts_positions=True, pad_id=1, mlm_activation="gelu_erf", title="RoBERTa"
)
ARCHITECTURES: dict[str, Architecture] = {
    one.name: one
    for one in (
        Architecture("bert", "Bert", "bert", title="BERT"),
        Architecture("albert", "Albert", "albert", projection="always", shares_blocks=True, title="ALBERT"),
        Architecture(
            *("electra", "Electra", "electra", "if_unequal"),
            has_pooler=False,
            pooler_activation="gelu_erf",
            mlm_activation="gelu_erf",
            title="ELECTRA",
        ),
        ROBERTA,
        replace(ROBERTA, name="xlm-roberta", classes="XLMRoberta", title="XLM-R"),
        replace(ROBERTA, name="camembert", classes="Camembert", title="CamemBERT"),
        replace(ROBERTA, name="data2vec-text", classes="Data2VecText", tables="data2vec-text", title=""),
        replace(
            ROBERTA,
            name="mpnet",
            classes="MPNet",
            tables="mpnet",
            has_segments=False,
            relative_positions=True,
            title="",
        ),
        Architecture(
            "distilbert",
            "DistilBert",
            "distilbert",
            has_segments=False,
            has_pooler=False,
            pooler_activation="relu",
            title="DistilBERT",
        ),
    )
}
"""Every architecture that is read, by name."""


def tables_of(model_type: str) -> str:
    """The architecture whose layouts store the models of a `model_type`; itself if it is unknown."""
    known = ARCHITECTURES.get(model_type)
    return model_type if known is None else known.tables
