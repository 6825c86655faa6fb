import re

import pytest


@pytest.fixture
def one_line(capfd):
    """A check that the command said one line on stderr, with this in it, and nothing on stdout."""

    def check(pattern: str) -> None:
        out, err = capfd.readouterr()
        assert out == ""
        assert err.count("\n") == 1, err
        assert re.search(f"^convert-checkpoint: .*{pattern}", err), err

    return check
