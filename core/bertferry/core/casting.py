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
    with np.errstate(over="ignore"):
        result = values.astype(np.dtype(dtype))
    lost = np.isfinite(values) & ~np.isfinite(result)
    if lost.any():
        largest = float(ml_dtypes.finfo(dtype).max)  # type: ignore[no-untyped-call]
        raise DataError(
            f"{name}: {values[lost].flat[0]:g} does not fit into {dtype} (at most {largest:g})", remedy
        )
    return result
