"""Labeled texts: what is read, how both sides are scored, and when a loss is a disagreement."""

import json
import shutil
from itertools import pairwise
from xml.etree import ElementTree as Xml

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from bertferry.convert import ConversionOptions, SourceOptions, convert_checkpoint
from bertferry.core.errors import UsageError
from bertferry.export import OnnxOptions, export_onnx
from bertferry.verify import ParityOptions, verify_parity
from bertferry.verify.command import main
from bertferry.verify.resolution import resolve_artifact
from bertferry.verify.texts import text_probes

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "b", "##c", "d", "e"]
TEXTS = ["a b", "d e a", "bc bc", "e", "a a a d", "b e", "d", "e bc a", "b b", "a d e b"]
NAMES = ("red", "green", "blue", "white", "black")


def with_words(checkpoint, folder, task="classifier", **changes):
    """A checkpoint in transformers' files, with a vocabulary and other keys of its configuration."""
    convert_checkpoint(checkpoint, folder, ConversionOptions("huggingface", task))
    config = json.loads((folder / "config.json").read_text())
    rows = config["vocab_size"]
    words = (WORDS + [f"word{number}" for number in range(rows)])[:rows]
    (folder / "vocab.txt").write_text("\n".join(words) + "\n")
    (folder / "tokenizer_config.json").write_text('{"do_lower_case": true, "tokenizer_class": "BertTokenizer"}')
    (folder / "config.json").write_text(json.dumps({**config, **changes}))
    return folder


def with_bias(folder, target, bias):
    """A copy whose classifier's bias is another."""
    shutil.copytree(folder, target)
    tensors = load_file(folder / "model.safetensors")
    tensors["classifier.bias"] = np.array(bias, np.float32)
    save_file(tensors, target / "model.safetensors", {"format": "pt"})
    return target


def named(names):
    numbered = dict(enumerate(names))
    return {
        "id2label": {str(key): name for key, name in numbered.items()},
        "label2id": {b: a for a, b in numbered.items()},
    }


@pytest.fixture(scope="module")
def folder(golden, tmp_path_factory):
    """A classifier of colors, one that says the most frequent less often, and what the first says of texts."""
    root = tmp_path_factory.mktemp("labeled")
    (root / "texts.txt").write_text("\n".join(TEXTS) + "\n")
    raw = with_words(golden / "hf_bin_cls_L2", root / "raw", **named(NAMES))
    bias = load_file(raw / "model.safetensors")["classifier.bias"] - logits_of(raw).mean(axis=0)
    classifier = with_bias(raw, root / "classifier", bias)
    logits = logits_of(classifier)
    decided = logits.argmax(axis=1)
    often = np.bincount(decided).argmax()
    ahead = np.ptp(np.sort(logits[decided == often], axis=1)[:, -2:], axis=1)
    with_bias(classifier, root / "other", bias - np.where(np.arange(5) == often, np.median(ahead), 0))
    (root / "labels.txt").write_text("".join(f"{NAMES[number]}\n" for number in decided))
    return root


def logits_of(classifier):
    artifact = resolve_artifact(classifier, "classifier")
    runner = artifact.open()
    return np.concatenate([runner.run(probe.inputs)["logits"] for probe in text_probes(TEXTS, [artifact])])


def flags(folder, candidate="other", **more):
    texts = {"texts": folder / "texts.txt", "labels": folder / "labels.txt", "task": "classifier", **more}
    given = [part for name, value in texts.items() for part in (f"--{name}", str(value))]
    return ["--reference", str(folder / "classifier"), "--candidate", str(folder / candidate), *given]


