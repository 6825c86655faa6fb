"""`hub_module` and `garden_names`: variables by name, as in Hub modules and in models that contain one.

They are found in SavedModels and in checkpoints of models around a `hub.KerasLayer`, and are not written by
conversion: `export-hub-module` writes modules.
"""

from dataclasses import replace

from bertferry.convert.layout import Form, Layout, Row, table
from bertferry.convert.layouts.garden import GARDEN_V1
from bertferry.convert.layouts.ignored import VARIABLE_STATE
from bertferry.convert.layouts.keras_names import by_variable
from bertferry.core.parameters import ENCODER_AXES
from bertferry.core.tasks import HEADS, TASKS, task_spec

HUB_MODULE = Layout(
    name="hub_module",
    summary="variables of a module that export-hub-module wrote",
    naming="names",
    encoder=tuple(Row(name, "{encoder}" + name, axes) for name, axes in ENCODER_AXES.items()),
    heads={
        head: tuple(Row(name, "{model}" + name, axes) for name, axes in spec.parameters.items())
        for head, spec in HEADS.items()
        if any(head in task.heads for task in TASKS.values())
    },
    forms=tuple(
        dict.fromkeys(
            Form(task.heads, pooler=task.needs_pooler)
            for pooler in (True, False)
            for task in (task_spec(name, pooler=pooler) for name in TASKS)
        )
    ),
    default_task="encoder",
    ignored=VARIABLE_STATE,
    has_twins=False,
    among_others=True,
)

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

MODULE_NAMES = (HUB_MODULE.name, GARDEN_NAMES.name, GARDEN_NAMES_OWN_POOLER.name)
"""Layouts of what was a module, which means by gelu what a `bert_config.json` does."""
