"""The fault that ends a release with one line."""


class ReleaseError(Exception):
    """Why nothing can be released as things are, and what to do."""