class TestClassifiers:
    def test_a_model_loses_nothing_against_itself(self, folder, capfd):
        assert main(flags(folder, "classifier", profile="task", margin=0)) == 0
        out = capfd.readouterr().out
        assert "within task (a loss of at most 0); accuracy 1.0000 (reference 1.0000), macro F1 1.0000" in out
        assert "0 of 10 decisions changed: 0 right ones lost, 0 gained; McNemar's exact test: p = 1" in out

    def test_a_loss_beyond_the_margin_is_a_disagreement(self, folder, tmp_path, capfd):
        report = tmp_path / "report.json"
        files = {"json": report, "junit": tmp_path / "report.xml", "html": tmp_path / "report.html"}
        assert main(flags(folder, profile="task", margin=0.05, **files)) == 1
        out = capfd.readouterr().out
        (candidate,) = json.loads(report.read_text())["candidates"]
        task = candidate["task_result"]
        accuracy = task["scores"][0]
        lost = sum(one["lost"] for one in task["confidence"])
        assert (accuracy["name"], accuracy["reference"], task["count"]) == ("accuracy", 1.0, 10)
        assert accuracy["candidate"] == 1 - lost / 10
        assert 0 < lost < 10
        assert sum(one["decisions"] for one in task["confidence"]) == 10
        assert task["p_value"] == min(1.0, 2 * 0.5**lost)
        reason = f"accuracy {1 - lost / 10:.4f}, reference 1.0000: a loss of {lost / 10:.4f}, at most 0.05 allowed"
        assert reason in out.splitlines()[-2]
        assert f"{lost} of 10 decisions changed: {lost} right ones lost, 0 gained; McNemar" in out
        cases = {case.get("name"): case for case in Xml.parse(files["junit"]).getroot().iter("testcase")}
        assert cases["accuracy of texts"].find("failure").get("message") == reason
        assert cases["logits on texts 1 to 8"].find("skipped") is not None
        assert f"<td class=number>{1 - lost / 10:.4f}</td>" in files["html"].read_text()
        assert reason in files["html"].read_text()
        assert main(flags(folder, profile="task", margin=1)) == 0
        assert main(["--rejudge", str(report), "--profile", "task", "--margin", str(lost / 10)]) in (0, 1)
        capfd.readouterr()
        assert main(["--rejudge", str(report), "--profile", "task", "--margin", "1"]) == 0
        assert main(["--rejudge", str(report)]) == 1

    def test_without_the_profile_scores_are_reported_only(self, folder, tmp_path, capfd):
        assert main(flags(folder, "classifier", junit=tmp_path / "report.xml")) == 0
        out = capfd.readouterr().out
        assert "within fp32" in out
        assert "accuracy" in out
        cases = {case.get("name"): case for case in Xml.parse(tmp_path / "report.xml").getroot().iter("testcase")}
        assert cases["accuracy of texts"].find("skipped") is not None
        assert cases["logits on texts 1 to 8"].find("skipped") is None

    def test_numbers_name_the_same_classes(self, folder, tmp_path):
        numbers = [NAMES.index(name) for name in (folder / "labels.txt").read_text().split()]
        results = []
        for form in ("{}", "LABEL_{}"):
            (tmp_path / "labels.txt").write_text("\r\n".join(form.format(number) for number in numbers))
            options = ParityOptions(task="classifier", texts=folder / "texts.txt", labels=tmp_path / "labels.txt")
            (candidate,) = verify_parity(folder / "classifier", [folder / "other"], options).candidates
            results.append(candidate.task_result)
        assert results[0] == results[1]
        assert results[0].scores[0].reference == 1

    def test_graphs_find_tokenizer_and_names_in_their_folder(self, folder, tmp_path):
        published = tmp_path / "published"
        shutil.copytree(folder / "classifier", published)
        (published / "onnx").mkdir()
        graph = OnnxOptions(task="classifier", names="huggingface", verify=False)
        for name in ("model.onnx", "other.onnx"):
            export_onnx(published / "onnx" / name, graph, checkpoint=folder / "classifier")
        options = ParityOptions(
            task="classifier", texts=folder / "texts.txt", labels=folder / "labels.txt", profile="task"
        )
        report = verify_parity(published / "onnx/model.onnx", [published / "onnx/other.onnx"], options)
        assert report.candidates[0].task_result.scores[0].reference == 1
        config = json.loads((published / "config.json").read_text())
        (published / "config.json").write_text(json.dumps({**config, **named(NAMES[::-1])}))
        with pytest.raises(UsageError, match=r"its class 0 is 'black' .*would mean different things"):
            verify_parity(folder / "classifier", [strip_notes(published / "onnx/other.onnx")], options)

    def test_classes_by_other_names_are_refused(self, folder, tmp_path, golden):
        other = with_words(golden / "hf_bin_cls_L2", tmp_path / "other", **named(NAMES[::-1]))
        options = ParityOptions(task="classifier", texts=folder / "texts.txt", labels=folder / "labels.txt")
        with pytest.raises(
            UsageError, match=r"its class 0 is 'black' \(id2label\), that of .* 'red': labels would"
        ):
            verify_parity(folder / "classifier", [other], options)


def strip_notes(path):
    import onnx

    model = onnx.load(str(path))
    del model.metadata_props[:]
    onnx.save(model, str(path))
    return path


@pytest.mark.parametrize(
    ("lines", "fault"),
    [
        ("red\n" * 9, "9 labels, but there are 10 texts"),
        ("red\n" * 3 + "purple\n" + "red\n" * 6, "line 4: 'purple' is no label: expected one of red, green, blue"),
        ("0\n" * 9 + "5\n", "line 10: '5' is no label"),
        ("0\n" * 9 + "red\n", "line 1: '0' is no label"),
        ("0\n" * 9 + "-1\n", "line 1: '0' is no label"),
        ("red\n\n" + "red\n" * 8, "line 2: no label"),
        ("", "no labels"),
    ],
)
def test_a_label_that_cannot_be_meant_is_refused_by_line(folder, tmp_path, capfd, lines, fault):
    (tmp_path / "labels.txt").write_text(lines)
    assert main(flags(folder, labels=tmp_path / "labels.txt")) == 2
    err = capfd.readouterr().err
    assert (fault in err, err.count("\n")) == (True, 1), err


