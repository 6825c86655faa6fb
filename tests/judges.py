"""Packages that judge what this project reads and writes; without one, the tests that use it are skipped."""

from importlib import import_module
from typing import Any

import pytest

from bertferry.core.errors import UnavailableError
from bertferry.core.extras import check_installed


def skip_without(*modules):
    """Skips the test, or at module level its file, if an optional package is not installed."""
    try:
        check_installed("this test", *modules)
    except UnavailableError as error:
        pytest.skip(str(error), allow_module_level=True)


class Judge:
    """A module that is imported when a test uses it, and its own needs if it is one of this project."""

    def __init__(self, module, *needs):
        self._module = module
        self._needs = needs or (module,)

    def __getattr__(self, name):
        if name.startswith("_"):  # pytest looks at every object in a file that it collects
            raise AttributeError(name)
        skip_without(*self._needs)
        return getattr(import_module(self._module), name)


tf: Any = Judge("tensorflow")
tf_keras: Any = Judge("tf_keras")
networks: Any = Judge("bertferry.convert.loading", "tensorflow", "tf_keras")
"""Loads checkpoints into this project's Keras networks."""
activations: Any = Judge("bertferry.modeling.activations", "tensorflow", "tf_keras")
