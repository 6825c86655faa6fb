"""A LiteRT file as an artifact to compare."""

from pathlib import Path

from bertferry.core.errors import UsageError
from bertferry.core.extras import LITERT, check_installed
from bertferry.core.litert_files import is_litert
from bertferry.verify.artifact import Artifact
from bertferry.verify.execution import DEFAULT_EXECUTION, Execution
from bertferry.verify.file_facts import class_facts, describe_litert, model_limits
from bertferry.verify.runner import Runner


def litert_artifact(
    path: Path,
    execution: Execution = DEFAULT_EXECUTION,
    *,
    signature: str | None = None,
    shown: Path | None = None,
) -> Artifact:
    """A LiteRT file, of anyone, in LiteRT's interpreter on the CPU.

    Args:
      path: the file.
      execution: how it runs; it has one precision.
      signature: default: `serving_default` or the only one.
      shown: the path to name in reports, if the file is to be moved there.

    Raises:
      UsageError: no such file, not one of LiteRT, or another device, precision or signature than it has.
      DataError: LiteRT cannot load it.
      UnavailableError: LiteRT is not installed.
    """
    if not path.is_file():
        raise UsageError(f"{path}: no such file")
    if not is_litert(path):
        raise UsageError(f"{path}: not a LiteRT file: its bytes 4 to 7 are not TFL3")
    own, configuration = describe_litert(path)
    remedy = f"export it with export-litert --precision {execution.precision}"
    if own == "fp32" or execution.precision in ("bf16", "tf32", "fp64"):
        remedy = f"it runs in {own}"
    execution.check(f"litert {path}", ("cpu",), (own,), remedy)
    check_installed("running a LiteRT file", *LITERT)
    from bertferry.verify.runners.litert import LitertRunner, find_interface

    def load_runner() -> Runner:
        return LitertRunner(path, signature, shares_mask=bool(configuration))

    return Artifact(
        f"litert {shown or path}",
        load_runner,
        model_limits(configuration),
        profile=execution.profile("fp32-cross" if own == "fp32" else own),
        interface=find_interface(path, signature),
        configuration=configuration,
        class_facts=class_facts(configuration),
        execution=execution,
    )
