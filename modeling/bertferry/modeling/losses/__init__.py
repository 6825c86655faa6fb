"""The losses of the Keras networks."""

from bertferry.modeling.losses.weighted_sparse_categorical_crossentropy import (
    loss as weighted_sparse_categorical_crossentropy_loss,
)
from bertferry.modeling.losses.weighted_sparse_categorical_crossentropy import (
    per_example_loss as weighted_sparse_categorical_crossentropy_per_example_loss,
)

__all__ = [
    "weighted_sparse_categorical_crossentropy_loss",
    "weighted_sparse_categorical_crossentropy_per_example_loss",
]
