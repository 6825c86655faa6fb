"""Accounts for every tensor of a file against every known layout, and picks the layout that fits.

Detection and validation are the same: the layout, form of file and place of the encoder that leave the fewest
tensors missing, unexpected or misshapen are the ones that were meant, and a valid file leaves none.
"""

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path

from bertferry.convert.layout import Form, Layout, Row
from bertferry.convert.readers.reader import Reader, TensorInfo
from bertferry.core import axes
from bertferry.core.config import EncoderConfig
from bertferry.core.errors import DataError, UsageError
from bertferry.core.parameters import axis_sizes
from bertferry.core.tasks import heads_with_names_of

FLOATING = ("bfloat16", "float16", "float32", "float64")
NAMED_IN_ERRORS = 3
KEY_OF_AXIS = {
    "vocab": "vocab_size",
    "position": "max_position_embeddings",
    "segment": "type_vocab_size",
    "intermediate": "intermediate_size",
}
"""Axes that show which key of the configuration is wrong if the tensors have another size."""
OTHER_ENCODER = "of another encoder than the one at --prefix"
SUPERSEDED = "not trained: the head has its own"


@dataclass
class Match:
    """How a file's tensors relate to one form of one layout, its encoder at one place.

    `unexpected` tensors are inside the encoder, `outside` ones in a model around it. `other_heads` is the number
    of attention heads with which a misshapen tensor would fit, `other_sizes` are those of axes of misshapen ones.
    `twins` are matches that read the same tensors as another head, which is stored under the same names.
    """

    layout: Layout
    form: Form
    place: str
    sizes: dict[str, int]
    found: dict[str, tuple[str, Row]] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)
    misshapen: list[str] = field(default_factory=list)
    other_heads: int | None = None
    other_sizes: dict[str, set[int]] = field(default_factory=dict)
    unexpected: list[str] = field(default_factory=list)
    outside: list[str] = field(default_factory=list)
    copies: dict[str, str] = field(default_factory=dict)
    skipped: dict[str, str] = field(default_factory=dict)
    known: list[str] = field(default_factory=list)
    twins: list["Match"] = field(default_factory=list)

    @property
    def rank(self) -> tuple[int, int, int]:
        """Lower is better; a shape that differs counts less than a tensor without a counterpart."""
        left_over = len(self.unexpected) + len(self.outside)
        return len(self.missing) + left_over, len(self.misshapen), left_over

    @property
    def is_exact(self) -> bool:
        """Whether nothing is missing and nothing left over."""
        return not any(self.rank)

    @property
    def faulty(self) -> bool:
        """Whether the encoder and its heads differ from the layout."""
        return bool(self.missing or self.unexpected or self.misshapen)


def match(
    reader: Reader, layout: Layout, form: Form, place: str, config: EncoderConfig, others: Collection[str] = ()
) -> Match:
    """Looks up every row of the form in the file, and every tensor of the file among the rows.

    `others` are the places of encoders that are not wanted.
    """
    result = Match(layout, form, place, dict(axis_sizes(config)))
    for row in layout.bind(form, config.num_layers, place, result.sizes):
        result.known.append(row.stored)
        key = reader.find(row.stored)
        if key is None:
            result.missing.append(row.stored)
            continue
        result.found[row.parameter] = key, row
        if fault := shape_fault(reader.tensors[key], row, result.sizes):
            result.misshapen.append(f"{key} {fault}")
            result.other_heads = result.other_heads or fitting_heads(reader.tensors[key], row, result.sizes)
            for axis, size in single_axes(reader.tensors[key], row):
                if size != result.sizes.get(axis):
                    result.other_sizes.setdefault(axis, set()).add(size)
    models = {form.model_around(other) or other for other in others}
    unwanted = {key for model in models - {""} for key in reader.below(model, layout.anchor)}
    _account_for_the_rest(reader, result, config.num_layers, unwanted)
    return result


