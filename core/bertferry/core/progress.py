"""How long-running work reports its progress."""

from collections.abc import Callable

ProgressCallback = Callable[[str, int, int], None]
"""Called with a description of the current step, the number of completed steps and the total number of steps."""
