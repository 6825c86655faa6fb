"""Every key of the configurations of transformers is understood, changes nothing, or is refused.

Each is given another value beside the same weights: what a class of transformers then computes is computed here
too, or the checkpoint is refused.
"""

import json
from typing import Any

import numpy as np
import pytest
from closeness import assert_close
from family_models import KINDS, SIZES, random_model

from bertferry.convert import open_checkpoint
from bertferry.convert.heads import with_task
from bertferry.core.errors import BertferryError
from bertferry.core.tasks import POSITIONS_INPUT
from bertferry.verify.runners.numpy_network import NumpyNetworkRunner

torch = pytest.importorskip("torch", reason="needs the extra `torch`")
pytest.importorskip("transformers", reason="needs the extra `torch`")

TASKS = {"Model": "encoder", "ForMaskedLM": "mlm", "ForSequenceClassification": "classifier"}
TASKS["ForMultipleChoice"] = "classifier"
WORDS = {"absolute": "relative_key", "first": "mean"}
"""Other values of keys whose value is a word; those of activations have `relu`."""
BEFORE_5: dict[str, Any] = {
    "position_embedding_type": "absolute",
    "pruned_heads": {},
    "tie_encoder_decoder": False,
    "cross_attention_hidden_size": None,
    "torchscript": False,
    "use_bfloat16": False,
    "output_past": False,
    "finetuning_task": None,
    "layer_norm_eps": 1e-12,
    "type_vocab_size": 1,
    "embedding_size": 8,
    "net_structure_type": 0,
    "gap_size": 0,
    "down_scale_factor": 1,
    "num_memory_blocks": 0,
    "tie_weights_": True,
    "summary_proj_to_labels": False,
}
"""Keys of older versions, and of other architectures, with the values that change nothing."""
ABOUT_THE_FILE = ("model_type", "architectures", "transformers_version", "_name_or_path", "dtype", "id2label")
"""Keys that say what a file is rather than what it computes, and labels, which must match the classes."""


def another(value):
    """Another value of the same type."""
    if isinstance(value, bool) or value is None:
        return not value
    if isinstance(value, int | float):
        return value + 1 if isinstance(value, int) else value * 2 + 0.01
    return {"0": [1]} if isinstance(value, dict) else WORDS.get(value, "relu")


@pytest.fixture(scope="module", params=[(kind, suffix) for kind in KINDS for suffix in TASKS], ids="".join)
def model(request, tmp_path_factory):
    """A random model that transformers saved: its class, its folder and its task."""
    kind, suffix = request.param
    made = random_model(kind, suffix)
    folder = tmp_path_factory.mktemp(kind)
    made.save_pretrained(folder)
    return made, folder, TASKS[suffix]


def theirs(made, values, ids, mask):
    """What the class computes from the same weights with these keys; None if it cannot."""
    keys = {key: value for key, value in values.items() if key != "architectures"}
    try:
        other = type(made)(type(made.config)(**keys)).eval()
        other.load_state_dict(made.state_dict())
        with torch.no_grad():
            return other(input_ids=ids, attention_mask=mask)[0].numpy()
    except Exception:
        return None


def ours(folder, values, task, ids, mask):
    """What is computed here of the folder with these keys; None if it is refused."""
    (folder / "config.json").write_text(json.dumps(values))
    try:
        checkpoint = with_task(open_checkpoint(folder), task)
    except BertferryError:
        return None
    ids, mask = (array.numpy().reshape(-1, array.shape[-1]).astype(np.int32) for array in (ids, mask))
    every = np.tile(np.arange(ids.shape[1], dtype=np.int32), (len(ids), 1))
    given = {
        "input_word_ids": ids,
        "input_mask": mask,
        "input_type_ids": np.zeros_like(ids),
        POSITIONS_INPUT: every,
    }
    outputs = NumpyNetworkRunner(checkpoint, task).run(given)
    return next(outputs[name] for name in ("mlm_logits", "logits", "sequence_output") if name in outputs)


def test_no_key_that_changes_what_is_computed_is_ignored(model):
    made, folder, task = model
    values = json.loads((folder / "config.json").read_text())
    known = {**made.config.to_dict(), **{key: BEFORE_5[key] for key in BEFORE_5 if key not in values}}
    torch.manual_seed(1)
    shape = (1, 2, 6) if "Choice" in type(made).__name__ else (2, 6)
    ids = torch.randint(4, SIZES["vocab_size"], shape)
    ids[..., 2] = int(made.config.pad_token_id) + 1  # padding's id, if that is changed
    mask = torch.ones_like(ids)
    assert_close(ours(folder, values, task, ids, mask), flat(theirs(made, values, ids, mask)), "fp32-cross")
    understood = []
    for key, value in known.items():
        if key not in (*ABOUT_THE_FILE, "label2id"):
            changed = {**values, key: another(value)}
            got, want = ours(folder, changed, task, ids, mask), theirs(made, changed, ids, mask)
            if got is not None and want is not None:
                understood.append(key)
                print(f"{key}: {changed[key]}")
                assert_close(got, flat(want), "fp32-cross")
    assert len(understood) > 10


def flat(value):
    """The choices of a question as rows."""
    return value.reshape(-1, 1) if value.shape == (1, 2) else value
