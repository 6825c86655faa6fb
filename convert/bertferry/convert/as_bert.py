"""An encoder of another architecture as one of BERT that computes the same, where there is one.

RoBERTa is BERT on texts that are padded on the right: it numbers tokens from the row after that of padding's id.
DistilBERT is BERT with a segment embedding of zeros. ELECTRA is BERT if its embeddings are not projected. Whatever
else there is has a reason why it is not BERT.
"""

from collections.abc import Collection
from dataclasses import replace
from functools import partial

import numpy as np

from bertferry.convert.checkpoint import Checkpoint
from bertferry.convert.layout import Row
from bertferry.convert.readers.reader import NamedReader, Reader, StoredTensor, TensorInfo
from bertferry.core.architectures import ARCHITECTURES
from bertferry.core.config import EncoderConfig
from bertferry.core.parameters import axis_sizes
from bertferry.core.tasks import HEADS

BERT = ARCHITECTURES["bert"]
NO_SEGMENTS = "zeros, since it has no segments"
"""In the place of a stored name."""


def reason_not_bert(checkpoint: Checkpoint, heads: Collection[str]) -> str:
    """What an encoder or one of these heads of it computes and BERT does not; "" if BERT computes all."""
    config, switches = checkpoint.config, checkpoint.config.switches
    if config.is_projected:
        return "its embeddings are projected to the hidden size"
    if switches.relative_positions:
        return "its attention has a bias by relative position"
    others_pooler = switches.pooler_activation != BERT.pooler_activation and not checkpoint.match.form.pooler
    if others_pooler and _read_pooled(heads):
        return f"its {', '.join(heads)} has {switches.pooler_activation} where BERT has {BERT.pooler_activation}"
    if "mlm" in heads and switches.mlm_activation not in (None, config.activation):
        return f"its masked LM has {switches.mlm_activation} where BERT has the activation of its layers"
    return ""


def as_bert(checkpoint: Checkpoint, heads: Collection[str]) -> Checkpoint:
    """The checkpoint as one of BERT, for a target with these heads, for which there is no reason against it."""
    old, match = checkpoint.config, checkpoint.match
    config = replace(
        old,
        architecture=BERT.name,
        embedding_size=None,
        max_position_embeddings=old.max_length,
        type_vocab_size=old.type_vocab_size if old.switches.has_segments else 1,
    )
    stored = {key: _same(checkpoint.reader, key) for key in checkpoint.reader.tensors}
    found, skipped = dict(match.found), dict(match.skipped)
    position, row = found["embeddings/position"]
    if left_out := old.max_position_embeddings - old.max_length:
        found["embeddings/position"] = f"{position}[{left_out}:]", row
        stored[f"{position}[{left_out}:]"] = _without_rows(checkpoint.reader, position, left_out)
    if not old.switches.has_segments:
        stored[NO_SEGMENTS] = _zeros((1, config.hidden_size), checkpoint.reader.tensors[position].dtype)
        found["embeddings/segment"] = NO_SEGMENTS, Row("embeddings/segment", NO_SEGMENTS, "segment embedding")
    if not match.form.pooler and not _read_pooled(heads):  # what there is belongs to a head that is left out
        for name in [name for name in found if name.startswith("pooler/")]:
            skipped[found.pop(name)[0]] = f"of {', '.join(checkpoint.heads)}, which is not in the target"
    sizes = match.sizes | axis_sizes(config)
    return replace(
        checkpoint,
        config=config,
        match=replace(match, found=found, skipped=skipped, sizes=sizes),
        reader=NamedReader(checkpoint.reader.naming, stored),
    )


def notes_as_bert(config: EncoderConfig) -> tuple[str, ...]:
    """On which inputs an encoder computes otherwise than the same as BERT."""
    switches, notes = config.switches, []
    if switches.counts_positions:
        notes.append(
            f"computes what {switches.classes} does on texts that are padded on the right alone: that one counts "
            f"positions over ids other than {config.pad_id}, wherever they are"
        )
    if config.type_vocab_size == 1 or not switches.has_segments:
        notes.append("has one segment: segment ids must be 0")
    return tuple(notes)


def _read_pooled(heads: Collection[str]) -> bool:
    return any(HEADS[head].reads == "pooled" for head in heads)


def _same(reader: Reader, key: str) -> StoredTensor:
    return StoredTensor(reader.tensors[key], partial(reader.read, key), partial(reader.chunks, key))


def _without_rows(reader: Reader, key: str, count: int) -> StoredTensor:
    """A table without its first rows."""
    info = reader.tensors[key]
    return StoredTensor(
        TensorInfo((info.shape[0] - count, *info.shape[1:]), info.dtype),
        lambda: np.ascontiguousarray(reader.read(key)[count:]),
    )


def _zeros(shape: tuple[int, ...], dtype: str) -> StoredTensor:
    return StoredTensor(TensorInfo(shape, dtype), partial(np.zeros, shape, np.dtype(dtype)))
