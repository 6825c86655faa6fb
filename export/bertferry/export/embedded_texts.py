"""What eight bits are judged by: the embeddings of texts, if a checkpoint's outputs become some.

On random ids, nobody knows how much a quantized network may differ. On texts, the question is whether their
embeddings stay where they are, and whether the same texts stay similar.
"""

import math

from bertferry.convert import Checkpoint
from bertferry.core.errors import UsageError
from bertferry.core.tasks import EMBEDDINGS
from bertferry.verify import Tolerance
from bertferry.verify.artifact import Artifact
from bertferry.verify.probes import Probe
from bertferry.verify.texts import sample_probes

ON_TEXTS = Tolerance("int8 on texts", math.inf, 0.0, min_text_cosine=0.99, min_rank_correlation=0.995)


def embedded_texts(checkpoint: Checkpoint, task: str, artifact: Artifact) -> tuple[Probe, ...]:
    """Texts whose embeddings are an output of the task, or the mean of one; none if there is no such output.

    Nor if no tokenizer here gives their ids.
    """
    if task == EMBEDDINGS or (task == "encoder" and _averages(checkpoint)):
        return sample_probes(artifact)
    return ()


def _averages(checkpoint: Checkpoint) -> bool:
    """Whether the files beside a checkpoint say that embeddings are means of its vectors."""
    try:
        return checkpoint.sentence.poolings == ("mean",)
    except UsageError:
        return False
