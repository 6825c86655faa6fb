"""Where a checkpoint's files are: names as they are, whatever a shell makes of them."""

import shutil

import pytest

from bertferry.convert import open_checkpoint


@pytest.mark.parametrize("name", ["m*.ckpt", "m?.ckpt", "a b.ckpt"])
def test_the_data_of_a_prefix_is_found_by_its_name(golden, tmp_path, name):
    for suffix in (".index", ".data-00000-of-00001"):
        shutil.copy(golden / f"tf1_core_L2/bert_model.ckpt{suffix}", tmp_path / f"{name}{suffix}")
    shutil.copy(golden / "tf1_core_L2/bert_config.json", tmp_path)
    for other in ("model1.ckpt", "mm.ckpt"):  # what the name would match as a pattern, with more shards
        (tmp_path / f"{other}.data-00001-of-00002").write_bytes(b"")
    assert open_checkpoint(tmp_path / name).read("pooler/bias").shape == (8,)
