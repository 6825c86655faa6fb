"""Names of inputs and outputs in artifacts of other projects."""

import numpy as np
import pytest
import tensorflow as tf
from foreign_names import HUGGING_FACE, outputs_of

from bertferry.export import ModuleOptions, export_hub_module

KERAS_HUB = {"input_word_ids": "token_ids", "input_mask": "padding_mask", "input_type_ids": "segment_ids"}
GOOGLE_RESEARCH = {
    "input_word_ids": "input_ids:0",
    "input_mask": "input_mask:0",
    "input_type_ids": "segment_ids:0",
}
SENTENCE_TRANSFORMERS = {**HUGGING_FACE, "sequence_output": "token_embeddings"}
NUMBERED = {**HUGGING_FACE, "sequence_output": "output_0", "pooled_output": "output_1"}
TRACED = {**HUGGING_FACE, "sequence_output": "1054", "pooled_output": "1061"}
MODEL_GARDEN = {"sequence_output": "bert_encoder_1", "pooled_output": "bert_encoder"}
BERT4KERAS = {"input_word_ids": "Input-Token", "input_type_ids": "Input-Segment"}
OTHERS = [
    HUGGING_FACE,
    KERAS_HUB,
    GOOGLE_RESEARCH,
    SENTENCE_TRANSFORMERS,
    NUMBERED,
    TRACED,
    MODEL_GARDEN,
    BERT4KERAS,
]


class TestNames:
    @pytest.mark.parametrize("names", OTHERS, ids=lambda names: "-".join(names.values()))
    def test_those_of_others_are_known(self, foreign, verify, names):
        assert verify(foreign(names), "--probes", "mixed")[0] == 0

    def test_they_are_known_on_both_sides_and_in_any_order(self, foreign, ours, verify):
        def reverse(graph):
            for values in (graph.input, graph.output):
                values.reverse()

        path = foreign(HUGGING_FACE, reverse)
        assert verify(path, reference=ours)[0] == 0
        assert verify(ours, reference=path)[0] == 0
        code, line = verify(path, reference=path)
        assert (code, "no artifact states which inputs are valid" in line) == (2, True)

    def test_unknown_ones_are_one_line_with_those_of_both(self, foreign, verify, golden):
        path = foreign({"input_word_ids": "words", "sequence_output": "vectors"})
        code, line = verify(path)
        assert (code, line) == (
            2,
            f"verify-parity: onnx {path} takes words, input_mask, input_type_ids, the inputs of task encoder are "
            "input_word_ids, input_mask, input_type_ids: give --map words=NAME, or another --task\n",
        )
        code, line = verify(path, "--map", "words=input_word_ids")
        assert code == 2
        assert "returns sequence_output, pooled_output and " in line
        assert "returns vectors, pooled_output: compare those that both have with --outputs common" in line
        assert verify(path, "--map", "words=input_word_ids,vectors=sequence_output")[0] == 0
        code, out = verify(path, "--map", "words=input_word_ids", "--outputs", "common")
        assert (code, "  sequence_output, vectors: not compared with" in out) == (0, True)

    def test_a_name_that_nothing_has_is_refused(self, foreign, verify):
        code, line = verify(foreign(), "--map", "words=input_word_ids")
        assert code == 2
        assert "--map words: no artifact has such a name: " in line
        assert "has input_ids (input_word_ids), attention_mask (input_mask), " in line

    def test_two_of_the_same_meaning_are_refused(self, foreign, verify):
        code, line = verify(foreign(), "--map", "token_type_ids=input_mask")
        assert (code, "both attention_mask and token_type_ids would be input_mask" in line) == (2, True)

    def test_a_side_without_common_outputs(self, foreign, verify):
        code, line = verify(foreign({"sequence_output": "a", "pooled_output": "b"}), "--outputs", "common")
        assert (code, "say which are the same with --map THEIRS=OURS" in line) == (2, True)

    @pytest.mark.parametrize("names", [HUGGING_FACE, {"seq": "seq"}], ids=["huggingface", "short"])
    def test_those_of_stored_arrays(self, foreign, verify, tmp_path, names):
        inputs, outputs = outputs_of(foreign())
        if names is not HUGGING_FACE:
            short = dict(zip([*inputs, *outputs], ["ids", "mask", "seg", "seq", "pooled"], strict=True))
            inputs, outputs = ({short[name]: at for name, at in side.items()} for side in (inputs, outputs))
        np.savez(tmp_path / "stored.npz", **inputs, **outputs)
        assert verify(tmp_path / "stored.npz")[0] == 0
        assert verify(foreign(), "--inputs", tmp_path / "stored.npz")[0] == 0
        assert verify(foreign(), reference=tmp_path / "stored.npz")[0] == 0

    def test_stored_arrays_are_mapped(self, foreign, verify, tmp_path):
        inputs, outputs = outputs_of(foreign())
        own = {"input_ids": "x", "attention_mask": "m", "token_type_ids": "t"}
        np.savez(tmp_path / "s.npz", v=outputs["last_hidden_state"], **{own[name]: inputs[name] for name in own})
        names = ("--map", "x=input_word_ids,m=input_mask,t=input_type_ids,v=sequence_output")
        assert verify(tmp_path / "s.npz", *names, "--outputs", "common")[0] == 0
        assert verify(foreign(), *names, "--inputs", tmp_path / "s.npz")[0] == 0
        code, line = verify(tmp_path / "s.npz")
        assert (code, "missing outputs: it has " in line) == (2, True)

    @pytest.mark.parametrize("task", ["encoder", "classifier"])
    def test_positions_are_no_input_of_other_tasks(self, foreign, golden, verify, tmp_path, task):
        stored = {"encoder": "tf1_core_L2", "classifier": "tf1_cls_L2"}[task]
        assert verify(golden / f"{stored}.npz", "--task", task, reference=golden / stored)[0] == 0

    def test_arrays_without_segments_are_of_the_first(self, foreign, verify, tmp_path):
        inputs, outputs = outputs_of(foreign())
        del inputs["token_type_ids"]
        np.savez(tmp_path / "stored.npz", **inputs, **outputs)
        assert verify(tmp_path / "stored.npz")[0] == 0


