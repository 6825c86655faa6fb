"""Every layout is a bijection between the canonical parameters and the names of a file."""

from typing import Any

import pytest

from bertferry.convert.layouts import LAYOUTS, TARGETS, WRITTEN
from bertferry.core import axes
from bertferry.core.parameters import canonical_axes, parameter_names
from bertferry.core.tasks import HEADS

EVERY_FORM = [
    pytest.param(layout, form, id=f"{layout.name}-{'+'.join(form.heads) or 'encoder'}-{form.encoder}{form.pooler}")
    for layout in LAYOUTS.values()
    if layout.architecture == "bert"
    for form in layout.forms
]


@pytest.mark.parametrize(("layout", "form"), EVERY_FORM)
def test_rows_are_the_canonical_parameters_each_once(layout, form):
    rows = list(layout.bind(form, num_layers=12))
    expected = [name for name in parameter_names(12, form.heads) if form.pooler or not name.startswith("pooler/")]
    assert sorted(row.parameter for row in rows) == sorted(expected)
    assert len({row.stored for row in rows}) == len(rows)


@pytest.mark.parametrize(("layout", "form"), EVERY_FORM)
def test_rows_hold_the_canonical_axes_in_some_order(layout, form):
    for row in layout.bind(form, num_layers=1):
        assert sorted(axes.names(row.axes)) == sorted(axes.names(canonical_axes(row.parameter))), row


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
def test_object_layouts_name_their_variables_uniquely(layout):
    for form in layout.forms:
        variables = [row.variable for row in layout.bind(form, num_layers=3)]
        if layout.naming == "objects" and layout in WRITTEN:
            assert len(set(variables)) == len(variables)
            assert all(variables)
        elif layout.naming != "objects":
            assert not any(variables)


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
def test_a_layout_has_rows_for_every_head_of_its_forms(layout):
    assert {head for form in layout.forms for head in form.heads} == set(layout.heads) <= set(HEADS)


@pytest.mark.parametrize("architecture", ["albert", "electra"])
def test_the_tables_of_another_architecture_agree_on_parameters_and_axes(architecture):
    """In every form that has the same heads: tf1's, the three frameworks' of transformers, our networks'."""
    tables: dict[Any, Any] = {}
    projected = {"embedding": 6, "hidden": 8}
    layouts = [layout for layout in LAYOUTS.values() if layout.architecture == architecture]
    for layout in (layout for layout in layouts if layout.is_projected(projected)):
        for form in layout.forms:
            rows = {row.parameter: sorted(axes.names(row.axes)) for row in layout.bind(form, num_layers=3)}
            tables.setdefault((form.heads, form.pooler), []).append(rows)
    assert len(tables[(), architecture == "albert"]) >= 4
    assert all(table == same[0] for same in tables.values() for table in same)


def test_targets_are_layouts():
    assert set(TARGETS) <= set(LAYOUTS)


def test_layer_numbers_are_numbers_not_text():
    keras_bert = LAYOUTS["keras_bert"]
    stored = {row.parameter: row.stored for row in keras_bert.bind(keras_bert.forms[0], num_layers=12)}
    assert stored["encoder/6/output/bias"] == "model/layer_with_weights-10/_output_dense/bias"
    assert stored["pooler/bias"] == "model/layer_with_weights-16/bias"
