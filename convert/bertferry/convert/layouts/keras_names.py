"""`keras_names` and `keras_names_v2`: the intermediate, name-based files of the converters of 2019.

They use the names of the variables of `tf_20` and of `keras_bert` instead of paths; heads keep the names of tf1,
except for two that `keras_bert` had renamed by then.
"""

from dataclasses import replace

from bertferry.convert.layout import Form, Layout, Row, table
from bertferry.convert.layouts import keras_bert, tf1, tf_20
from bertferry.convert.layouts.ignored import TF1_TRAINING_STATE


def by_variable(rows: tuple[Row, ...], scope: str = "") -> tuple[Row, ...]:
    """The rows stored under their variables' names, below `{encoder}` instead of the scope."""
    return tuple(replace(row, stored="{encoder}" + row.variable.removeprefix(scope), variable="") for row in rows)


HEAD_ROWS_V2 = {
    **tf1.HEAD_ROWS,
    "mlm": (
        *tf1.HEAD_ROWS["mlm"][:-1],
        *table("mlm/bias | {model}cls/predictions/output_bias/bias | vocab"),
    ),
    "nsp": table("""
nsp/kernel | {model}predictions/transform/logits/kernel | hidden nsp
nsp/bias   | {model}predictions/transform/logits/bias   | nsp
"""),
}

KERAS_NAMES = replace(
    tf1.TF1,
    name="keras_names",
    summary="names of the tf_20 variables, kernels 2-D",
    encoder=by_variable(tf_20.ENCODER_ROWS, "bert_model/"),
    forms=tuple(replace(form, encoder="bert_model/") for form in tf1.TF1.forms),
    step_counter="",
)

KERAS_NAMES_3D = replace(
    KERAS_NAMES,
    name="keras_names_3d",
    summary="keras_names with 3-D kernels",
    encoder=tuple(tf_20.with_separate_heads(row) for row in KERAS_NAMES.encoder),
)

KERAS_NAMES_V2 = Layout(
    name="keras_names_v2",
    summary="names of the keras_bert variables, kernels 3-D",
    naming="names",
    encoder=by_variable(keras_bert.ENCODER_ROWS),
    heads=HEAD_ROWS_V2,
    forms=tuple(Form(form.heads) for form in tf1.TF1.forms),
    default_task="all",
    ignored=TF1_TRAINING_STATE,
)
