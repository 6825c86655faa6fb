"""How a checkpoint is read, where its files leave it open; the flags for it are the same in every command."""

from argparse import ArgumentParser, Namespace
from dataclasses import dataclass
from pathlib import Path

from bertferry.convert.layouts import LAYOUTS
from bertferry.core.choices import check_choice, check_count
from bertferry.core.config import ACTIVATIONS

SOURCE_FLAGS = ("source_layout", "config", "prefix", "num_attention_heads", "activation")
"""The attributes that `add_source_flags` gives a command's arguments."""


@dataclass(frozen=True)
class SourceOptions:
    """What a user says about a checkpoint.

    `layout` is a name of `LAYOUTS` or of the kind of file, or `auto` to find it from the tensors. `config` is the
    configuration file, by default the one beside the tensors. `prefix` is the path of the encoder to use, if the
    file contains several. `num_attention_heads` and `activation` are what no tensor shows, for a checkpoint
    without a configuration.

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
    """Gives a command the flags of `SourceOptions`."""
    group = parser.add_argument_group(f"how {of_what} is read, if its files leave it open")
    group.add_argument(
        "--from",
        metavar="LAYOUT",
        dest="source_layout",
        default="auto",
        help="layout; default: found from the tensors",
    )
    group.add_argument("--config", metavar="FILE", help="configuration; default: the one beside the tensors")
    group.add_argument("--prefix", metavar="NAME", help="path of the encoder to use, if the file contains several")
    group.add_argument(
        "--num-attention-heads", metavar="N", type=int, help="for a checkpoint without a configuration"
    )
    group.add_argument(
        "--activation", choices=ACTIVATIONS, help="for a checkpoint without a configuration: what no tensor shows"
    )


def source_options(arguments: Namespace) -> SourceOptions:
    """What was given with those flags."""
    return SourceOptions(
        arguments.source_layout,
        arguments.config,
        arguments.prefix,
        arguments.num_attention_heads,
        arguments.activation,
    )
