"""Every checkpoint layout that is read or written. A new layout is a table module and a line here."""

from bertferry.convert.layout import Layout
from bertferry.convert.layouts.huggingface import HUGGINGFACE, HUGGINGFACE_2018
from bertferry.convert.layouts.keras_bert import KERAS_BERT
from bertferry.convert.layouts.tf1 import TF1
from bertferry.convert.layouts.tf_20 import TF_20, TF_20_3D

LAYOUTS: dict[str, Layout] = {
    layout.name: layout for layout in (TF1, TF_20, TF_20_3D, KERAS_BERT, HUGGINGFACE, HUGGINGFACE_2018)
}
TARGETS = (KERAS_BERT.name, TF1.name)
