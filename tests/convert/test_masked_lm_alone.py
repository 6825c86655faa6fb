"""A BERT with a masked LM alone is written for the network that has no other head, with a pooler and without."""

import numpy as np
import pytest
from judges import networks, tf

from bertferry.convert import ConversionOptions, convert_checkpoint, open_checkpoint


@pytest.mark.parametrize(("source", "pooler"), [("hf_tf_mlm_L2", False), ("keras_hub_mlm_L2", True)])
def test_the_network_restores_it_and_saves_it_again(golden, tmp_path, source, pooler):
    convert_checkpoint(golden / source, tmp_path / "keras", ConversionOptions(task="mlm"))
    written = open_checkpoint(tmp_path / "keras")
    assert written.heads == ("mlm",)
    assert ("pooler/kernel" in written.parameters) == pooler
    network = networks.load_network(written, "mlm")
    tf.train.Checkpoint(model=network).restore(str(tmp_path / "keras/bert_model.ckpt")).assert_consumed()
    tf.train.Checkpoint(model=network).write(str(tmp_path / "again/bert_model.ckpt"))
    (tmp_path / "again/bert_config.json").write_bytes((tmp_path / "keras/bert_config.json").read_bytes())
    convert_checkpoint(tmp_path / "again", tmp_path / "huggingface", ConversionOptions("huggingface", "mlm"))
    original, found = open_checkpoint(golden / source), open_checkpoint(tmp_path / "huggingface")
    assert set(found.parameters) == set(written.parameters)
    for name in found.parameters:
        assert np.array_equal(original.read(name), found.read(name)), name