def _account_for_the_rest(reader: Reader, result: Match, num_layers: int, unwanted: Collection[str]) -> None:
    layout = result.layout
    copies = layout.bind_copies(result.form, result.place)
    used = {key for key, _ in result.found.values()}
    untrained = {reader.find(row.stored) for row in layout.superseded_rows(result.form, num_layers, result.place)}
    inside: set[str] | None = None
    for key in reader.tensors:
        if key in used:
            continue
        if reason := layout.reason_to_skip(key) or layout.reason_to_skip(reader.name_of(key)):
            result.skipped[key] = reason
        elif copies.get(key) in result.found:
            result.copies[key] = copies[key]
        elif key in untrained:
            result.skipped[key] = SUPERSEDED
        elif key in unwanted:
            result.skipped[key] = OTHER_ENCODER
        else:
            inside = _inside(reader, result) if inside is None else inside
            (result.unexpected if key in inside else result.outside).append(key)


def _inside(reader: Reader, result: Match) -> set[str]:
    """The tensors of the object with the encoder, without those of other layers in the same list."""
    inside = reader.below(result.place, result.layout.anchor)
    if not result.layout.among_others:
        return inside

    def beginning(name: str) -> str:
        return name.removeprefix(result.place).partition("/")[0]

    own = {beginning(name) for name in result.known}
    return {key for key in inside if beginning(reader.name_of(key)) in own}


def shape_fault(info: TensorInfo, row: Row, sizes: dict[str, int]) -> str:
    """What is wrong with a tensor's shape or type, or "". Adds sizes that only the file determines."""
    if info.dtype not in FLOATING:
        return f"is {info.dtype}, expected a floating-point type"
    sizes.update({name: size for name, size in single_axes(info, row) if name not in sizes})
    if all(name in sizes for name in axes.names(row.axes)):
        expected = axes.shape(row.axes, sizes)
        if expected == info.shape:
            return ""
        return f"has shape {list(info.shape)}, expected {list(expected)} ({row.axes})"
    return f"has shape {list(info.shape)}, expected {len(axes.groups(row.axes))} dimensions ({row.axes})"


