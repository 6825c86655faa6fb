"""How to read a checkpoint, if its files do not determine that; every command has the same flags for it."""

from argparse import ArgumentParser, Namespace
from dataclasses import dataclass
from pathlib import Path

from bertferry.convert.layouts import LAYOUTS
from bertferry.core.choices import check_choice, check_count
from bertferry.core.config import ACTIVATIONS

SOURCE_FLAGS = ("source_layout", "config", "prefix", "num_attention_heads", "activation")
"""The attributes of `add_source_flags` in a command's arguments."""


@dataclass(frozen=True)
class SourceOptions:
    """What a user states about a checkpoint.

    `layout` is a name in `LAYOUTS` or of a kind of file, or `auto` to detect it from the tensors. `config` is the
    configuration file, by default the one next to the tensors. `prefix` is the path of the encoder to use, if the
    file contains several. `num_attention_heads` and `activation` are for a checkpoint without a
    configuration: no tensor shows them.

    Raises:
      UsageError: an unknown name, or a number of heads that is not positive.
    """

    layout: str = "auto"
    config: str | Path | None = None
    prefix: str | None = None
    num_attention_heads: int | None = None
    activation: str | None = None

    def __post_init__(self) -> None:
        families = {layout.family for layout in LAYOUTS.values()}
        if self.layout not in ("auto", *families):
            check_choice("layout", self.layout, LAYOUTS)
        check_choice("activation", self.activation, ACTIVATIONS)
        check_count("num_attention_heads", self.num_attention_heads)


def add_source_flags(parser: ArgumentParser, of_what: str = "the checkpoint") -> None:
    """Adds the flags of `SourceOptions` to a command."""
    group = parser.add_argument_group(f"how to read {of_what}, if its files do not determine that")
    group.add_argument(
        "--from",
        metavar="LAYOUT",
        dest="source_layout",
        default="auto",
        help="layout; default: detected from the tensors",
    )
    group.add_argument("--config", metavar="FILE", help="configuration; default: the one next to the tensors")
    group.add_argument("--prefix", metavar="NAME", help="path of the encoder to use, if the file contains several")
    group.add_argument(
        "--num-attention-heads", metavar="N", type=int, help="for a checkpoint without a configuration"
    )
    group.add_argument(
        "--activation", choices=ACTIVATIONS, help="for a checkpoint without a configuration: no tensor shows it"
    )


def source_options(arguments: Namespace) -> SourceOptions:
    """The options that were given with those flags."""
    return SourceOptions(
        arguments.source_layout,
        arguments.config,
        arguments.prefix,
        arguments.num_attention_heads,
        arguments.activation,
    )
