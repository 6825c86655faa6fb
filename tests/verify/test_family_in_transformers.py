"""Random models of transformers compute the same here, and come back the same from `--to huggingface`."""

from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file

from bertferry.convert import ConversionOptions, convert_checkpoint
from bertferry.verify import ParityOptions, render, verify_parity

torch = pytest.importorskip("torch", reason="needs the extra `torch`")
transformers = pytest.importorskip("transformers", reason="needs the extra `torch`")

SIZES = {
    "vocab_size": 30,
    "hidden_size": 8,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 12,
    "max_position_embeddings": 18,
    "hidden_act": "gelu",
}
DISTILBERT = {
    "vocab_size": 30,
    "dim": 8,
    "n_layers": 2,
    "n_heads": 2,
    "hidden_dim": 12,
    "max_position_embeddings": 16,
}
KINDS: dict[str, dict[str, Any]] = {
    "Roberta": {**SIZES, "pad_token_id": 1, "layer_norm_eps": 1e-5},
    "Camembert": {**SIZES, "pad_token_id": 3, "hidden_act": "relu"},
    "XLMRoberta": {**SIZES, "type_vocab_size": 1, "layer_norm_eps": 1e-5},
    "MPNet": {**SIZES, "layer_norm_eps": 1e-5, "max_position_embeddings": 202},
    "DistilBert": DISTILBERT,
    "Albert": {**SIZES, "embedding_size": 6},
    "Electra": {**SIZES, "embedding_size": 6, "layer_norm_eps": 1e-9, "hidden_act": "gelu_new"},
    "Bert": SIZES,
}
"""Their sizes; positions of MPNet reach into the last bucket of distances, ELECTRA's heads have another gelu."""
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
    config = getattr(transformers, f"{kind}Config")(**KINDS[kind], num_labels=labels)
    torch.manual_seed(0)
    model = getattr(transformers, kind + suffix)(config).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(torch.randn_like(parameter) * 0.3)
    model.tie_weights()
    folder = tmp_path_factory.mktemp(kind)
    model.save_pretrained(folder)
    return folder, CASES[request.param]


def test_it_computes_what_transformers_computes(saved):
    """On every probe: with padding on the left, tokens under the mask, the id of padding inside the text."""
    folder, task = saved
    report = verify_parity(folder, [f"huggingface:{folder}"], ParityOptions(task=task))
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
