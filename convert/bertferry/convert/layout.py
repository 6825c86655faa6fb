"""What a checkpoint layout is: a table of rows, read in both directions.

`{layer}` in a template is the block's number, `{block}` its index among the weighted layers of a Keras
network (four come before it), `{pooler}` the index after the last block. `{encoder}` and `{model}` are the
places where the encoder and the model around it stand in this form of file.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from itertools import groupby
from typing import Literal

Container = Literal["names", "objects", "safetensors"]
"""How the file names its tensors: plain names, paths in an object graph, or a safetensors header."""

PROJECTIONS = ("query", "key", "value")


@dataclass(frozen=True)
class Row:
    """One parameter: its canonical name, where this layout stores it and how it lies there.

    `variable` is the graph name of the variable (`full_name`), which TF1's `Saver.restore` reads in
    object-based files; layouts that are not object-based have none.
    """

    parameter: str
    stored: str
    axes: str
    variable: str = ""

    def filled(self, numbers: Mapping[str, int | str]) -> "Row":
        """The row with every placeholder replaced."""
        return Row(
            self.parameter.format(**numbers),
            self.stored.format(**numbers),
            self.axes,
            self.variable.format(**numbers),
        )


@dataclass(frozen=True)
class Form:
    """One kind of file of a layout: the heads it holds, where its encoder and its model stand, and whether
    its encoder has a pooler (masked-LM and question-answering models of transformers have none)."""

    heads: tuple[str, ...] = ()
    encoder: str = ""
    model: str = ""
    pooler: bool = True


@dataclass(frozen=True)
class Layout:
    """A checkpoint layout.

    `forms` lists every kind of file read; the first with the wanted heads is written. `ignored` maps globs of
    stored names to what they are; `copies` maps stored names to the parameter that they must repeat bit for
    bit.
    """

    name: str
    summary: str
    container: Container
    encoder: tuple[Row, ...]
    heads: Mapping[str, tuple[Row, ...]]
    forms: tuple[Form, ...]
    default_task: Literal["encoder", "all"]
    ignored: Mapping[str, str]
    copies: Mapping[str, str] = field(default_factory=dict)

    def bind(self, form: Form, num_layers: int) -> Iterator[Row]:
        """The rows of a file of this form, every template filled in, block by block."""
        places: dict[str, str | int] = {
            "encoder": form.encoder,
            "model": form.model,
            "pooler": 4 + num_layers,
        }
        encoder = (row for row in self.encoder if form.pooler or not row.parameter.startswith("pooler/"))
        rows = (*encoder, *(row for head in form.heads for row in self.heads[head]))
        for repeated, section in groupby(rows, key=lambda row: "{layer}" in row.parameter):
            templates = tuple(section)
            for layer in range(num_layers) if repeated else (0,):
                numbers = {**places, "layer": layer, "block": 4 + layer}
                yield from (row.filled(numbers) for row in templates)

    def form_with(self, heads: tuple[str, ...]) -> Form | None:
        """The form that is written for exactly these heads, or None where the layout has none."""
        return next((form for form in self.forms if set(form.heads) == set(heads)), None)

    def reason_to_skip(self, stored: str) -> str | None:
        """Why a stored tensor is no parameter (an optimiser slot, a counter), or None if it should be one."""
        return next((why for pattern, why in self.ignored.items() if fnmatchcase(stored, pattern)), None)


def table(text: str) -> tuple[Row, ...]:
    """Rows written as lines of `parameter | stored | axes [| variable]`.

    `{projection}` stands for query, key and value, a row each.
    """
    cells = ([cell.strip() for cell in line.split("|")] for line in text.strip().splitlines())
    return tuple(
        Row(*(cell.replace("{projection}", projection) for cell in row))
        for row in cells
        for projection in (PROJECTIONS if "{projection}" in row[0] else ("",))
    )
