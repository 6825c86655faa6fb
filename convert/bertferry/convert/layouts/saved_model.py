"""`hub_module` and `garden_names`: variables by name, as in Hub modules and in models that contain one.

They are found in SavedModels and in checkpoints of models around a `hub.KerasLayer`, and are not written by
conversion: `export-hub-module` writes modules.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace

from bertferry.convert.layout import Form, Layout, Row, table
from bertferry.convert.layouts.garden import GARDEN_V1
from bertferry.convert.layouts.huggingface import HUGGINGFACE
from bertferry.convert.layouts.ignored import VARIABLE_STATE
from bertferry.convert.layouts.keras_names import by_variable
from bertferry.core.architectures import ARCHITECTURES, tables_of
from bertferry.core.parameters import canonical_axes
from bertferry.core.tasks import HEADS, TASKS, task_spec


def variable_name(parameter: str, architecture: str) -> str:
    """The name of a module's variable: the parameter's, in an encoder other than BERT's below its layouts' name.

    So that no encoder is taken for one of BERT if its configuration is lost: RoBERTa's parameters are the same.
    """
    return (
        f"{_scope(tables_of(architecture))}{parameter}" if parameter.partition("/")[0] not in HEADS else parameter
    )


def _scope(architecture: str) -> str:
    return "" if architecture == "bert" else f"{architecture}/"


def in_module(layout: Layout) -> Layout:
    """How a module stores the parameters of a layout of transformers."""
    classes = ARCHITECTURES[layout.architecture].classes
    heads = {head for task in TASKS.values() for head in task.heads} & layout.heads.keys()
    return Layout(
        name="hub_module"
        if layout.architecture == "bert"
        else f"hub_module_{layout.architecture.replace('-', '_')}",
        summary=f"variables of a module of {classes} that export-hub-module wrote",
        target="hub_module",
        naming="names",
        encoder=_renamed(layout.encoder),
        heads={head: _renamed(rows) for head, rows in layout.heads.items() if head in heads},
        forms=tuple(dict.fromkeys(_forms(layout))),
        default_task="encoder",
        ignored=VARIABLE_STATE,
        architecture=layout.architecture,
        has_twins=False,
        among_others=True,
    )


def _renamed(rows: Iterable[Row]) -> tuple[Row, ...]:
    """The rows under the names of their parameters, with the axes that networks have."""
    return tuple(
        replace(
            row,
            stored=("{model}" if row.parameter.partition("/")[0] in HEADS else "{encoder}") + row.parameter,
            axes=canonical_axes(row.parameter),
        )
        for row in rows
    )


def _forms(layout: Layout) -> Iterator[Form]:
    """One for each task, with and without a pooler of the encoder's own."""
    scope = _scope(layout.architecture)
    for task in (task_spec(name, pooler=pooler) for pooler in (True, False) for name in TASKS):
        if set(task.heads) <= layout.heads.keys():
            rows = [row for head in task.heads for row in layout.heads[head]]
            of_head = any(row.parameter.startswith("pooler/") for row in rows)
            yield Form(task.heads, encoder=scope, pooler=task.needs_pooler and not of_head, scope=scope)


HUB_MODULE = in_module(HUGGINGFACE)

GARDEN_HEADS = {
    "classifier": table("""
classifier/kernel | sentence_prediction/logits/kernel                                | hidden classes
classifier/bias   | sentence_prediction/logits/bias                                  | classes
"""),
    "tokens": table("""
tokens/kernel     | predictions/transform/logits/predictions/transform/logits/kernel | hidden classes
tokens/bias       | predictions/transform/logits/predictions/transform/logits/bias   | classes
"""),
    "span": table("""
span/kernel       | span_labeling/predictions/transform/logits/kernel                | hidden span
span/bias         | span_labeling/predictions/transform/logits/bias                  | span
"""),
}
OWN_POOLER = table("""
pooler/kernel     | sentence_prediction/pooler_dense/kernel                          | hidden pooled
pooler/bias       | sentence_prediction/pooler_dense/bias                            | pooled
""")

GARDEN_NAMES = replace(
    HUB_MODULE,
    name="garden_names",
    target="",
    summary="variables of tf-models-official: of a module that it exported, of its models for tasks in HDF5",
    encoder=by_variable(GARDEN_V1.encoder),
    heads=GARDEN_HEADS,
    forms=(Form(), *(Form((head,), at_root=True) for head in GARDEN_HEADS)),
)
GARDEN_NAMES_OWN_POOLER = replace(
    GARDEN_NAMES,
    name="garden_names_own_pooler",
    summary="the same of BertClassifier(use_encoder_pooler=False)",
    heads={"classifier": GARDEN_HEADS["classifier"] + OWN_POOLER},
    forms=(Form(("classifier",), at_root=True),),
)

MODULE_FAMILIES = (HUB_MODULE.family, GARDEN_NAMES.family, GARDEN_NAMES_OWN_POOLER.family)
"""Families of layouts of what was a module, which means by gelu what a `bert_config.json` does."""