@pytest.mark.parametrize(
    ("given", "fault"),
    [
        ({"task": "encoder"}, "task encoder decides nothing that labels could judge"),
        ({"task": "span"}, "task span decides nothing"),
        ({"margin": "0.1"}, "--margin is the loss that --profile task allows, not auto"),
        ({"margin": "2", "profile": "task"}, "--margin 2: expected a share between 0 and 1"),
        ({"probes": "texts 1 to 8"}, "2 of 10 texts are left out"),
        ({"labels": "nowhere"}, "nowhere: labels cannot be read"),
    ],
)
def test_flags_that_labels_contradict_are_refused(folder, capfd, given, fault):
    assert main(flags(folder, **given)) == 2
    assert fault in capfd.readouterr().err


def test_a_line_without_text_would_shift_the_labels(folder, tmp_path, capfd):
    (tmp_path / "texts.txt").write_text("a\n\nb\n")
    assert main(flags(folder, texts=tmp_path / "texts.txt")) == 2
    assert "line 2: no text" in capfd.readouterr().err


class TestOtherTasks:
    def run(self, folder, labels, task, *more, texts=TEXTS, source=SourceOptions(), candidate=None):
        (folder / "texts.txt").write_text("\n".join(texts) + "\n")
        (folder / "labels.txt").write_text("\n".join(labels) + "\n")
        options = ParityOptions(
            task=task,
            texts=folder / "texts.txt",
            labels=folder / "labels.txt",
            profile="task",
            pairs="pairs" in more,
        )
        (result,) = verify_parity(folder, [candidate or folder], options, source=source).candidates
        return result.task_result

    def test_scores_of_a_regression_are_ranked(self, golden, tmp_path):
        folder = with_words(golden / "hf_regression_L2", tmp_path / "regression")
        result = self.run(folder, [f"{number / 4}" for number in range(10)], "classifier")
        (score,) = result.scores
        assert (score.name, result.count, result.confidence, result.p_value) == ("Spearman", 10, (), None)
        assert score.reference == score.candidate
        assert -1 < score.reference < 1
        with pytest.raises(UsageError, match="line 3: 'red' is no score"):
            self.run(folder, ["1", "2", "red", *"4567890"], "classifier")
        with pytest.raises(UsageError, match="all scores are 1: they order nothing"):
            self.run(folder, ["1"] * 10, "classifier")

    def test_words_are_decided_by_their_first_token(self, golden, tmp_path):
        folder = with_words(golden / "hf_token_L2", tmp_path / "tokens", "tokens")
        count = len(json.loads((folder / "config.json").read_text())["id2label"])
        names = ["O", "B-PER", "I-PER", "B-LOC", "I-LOC"][:count]
        names += [f"B-X{number}" for number in range(count - len(names))]
        config = json.loads((folder / "config.json").read_text())
        (folder / "config.json").write_text(json.dumps({**config, **named(names)}))
        texts = [*TEXTS[:3], "bc " * 20]
        labels = [" ".join(["O"] * len(text.split())) for text in texts]
        result = self.run(folder, labels, "tokens", texts=texts)
        # Of the last text, the frame and 14 of 16 positions: 7 words of two tokens.
        assert (result.what, result.count, result.left_out) == ("words", 2 + 3 + 2 + 7, 13)
        assert [score.name for score in result.scores][-2:] == ["texts without a wrong word", "F1 of entities"]
        assert result.p_value is None
        with pytest.raises(UsageError, match="line 2: 2 labels, but its text has 3 words"):
            self.run(folder, [labels[0], "O O", *labels[2:]], "tokens", texts=texts)

    def test_embeddings_are_judged_by_pairs(self, golden, tmp_path):
        folder = with_words(golden / "hf_bin_core_L2", tmp_path / "embeddings", "encoder")
        texts = [f"{first}\t{second}" for first, second in pairwise(TEXTS)]
        source = SourceOptions(pooling="mean", normalize=True)
        result = self.run(
            folder, [str(number) for number in range(9)], "embeddings", "pairs", texts=texts, source=source
        )
        assert (result.what, result.count, result.scores[0].name) == ("pairs", 9, "Spearman")
        with pytest.raises(UsageError, match="give --pairs"):
            self.run(folder, [str(number) for number in range(10)], "embeddings", source=source)
        with pytest.raises(UsageError, match="text 2: --pairs expects two texts with a tab"):
            self.run(folder, ["1", "2"], "embeddings", "pairs", texts=[texts[0], "a"], source=source)

    def test_pairs_are_one_input_of_a_classifier(self, golden, tmp_path):
        folder = with_words(golden / "hf_bin_cls_L2", tmp_path / "pairs", **named(NAMES))
        texts = [f"{text}\t{text}" for text in TEXTS]
        result = self.run(folder, ["red"] * 10, "classifier", "pairs", texts=texts)
        assert (result.what, result.count) == ("texts", 10)
        (probe, _) = text_probes(TEXTS, [resolve_artifact(folder, "classifier")], TEXTS)
        assert probe.inputs["input_type_ids"][0, :7].tolist() == [0, 0, 0, 0, 1, 1, 1]
