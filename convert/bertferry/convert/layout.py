"""A checkpoint layout: a table of rows, used in both directions.

`{layer}` in a template is the block's number, `{block}` its index among the weighted layers of a Keras network,
`{block_1}` the next if it has several, `{pooler}` the index after the last block. `{encoder}` and `{model}` are
the paths of the encoder and of the model around it: those of the form when writing, wherever they are found when
reading.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from itertools import groupby
from typing import Any, Literal

from bertferry.convert.globs import any_of
from bertferry.core.tasks import HEADS, HeadSpec

Naming = Literal["names", "objects", "safetensors", "keras"]
"""How the file names its tensors: plain names, paths in an object graph, names as in a model of transformers, or
numbers in the layers of a Keras model."""

PROJECTION = "embeddings/projection/"
PROJECTIONS = ("query", "key", "value")


@dataclass(frozen=True)
class Row:
    """One parameter: its canonical name, its name in this layout and the axes that it has there.

    A row with `only_if_unequal` exists only in files in which these two axes differ in size.
    `variable` is the graph name of the variable (`full_name`), which TF1's `Saver.restore` reads in
    object-based files; layouts that are not object-based have none.
    """

    parameter: str
    stored: str
    axes: str
    variable: str = ""
    only_if_unequal: tuple[str, str] | None = None

    def fill(self, numbers: Mapping[str, int | str]) -> "Row":
        """The row with every placeholder replaced."""
        parameter, stored, variable = (
            text.format(**numbers) for text in (self.parameter, self.stored, self.variable)
        )
        return Row(parameter, stored, self.axes, variable, self.only_if_unequal)

    def of_head(self, head: str, other: str) -> "Row":
        """The row of another head under the names and with the axes of a head that is stored alike."""
        theirs, ours = HEADS[other].parameters, HEADS[head].parameters
        names = dict(zip(theirs, ours, strict=True))
        axes = dict(zip(" ".join(theirs.values()).split(), " ".join(ours.values()).split(), strict=True))
        return replace(
            self,
            parameter=names.get(self.parameter, self.parameter),
            axes=" ".join(axes.get(axis, axis) for axis in self.axes.split()),
        )

    def is_stored(self, sizes: Mapping[str, int]) -> bool:
        """Whether a file with these axis sizes has the tensor."""
        return self.only_if_unequal is None or len({sizes[axis] for axis in self.only_if_unequal}) > 1


@dataclass(frozen=True)
class Form:
    """One kind of file of a layout: its heads, the paths of its encoder and of the model around it, and whether
    the encoder has a pooler (masked-LM and question-answering models of transformers have none). If only the path
    of the encoder reveals the architecture, it must end in `scope`. Heads `at_root` have full names, wherever the
    encoder is. A form that is not `written` is only read."""

    heads: tuple[str, ...] = ()
    encoder: str = ""
    model: str = ""
    pooler: bool = True
    scope: str = ""
    at_root: bool = False
    written: bool = True

    def model_around(self, encoder: str) -> str | None:
        """The path of the model around an encoder that was found at a path, or None if this form has none there.

        An encoder without heads may be anywhere, unless its path is what it is known by; heads have a fixed place
        relative to it.
        """
        if not encoder.endswith(self.scope):
            return None
        if self.at_root or not (self.heads or self.scope):
            return ""
        inside = self.encoder.removeprefix(self.model)
        return encoder.removesuffix(inside) if encoder.endswith(inside) else None


@dataclass(frozen=True)
class Layout:
    """A checkpoint layout.

    `forms` lists every kind of file that is read; the first with the wanted heads is written. `ignored` maps globs
    of stored names to descriptions; `copies` maps stored names to the parameter that they must repeat bit for bit.
    A head's row for an encoder parameter supersedes the encoder's own. `aliases` are additional edges of a written
    object graph, from a path to another path of the same object. `configuration` holds the layout's own keys of
    the configuration file. `architecture` is one of `bertferry.core.architectures`. `described` is where the file
    may also have the encoder that the configuration describes, if that is not this layout's. `target` is the name
    for `--to` of a layout that shares its kind of file with one of BERT. `first_block` is the number of the first
    block among the weighted layers of a Keras network, of which each block has `layers_per_block`. `step_counter`
    is the name of the scalar that training code restores besides the parameters. `holds_epsilon` says whether its
    readers take the ε of LayerNorm from the configuration; that of the others is BERT's. Without `has_twins` a
    classifier is one of sentences; unless `writes_twins`, the others are only read. `notes` say of a head how the
    programs that use these files compute it otherwise; with `configured_mlm` they compute the transform before
    words are predicted with the activation of the configuration, whatever it is elsewhere. With `among_others`, a
    file may list its variables together with those of other layers: its own begin as its rows do.
    """

    name: str
    summary: str
    naming: Naming
    encoder: tuple[Row, ...]
    heads: Mapping[str, tuple[Row, ...]]
    forms: tuple[Form, ...]
    default_task: Literal["encoder", "all"]
    ignored: Mapping[str, str]
    copies: Mapping[str, str] = field(default_factory=dict)
    aliases: Mapping[str, str] = field(default_factory=dict)
    configuration: Mapping[str, Any] = field(default_factory=dict)
    architecture: str = "bert"
    described: str = ""
    target: str = ""
    first_block: int = 4
    layers_per_block: int = 1
    has_twins: bool = True
    writes_twins: bool = True
    notes: Mapping[str, str] = field(default_factory=dict)
    configured_mlm: bool = False
    step_counter: str = ""
    holds_epsilon: bool = False
    among_others: bool = False

    def __post_init__(self) -> None:
        """Adds the heads that are stored under the names of others: their rows are otherwise the same."""
        for head, spec in HEADS.items() if self.has_twins else ():
            if spec.stored_as in self.heads and head not in self.heads:
                rows = tuple(row.of_head(head, spec.stored_as) for row in self.heads[spec.stored_as])
                object.__setattr__(self, "heads", {**self.heads, head: rows})
                object.__setattr__(self, "forms", (*self.forms, *self._forms_of_twin(head, spec)))

    def _forms_of_twin(self, head: str, spec: HeadSpec) -> Iterator[Form]:
        """The other head's, and the same without a pooler if the layout has encoders without one."""
        has_none = spec.reads != "pooled" and any(not form.pooler for form in self.forms)
        for form in self.forms:
            if form.heads == (spec.stored_as,):
                twin = replace(form, heads=(head,), written=self.writes_twins)
                yield twin
                if has_none:
                    yield replace(twin, pooler=False)

    @property
    def family(self) -> str:
        """The name that this layout shares with those of other architectures in the same kind of file."""
        return self.target or self.name

    def is_projected(self, sizes: Mapping[str, int]) -> bool:
        """Whether its files of these sizes have a projection of the embeddings."""
        return any(row.parameter.startswith(PROJECTION) and row.is_stored(sizes) for row in self.encoder)

    @property
    def anchor(self) -> str:
        """A stored name, relative to the encoder, that shows where one is: of the token embedding table, unless it
        is shared with another encoder."""
        own = next(row for row in self.encoder if row.stored.startswith("{encoder}"))
        return own.stored.format(encoder="", layer=0)

    def bind(
        self, form: Form, num_layers: int, encoder: str | None = None, sizes: Mapping[str, int] | None = None
    ) -> Iterator[Row]:
        """The rows of a file of this form, every template filled in, block by block.

        `encoder` is the path at which the encoder was found, by default the one at which it is written; with
        `sizes`, rows that a file with these sizes lacks are left out.
        """
        rows = self._fill(self._rows(form), form, num_layers, encoder)
        return rows if sizes is None else (row for row in rows if row.is_stored(sizes))

    def superseded_rows(self, form: Form, num_layers: int, encoder: str | None = None) -> Iterator[Row]:
        """The encoder's own rows of parameters that a head stores elsewhere: written too, never read."""
        used = {row.stored for row in self._rows(form)}
        others = [row for row in self.encoder if form.pooler and row.stored not in used]
        return self._fill(others, form, num_layers, encoder)

    def _rows(self, form: Form) -> list[Row]:
        heads = [row for head in form.heads for row in self.heads[head]]
        superseded = {row.parameter for row in heads}
        without = () if form.pooler else ("pooler/",)
        encoder = [
            row
            for row in self.encoder
            if row.parameter not in superseded and not row.parameter.startswith(without)
        ]
        return encoder + heads

    def _fill(self, rows: list[Row], form: Form, num_layers: int, encoder: str | None) -> Iterator[Row]:
        place = form.encoder if encoder is None else encoder
        model = form.model if encoder is None else form.model_around(place)
        places: dict[str, int | str] = {"encoder": place, "model": model or ""}
        for repeated, section in groupby(rows, key=lambda row: "{layer}" in row.parameter):
            templates = tuple(section)
            for layer in range(num_layers) if repeated else (0,):
                numbers = {**places, **self._numbers(layer, num_layers)}
                yield from (row.fill(numbers) for row in templates)

    def _numbers(self, layer: int, num_layers: int) -> dict[str, int]:
        """What the placeholders of a block stand for."""
        block = self.first_block + layer * self.layers_per_block
        further = {f"block_{number}": block + number for number in range(1, self.layers_per_block)}
        pooler = self.first_block + num_layers * self.layers_per_block
        return {"layer": layer, "block": block, **further, "pooler": pooler}

    def bind_copies(self, form: Form, encoder: str) -> dict[str, str]:
        """The copies of a file of this form whose encoder was found at a path."""
        places = {"encoder": encoder, "model": form.model_around(encoder) or ""}
        return {stored.format(**places): parameter for stored, parameter in self.copies.items()}

    def bind_aliases(self, num_layers: int) -> dict[str, str]:
        """The aliases, every template filled in."""
        aliases = {}
        for path, target in self.aliases.items():
            for layer in range(num_layers) if "{layer}" in path else (0,):
                numbers = self._numbers(layer, num_layers)
                aliases[path.format(**numbers)] = target.format(**numbers)
        return aliases

    def form_with(self, heads: tuple[str, ...], *, pooler: bool = True) -> Form | None:
        """The form that is written for exactly these heads, or None if the layout has none.

        If the layout has both, it is the one with or without a pooler, like the source.
        """
        forms = [form for form in self.forms if form.written and set(form.heads) == set(heads)]
        return next((form for form in forms if form.pooler == pooler), forms[0] if forms else None)

    def reason_to_skip(self, stored: str) -> str | None:
        """Why a stored tensor is not a parameter (an optimizer slot, a counter), or None if it should be one."""
        if not any_of(tuple(self.ignored)).match(stored):  # so most names, of which detection has thousands
            return None
        return next(why for pattern, why in self.ignored.items() if fnmatchcase(stored, pattern))


def table(text: str) -> tuple[Row, ...]:
    """Rows written as lines of `parameter | stored | axes [| variable]`.

    `{projection}` stands for query, key and value, one row each.
    """
    cells = ([cell.strip() for cell in line.split("|")] for line in text.strip().splitlines())
    rows = (Row(row[0], row[1], row[2], row[3] if len(row) > 3 else "") for row in cells)
    return tuple(
        replace(
            row,
            parameter=row.parameter.replace("{projection}", projection),
            stored=row.stored.replace("{projection}", projection),
            variable=row.variable.replace("{projection}", projection),
        )
        for row in rows
        for projection in (PROJECTIONS if "{projection}" in row.parameter else ("",))
    )
