"""Globs of names, compiled together: files have thousands of names to be matched with dozens of globs."""

import re
from fnmatch import translate
from functools import cache


@cache
def any_of(globs: tuple[str, ...]) -> re.Pattern[str]:
    """What matches any of the globs, with case."""
    return re.compile("|".join(map(translate, globs)) or "(?!)")
