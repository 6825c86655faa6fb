"""The bias of attention by relative position, which MPNet adds to the scores of every layer.

One value per head and bucket of distances: exact up to 7 tokens, then two buckets per doubling, and the last one
from 91 tokens on; keys after the query have buckets of their own (Raffel et al., 2020, bidirectional):
https://github.com/huggingface/transformers/blob/main/src/transformers/models/mpnet/modeling_mpnet.py,
`relative_position_bucket`, whatever the configuration calls their number.
"""

BUCKETS = 32
"""In both directions together."""
EXACT = 8
"""Distances below it have a bucket each."""
FARTHEST = 91
"""Every distance from here on is in the last bucket: the least above 8 · 2^3.5."""


def bucket_of(distance: int) -> int:
    """The bucket of a distance to an earlier key; that of a later one is `BUCKETS` / 2 more."""
    if distance < EXACT:
        return distance
    octave_halves = max(
        half for half in range(EXACT) if distance**2 >= EXACT**2 * 2**half
    )  # 2 · log2(distance / 8)
    return EXACT + octave_halves


BUCKET_OF_DISTANCE = tuple(bucket_of(distance) for distance in range(FARTHEST + 1))
"""Of 0, 1, …, and of all that are farther."""
