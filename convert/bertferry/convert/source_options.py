"""How to read a checkpoint, if its files do not determine that; every command has the same flags for it."""

from argparse import ArgumentParser, BooleanOptionalAction, Namespace
from dataclasses import dataclass
from pathlib import Path

from bertferry.convert.layouts import LAYOUTS
from bertferry.core.choices import check_choice, check_count
from bertferry.core.config import ACTIVATIONS
from bertferry.core.sentence import POOLINGS

SOURCE_FLAGS = ("source_layout", "config", "prefix", "num_attention_heads", "activation")
"""The attributes of `add_source_flags` in a command's arguments."""
TEXT_FLAGS = ("do_lower_case", "strip_accents", "tokenize_chinese_chars", "special_tokens", "max_seq_length")
"""Those of `add_text_flags` about tokenizers."""
EMBEDDING_FLAGS = ("pooling", "normalize")
"""Those of `add_text_flags` about what follows the encoder."""
CLASS_NAMES = "class_names"
"""That of `add_label_flag`: the labels of `verify-parity` are those of texts."""
SPECIAL_TOKENS = ("find", "split")


@dataclass(frozen=True)
class SourceOptions:
    """What a user states about a checkpoint.

    `layout` is a name in `LAYOUTS` or of a kind of file, or `auto` to detect it from the tensors. `config` is the
    configuration file, by default the one next to the tensors. `prefix` is the path of the encoder to use, if the
    file contains several. `num_attention_heads` and `activation` are for a checkpoint without a
    configuration: no tensor shows them.

    The others override what its files say about its tokenizer, see `bertferry.core.tokenizer`: `special_tokens` is
    `find` or `split`, `max_seq_length` the length at which texts are cut.

    `pooling`, one of `bertferry.core.sentence.POOLINGS`, and `normalize` override what the files of
    sentence-transformers say about embeddings. `labels` is a file with the names of a classifier's classes, see
    `bertferry.convert.labels`.

    Raises:
      UsageError: an unknown name, or a number of heads or a length that is not positive.
    """

    layout: str = "auto"
    config: str | Path | None = None
    prefix: str | None = None
    num_attention_heads: int | None = None
    activation: str | None = None
    do_lower_case: bool | None = None
    strip_accents: bool | None = None
    tokenize_chinese_chars: bool | None = None
    special_tokens: str | None = None
    max_seq_length: int | None = None
    pooling: str | None = None
    normalize: bool | None = None
    labels: str | Path | None = None

    def __post_init__(self) -> None:
        families = {layout.family for layout in LAYOUTS.values()}
        if self.layout not in ("auto", *families):
            check_choice("layout", self.layout, LAYOUTS)
        check_choice("activation", self.activation, ACTIVATIONS)
        check_choice("special_tokens", self.special_tokens, SPECIAL_TOKENS)
        check_choice("pooling", self.pooling, POOLINGS)
        check_count("num_attention_heads", self.num_attention_heads)
        check_count("max_seq_length", self.max_seq_length)

    @property
    def files(self) -> tuple[str | Path, ...]:
        """The files that are named."""
        return tuple(file for file in (self.config, self.labels) if file is not None)

    @property
    def about_texts(self) -> list[str]:
        """The options about texts that are given, as flags."""
        return [f"--{name.replace('_', '-')}" for name in TEXT_FLAGS if getattr(self, name) is not None]

    @property
    def about_embeddings(self) -> bool:
        """Whether an option says how an encoder's outputs become the embedding of a text."""
        return self.pooling is not None or self.normalize is not None


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


def add_text_flags(parser: ArgumentParser) -> None:
    """Adds the flags of `SourceOptions` about texts to a command."""
    group = parser.add_argument_group("how texts become ids; default: as the files of the tokenizer say")
    add = group.add_argument
    add("--do-lower-case", action=BooleanOptionalAction, help="lower-case texts")
    add(
        "--strip-accents", action=BooleanOptionalAction, help="strip accents; without a word on it: if lower-cased"
    )
    add("--tokenize-chinese-chars", action=BooleanOptionalAction, help="make every CJK character a word")
    add(
        "--special-tokens",
        choices=SPECIAL_TOKENS,
        help="special tokens spelled out in a text are themselves (as in transformers), or split like other words "
        "(as in google-research/bert)",
    )
    add("--max-seq-length", metavar="N", type=int, help="length at which texts are cut, special tokens included")
    add_embedding_flags(parser)


def add_label_flag(parser: ArgumentParser) -> None:
    """Adds the flag for the names of a classifier's classes to a command."""
    parser.add_argument(
        "--labels",
        metavar="FILE",
        dest=CLASS_NAMES,
        help="names of a classifier's classes: one per line, or JSON; default: those of the configuration",
    )


def add_embedding_flags(parser: ArgumentParser) -> None:
    """Adds the flags of `SourceOptions` about embeddings to a command."""
    group = parser.add_argument_group("how texts are embedded; default: as the files of sentence-transformers say")
    group.add_argument("--pooling", choices=POOLINGS, help="how the vectors of tokens become one")
    group.add_argument("--normalize", action=BooleanOptionalAction, help="scale embeddings to length 1")


def source_options(arguments: Namespace) -> SourceOptions:
    """The options that were given with those flags."""
    return SourceOptions(
        arguments.source_layout,
        arguments.config,
        arguments.prefix,
        arguments.num_attention_heads,
        arguments.activation,
        **{name: getattr(arguments, name, None) for name in (*TEXT_FLAGS, *EMBEDDING_FLAGS)},
        labels=getattr(arguments, CLASS_NAMES, None),
    )
