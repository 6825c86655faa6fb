"""Casts weights to other types, and refuses what does not fit."""

import ml_dtypes
import numpy as np

from bertferry.core.errors import DataError


def cast(values: np.ndarray, dtype: str, name: str, remedy: str) -> np.ndarray:
    """The values in another type, rounded to nearest.

    Raises:
      DataError: a finite value that becomes infinite; the message has the name of the weight and the remedy.
    """
    if values.dtype == np.dtype(dtype):
        return values
    largest = float(ml_dtypes.finfo(dtype).max)  # type: ignore[no-untyped-call]
    with np.errstate(over="ignore"):
        result = values.astype(np.dtype(dtype))
    # Looking for the largest magnitude takes less time than looking at each result; NaN is never within.
    if values.size and not (float(values.max()) <= largest and float(values.min()) >= -largest):
        lost = np.isfinite(values) & ~np.isfinite(result)
        if lost.any():
            raise DataError(
                f"{name}: {values[lost].flat[0]:g} does not fit into {dtype} (at most {largest:g})", remedy
            )
    return result
