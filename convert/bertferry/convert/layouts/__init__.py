"""Every checkpoint layout that is read or written. A new layout is a module with a table, and a line here."""

from bertferry.convert.layout import Layout
from bertferry.convert.layouts.albert import HUGGINGFACE_ALBERT, TF1_ALBERT
from bertferry.convert.layouts.bert4keras import BERT4KERAS
from bertferry.convert.layouts.distilbert import HUGGINGFACE_DISTILBERT
from bertferry.convert.layouts.electra import HUGGINGFACE_ELECTRA, TF1_ELECTRA, TF1_ELECTRA_GENERATOR
from bertferry.convert.layouts.garden import (
    GARDEN_2_4_0,
    GARDEN_V1,
    GARDEN_V1_OWN_POOLER,
    GARDEN_V1_TASKS,
    GARDEN_V2,
    GARDEN_V2_OWN_POOLER,
    GARDEN_V2_TASKS,
)
from bertferry.convert.layouts.huggingface import HUGGINGFACE, HUGGINGFACE_2018
from bertferry.convert.layouts.keras_bert import KERAS_BERT, KERAS_BERT_FAMILY
from bertferry.convert.layouts.keras_hub import KERAS_HUB
from bertferry.convert.layouts.keras_names import KERAS_NAMES, KERAS_NAMES_3D, KERAS_NAMES_V2
from bertferry.convert.layouts.mpnet import HUGGINGFACE_MPNET
from bertferry.convert.layouts.roberta import HUGGINGFACE_DATA2VEC, HUGGINGFACE_ROBERTA
from bertferry.convert.layouts.saved_model import GARDEN_NAMES, GARDEN_NAMES_OWN_POOLER, in_module
from bertferry.convert.layouts.tf1 import TF1
from bertferry.convert.layouts.tf_20 import TF_20, TF_20_3D
from bertferry.convert.layouts.transformers import as_flax, as_tf, by_variable

OF_TRANSFORMERS = (
    HUGGINGFACE,
    HUGGINGFACE_ALBERT,
    HUGGINGFACE_ELECTRA,
    HUGGINGFACE_ROBERTA,
    HUGGINGFACE_DISTILBERT,
    HUGGINGFACE_MPNET,
)
"""Of its PyTorch classes; those of its TensorFlow and Flax classes follow from them. Data2VecText has neither."""
TF_CLASSES = tuple(map(as_tf, OF_TRANSFORMERS))

WRITTEN = (
    KERAS_BERT,
    TF1,
    TF_20,
    TF_20_3D,
    GARDEN_V1,
    GARDEN_V2,
    KERAS_NAMES,
    KERAS_NAMES_V2,
    HUGGINGFACE,
    KERAS_HUB,
    TF1_ALBERT,
    TF1_ELECTRA,
    TF1_ELECTRA_GENERATOR,
    *OF_TRANSFORMERS[1:],
    HUGGINGFACE_DATA2VEC,
    *KERAS_BERT_FAMILY,
)
ONLY_READ = (
    *(KERAS_NAMES_3D, HUGGINGFACE_2018),
    *(in_module(layout) for layout in WRITTEN if layout.family == HUGGINGFACE.name),
    *(GARDEN_NAMES, GARDEN_NAMES_OWN_POOLER, BERT4KERAS),
    *(GARDEN_2_4_0, GARDEN_V1_TASKS, GARDEN_V2_TASKS, GARDEN_V1_OWN_POOLER, GARDEN_V2_OWN_POOLER),
    *TF_CLASSES,
    *map(by_variable, TF_CLASSES),
    *map(as_flax, [layout for layout in OF_TRANSFORMERS if layout is not HUGGINGFACE_MPNET]),  # it has none
)
LAYOUTS: dict[str, Layout] = {layout.name: layout for layout in (*WRITTEN, *ONLY_READ)}
"""Every layout by its name."""
TARGETS = tuple(dict.fromkeys(layout.family for layout in WRITTEN))
"""The names of layouts for `--to`, which stand for those of all architectures."""
