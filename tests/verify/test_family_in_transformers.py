"""Random models of transformers compute the same here, and come back the same from `--to huggingface`."""

import numpy as np
import pytest
from family_models import KINDS, random_model
from safetensors.numpy import load_file

from bertferry.convert import ConversionOptions, convert_checkpoint
from bertferry.core import tasks
from bertferry.verify import ParityOptions, render, verify_parity

torch = pytest.importorskip("torch", reason="needs the extra `torch`")
transformers = pytest.importorskip("transformers", reason="needs the extra `torch`")

TASKS = {
    "Model": "encoder",
    "ForMaskedLM": "mlm",
    "ForSequenceClassification": "classifier",
    "ForTokenClassification": "tokens",
    "ForQuestionAnswering": "span",
    "ForMultipleChoice": "choice",
}
OTHERS = {
    ("Albert", "ForPreTraining"): "pretrainer",
    ("Electra", "ForPreTraining"): "discriminator",
    ("Bert", "ForNextSentencePrediction"): "nsp",
    ("Bert", "ForMultipleChoice"): "choice",
}
CASES = {(kind, suffix): task for kind in KINDS if kind != "Bert" for suffix, task in TASKS.items()} | OTHERS


@pytest.fixture(scope="module", params=CASES, ids="".join)
def saved(request, tmp_path_factory):
    """A random model that transformers saved, and its task."""
    kind, suffix = request.param
    labels = 2 if suffix in ("ForQuestionAnswering", "ForPreTraining", "ForNextSentencePrediction") else 3
    model = random_model(kind, suffix, num_labels=labels)
    folder = tmp_path_factory.mktemp(kind)
    model.save_pretrained(folder)
    return folder, CASES[request.param]


def test_it_computes_what_transformers_computes(saved):
    """On every probe: with padding on the left, tokens under the mask, the id of padding inside the text."""
    folder, task = saved
    for engine in ("numpy", "tensorflow") if task in tasks.TASKS else ("numpy",):
        report = verify_parity(folder, [f"huggingface:{folder}"], ParityOptions(task=task, engine=engine))
        assert report.ok, render(report)


def test_it_comes_back_bit_for_bit(saved, tmp_path):
    folder, _ = saved
    convert_checkpoint(folder, tmp_path / "back", ConversionOptions("huggingface"))
    got, want = load_file(tmp_path / "back/model.safetensors"), load_file(folder / "model.safetensors")
    assert got.keys() == want.keys()
    for name, value in want.items():
        np.testing.assert_array_equal(got[name].view(np.uint32), value.view(np.uint32), name)
    back, original = (transformers.AutoConfig.from_pretrained(at) for at in (tmp_path / "back", folder))
    assert type(back) is type(original)
    differing = {key for key, value in original.to_dict().items() if back.to_dict()[key] != value}
    assert differing <= {"_name_or_path", "dtype", "id2label", "label2id"}
