"""The lines of the contract of encoder modules about signatures."""

from pathlib import Path

import numpy as np
import tensorflow as tf

from bertferry.core.tasks import POSITIONS_INPUT
from bertferry.core.temporary import TemporaryFolder
from bertferry.export.module_subject import ModuleSubject
from bertferry.export.shared_contract_lines import require, sample
from bertferry.export.signatures import OLD_INPUTS, OLD_OUTPUTS
from bertferry.verify.runners.saved_model import load_saved_model


def check_signature(subject: ModuleSubject, path: Path | None = None) -> None:
    signatures = (load_saved_model(path) if path else subject.root).signatures
    require("serving_default" in signatures, f"no serving_default, only {', '.join(signatures) or 'none'}")
    signature = signatures["serving_default"]
    specs = signature.structured_input_signature[1]
    require(set(specs) == set(subject.task.input_names), f"inputs are {sample(sorted(specs))}")
    integers = {spec.dtype.name for spec in specs.values()}
    require(integers == {"int32"}, f"inputs are {', '.join(sorted(integers))}")
    outputs = set(signature.structured_outputs)
    missing = [name for name in subject.task.output_names if name not in outputs]
    require(not missing, f"outputs are {sample(sorted(outputs))}, missing {', '.join(missing)}")


def check_saving_again(subject: ModuleSubject) -> None:
    check_signature(subject)
    with TemporaryFolder() as folder:
        tf.saved_model.save(subject.root, str(folder))
        check_signature(subject, folder)


def check_old_signatures(subject: ModuleSubject) -> None:
    """`tokens` and `mlm`, if they take what those of modules in TF1 format take; other modules need neither."""
    calls = {"tokens": subject.call(dict)}
    if "mlm" in subject.task.heads:
        calls["mlm"] = subject.root.signatures["serving_default"](**subject.whole())
    for name, called in calls.items():
        inputs = {OLD_INPUTS[own]: tensor for own, tensor in subject.whole().items()}
        if name == "tokens":
            inputs.pop(OLD_INPUTS[POSITIONS_INPUT], None)
        signature = subject.root.signatures.get(name)
        if signature is None or set(signature.structured_input_signature[1]) != set(inputs):
            continue
        outputs = signature(**inputs)
        for output in (output for output in OLD_OUTPUTS if output in called):
            require(output in outputs, f"{name} returns {sample(sorted(outputs))}, missing {output}")
            want, got = np.asarray(called[output]), np.asarray(outputs[output])
            if output == "mlm_logits":
                want = want.reshape(-1, want.shape[-1])
            require(want.shape == got.shape, f"{output} of {name} has shape {list(got.shape)}")
            worst = float(np.abs(want - got).max())
            require(worst <= subject.tolerance, f"{output} of {name} differs by {worst:.1e} from that of a call")