def fitting_heads(info: TensorInfo, row: Row, sizes: dict[str, int]) -> int | None:
    """The number of attention heads with which a misshapen tensor would fit, if its shape shows one."""
    heads = dict(single_axes(info, row)).get("heads")
    if not heads:
        return None
    fitting = {**sizes, "heads": heads, "head_size": sizes["hidden"] // heads}
    return heads if axes.shape(row.axes, fitting) == info.shape else None


def single_axes(info: TensorInfo, row: Row) -> list[tuple[str, int]]:
    """The sizes of a row's axes that are dimensions of their own, as the tensor has them."""
    stored = axes.groups(row.axes)
    if len(stored) != len(info.shape):
        return []
    return [(group[0], size) for group, size in zip(stored, info.shape, strict=True) if len(group) == 1]


def best_match(
    reader: Reader,
    layouts: Iterable[Layout],
    config_of: Callable[[Layout, Form, str], EncoderConfig],
    path: Path,
    prefix: str | None = None,
    head: str | None = None,
    *,
    strict: bool = True,
) -> Match:
    """The layout, form and place that account for every tensor of the file.

    `config_of` returns the configuration of an encoder of a layout and form at a place; `head` is the one that it
    states, if several are stored under the same names.

    Raises:
      DataError: none does, or without `strict` none does for half of them; the message names the nearest layout
        and what is wrong under it.
      UsageError: several encoders in the file and no prefix to choose one, or no encoder at the prefix.
    """
    options = [
        (layout, form, place)
        for layout in layouts
        if layout.naming == reader.naming
        for form in layout.forms
        if head is None or not set(form.heads) & set(heads_with_names_of(head))
        for place in places(reader, layout, form, prefix)
        if form.model_around(place) is not None
    ]
    if not options:
        raise _nothing_to_match(reader, layouts, path, prefix)
    found = {anchor: set(reader.places(anchor)) for anchor in {layout.anchor for layout, _, _ in options}}
    candidates: list[Match] = []
    for anchored in (True, False):  # where the anchor is missing, at best another tensor takes its place
        for layout, form, place in options:
            if (place in found[layout.anchor]) is anchored:
                others = _others(reader, layout, place, prefix)
                candidates.append(match(reader, layout, form, place, config_of(layout, form, place), others))
        if any(candidate.is_exact for candidate in candidates):
            break
    best = min(candidates, key=lambda candidate: candidate.rank)
    if not best.faulty:
        _check_only(best, candidates, path)
        best.twins = [other for other in candidates if _are_twins(best, other)]
        return best
    if len(best.found) < len(best.missing):
        raise DataError(
            f"{path}: no known layout: the nearest is {best.layout.name}, with {len(best.found)} of its "
            f"{len(best.known)} tensors here; this file has {sample(sorted(reader.tensors))}"
        )
    if strict:
        raise DataError(f"{path}: read as {best.layout.name}: {'; '.join(faults(best))}")
    return best


def places(reader: Reader, layout: Layout, form: Form, prefix: str | None) -> list[str]:
    """The paths in the file at which an encoder of this layout may be."""
    anchored = reader.places(layout.anchor)
    if prefix is None:
        return list(dict.fromkeys([form.encoder, *anchored]))
    return [place for place in anchored if place.rstrip("/.") == prefix.rstrip("/.")]


def _others(reader: Reader, layout: Layout, place: str, prefix: str | None) -> list[str]:
    """The places of the encoders that a prefix leaves aside."""
    return [] if prefix is None else [other for other in reader.places(layout.anchor) if other != place]


def _are_twins(a: Match, b: Match) -> bool:
    """Whether two matches differ only in the head as which they read the same tensors."""
    a_keys, b_keys = ({key for key, _ in match.found.values()} for match in (a, b))
    same = a_keys == b_keys and a.layout is b.layout and a.rank == b.rank
    return same and a.form.heads != b.form.heads


def _check_only(best: Match, candidates: list[Match], path: Path) -> None:
    """Refuses to choose between two encoders that fit equally well."""
    keys = {key for key, _ in best.found.values()}
    others = [
        other.place
        for other in candidates
        if not other.faulty and not keys & {key for key, _ in other.found.values()}
    ]
    if others:
        names = ", ".join(place.rstrip("/.") for place in sorted({best.place, *others}))
        raise UsageError(f"{path}: contains several encoders: {names}", "choose one with --prefix")


def _nothing_to_match(reader: Reader, layouts: Iterable[Layout], path: Path, prefix: str | None) -> Exception:
    if prefix is None:
        return DataError(f"{path}: its tensors are named by {reader.naming}, unlike those of any requested layout")
    anchors = dict.fromkeys(layout.anchor for layout in layouts if layout.naming == reader.naming)
    existing = dict.fromkeys(place.rstrip("/.") for anchor in anchors for place in reader.places(anchor))
    return UsageError(f"{path}: no encoder at {prefix!r}: there are {', '.join(map(repr, existing)) or 'none'}")


def faults(match: Match) -> list[str]:
    """Every kind of fault of a match, with the first tensors affected."""
    parts = []
    if match.missing:
        parts.append(f"missing {sample(match.missing)}")
    if match.unexpected:
        parts.append(f"unexpected {sample(with_nearest(match, match.unexpected))}")
    if match.misshapen:
        parts.append(sample(match.misshapen))
        if match.other_heads:
            parts.append(
                f"the tensors show {match.other_heads} heads: check num_attention_heads in the configuration"
            )
        for axis, key in KEY_OF_AXIS.items():
            if len(others := match.other_sizes.get(axis, set())) == 1:
                parts.append(
                    f"{key} is {match.sizes[axis]} in the configuration, but {min(others)} in the tensors"
                )
    return parts


def with_nearest(match: Match, names: list[str]) -> list[str]:
    """The names, each with the known name that it resembles most, if there is one."""
    near = nearest(match, names)
    return [f"{name} (nearest known: {near[name]})" if name in near else name for name in names]


def nearest(match: Match, names: list[str]) -> dict[str, str]:
    """The known name that each of the first few names resembles most, if there is one."""
    free = [name for name in match.known if name in match.missing] or match.known
    close = {name: get_close_matches(name, free, n=1, cutoff=0.8) for name in names[: NAMED_IN_ERRORS + 1]}
    return {name: known[0] for name, known in close.items() if known}


def sample(items: list[str]) -> str:
    """The first few items, and how many more there are."""
    shown = ", ".join(items[:NAMED_IN_ERRORS])
    return shown if len(items) <= NAMED_IN_ERRORS else f"{shown} and {len(items) - NAMED_IN_ERRORS} more"
