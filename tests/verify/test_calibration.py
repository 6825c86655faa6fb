"""The profiles fit the artifacts they are calibrated on: real weights in every kind of artifact and precision."""

import pytest
from calibrate import artifacts
from closeness import BFLOAT16_ABORTS

from bertferry.convert import open_checkpoint
from bertferry.core.errors import UnavailableError
from bertferry.verify.artifact import checkpoint_artifact
from bertferry.verify.artifact_comparison import Judgment, compare_artifacts
from bertferry.verify.tolerance import PROFILES


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.*")  # of TensorFlow and ONNX Runtime, which convert
def test_sound_artifacts_of_real_weights_agree_within_their_profiles(minilm, tmp_path):
    reference = checkpoint_artifact(open_checkpoint(minilm), "encoder")
    verdicts = {}
    for candidate in artifacts(minilm, tmp_path):
        if BFLOAT16_ABORTS and "bf16" in candidate.name:
            continue
        judgment = Judgment(PROFILES[candidate.profile], localize=True)
        try:
            report = compare_artifacts(reference, [candidate], judgment)
        except UnavailableError:
            continue  # no GPU
        verdicts[candidate.name] = (report.ok, report.candidates[0].drift.culprit)
    assert len(verdicts) >= (10 if BFLOAT16_ABORTS else 12)
    random_ids = {"ONNX, int8"}  # int8 is only judged on texts
    assert {name for name, verdict in verdicts.items() if verdict != (True, "")} <= random_ids, verdicts
