"""The flags that request the outputs of `bertferry.core.inner_outputs`."""

from argparse import ArgumentParser, Namespace

from bertferry.core.inner_outputs import INNER


def add_inner_flags(parser: ArgumentParser) -> None:
    """Adds them to a command."""
    parser.add_argument(
        "--hidden-states", action="store_true", help="also return the embeddings and what each layer returns"
    )
    parser.add_argument(
        "--attentions", action="store_true", help="also return the attention maps of each layer, after the softmax"
    )


def inner_kinds_of(arguments: Namespace) -> tuple[str, ...]:
    """What was requested, of `INNER`."""
    return tuple(kind for kind in INNER if getattr(arguments, kind))