@pytest.fixture(scope="module")
def hub_module(golden, tmp_path_factory):
    path = tmp_path_factory.mktemp("modules") / "module"
    export_hub_module(golden / "tf1_core_L2", path, ModuleOptions(verify=False))
    return path


class TestSavedModels:
    @pytest.fixture
    def wrapped(self, hub_module):
        """A SavedModel with names of its own, which can be called or has a signature alone."""

        def write(names, folder, *, callable_root=True):
            root = tf.Module()
            root.inner = tf.saved_model.load(str(hub_module))
            specs = {names.get(name, name): tf.TensorSpec([None, None], tf.int64) for name in KERAS_HUB}

            @tf.function(input_signature=[specs])
            def call(inputs):
                given = {name: tf.cast(inputs[names.get(name, name)], tf.int32) for name in KERAS_HUB}
                outputs = root.inner.signatures["serving_default"](**given)
                return {names.get(name, name): value for name, value in outputs.items()}

            @tf.function(input_signature=[tf.TensorSpec([None, None], tf.int64, name) for name in specs])
            def serve(*tensors):
                return call(dict(zip(specs, tensors, strict=True)))

            if callable_root:
                root.__call__ = call
            tf.saved_model.save(root, str(folder), {"serving_default": serve})
            return folder

        return write

    def test_names_are_known_in_a_call_and_in_a_signature(self, wrapped, verify, tmp_path):
        path = wrapped(HUGGING_FACE, tmp_path / "saved")
        for kind in ("", "savedmodel:"):
            code, out = verify(f"{kind}{path}", "--probes", "mixed")
            assert (code, f"candidate  {kind or 'hub:'}{path}".replace(":", " ", 1) in out) == (0, True)

    def test_what_cannot_be_called_is_run_by_its_signature(self, wrapped, verify, tmp_path):
        path = wrapped(KERAS_HUB, tmp_path / "saved", callable_root=False)
        code, out = verify(path, "--probes", "mixed")
        assert (code, f"candidate  savedmodel {path}" in out) == (0, True)

    def test_a_version_directory_is_named(self, hub_module, verify, tmp_path):
        (tmp_path / "m").mkdir()
        (tmp_path / "m" / "1").symlink_to(hub_module)
        for kind in ("", "hub:", "savedmodel:"):
            code, line = verify(f"{kind}{tmp_path / 'm'}")
            assert (code, line.endswith(f"; it has {tmp_path / 'm' / '1'}\n")) == (2, True)
