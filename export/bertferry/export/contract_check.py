"""check_module_contract: does a SavedModel support every standard way of calling a module of its kind?

The contracts of encoders, of text embeddings and of preprocessing are those of
https://www.tensorflow.org/hub/common_saved_model_apis/text, of the modules /1 to /4 on tfhub.dev, and of Keras 3's
`TFSMLayer`. The checks do not depend on who exported the module.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from bertferry.convert import open_checkpoint
from bertferry.core.errors import DataError, first_line
from bertferry.core.extras import HUB, check_installed
from bertferry.export.contract import ContractError, ContractReport, Finding, Line
from bertferry.export.module_source import is_tf1_format
from bertferry.verify.saved_model_interface import check_saved_model


def check_module_contract(
    directory: str | Path, progress: Callable[[str, int, int], None] | None = None
) -> ContractReport:
    """Checks a SavedModel directory, from this project or any other, against the contract of its kind.

    Raises:
      UsageError: not a SavedModel.
      DataError: TensorFlow cannot load it.
      UnavailableError: TensorFlow, or another package that calls modules, is not installed.
    """
    path = Path(directory)
    check_saved_model(path)
    check_installed("checking a module", *HUB, "keras")
    if is_tf1_format(path):
        from bertferry.export.tf1_contract_lines import TF1_LINES

        findings = _check_tf1(path, TF1_LINES, progress)
        return ContractReport(str(directory), "module in TF1 format", tuple(findings))
    with suppress(ImportError):
        import tensorflow_text  # noqa: F401 - registers the operations of text modules
    from bertferry.export.contract_lines import lines_of
    from bertferry.export.module_subject import ModuleSubject
    from bertferry.export.text_contract_lines import TextSubject, takes_texts
    from bertferry.verify.runners.saved_model import load_saved_model

    root = load_saved_model(path)
    if takes_texts(root):
        texts = TextSubject.of(path, root)
        kind, lines = texts.contract()
        findings = _run_checks(texts, lines, progress)
    else:
        module = ModuleSubject.of(path, root)
        kind, findings = "module", _run_checks(module, lines_of(module), progress)
    return ContractReport(str(directory), kind, tuple(findings))


def check_tf1_computation(path: Path) -> None:
    """Refuses to upgrade a module in TF1 format whose signatures do not compute BERT with its weights.

    Raises:
      DataError: what they compute instead.
    """
    from bertferry.export.tf1_contract_lines import COMPUTATION_LINES

    for finding in _check_tf1(path, COMPUTATION_LINES):
        if finding.fault:
            raise DataError(f"{path}: not upgraded: {finding.line}: {finding.fault}")


def _check_tf1(
    path: Path, lines: Sequence[Line], progress: Callable[[str, int, int], None] | None = None
) -> list[Finding]:
    from bertferry.export.tf1_contract_lines import Tf1Subject
    from bertferry.verify.runners.saved_model import load_saved_model

    root = load_saved_model(path, tags=[])
    return _run_checks(Tf1Subject.of(path, root, open_checkpoint(path)), lines, progress)


def _run_checks(
    subject: object, lines: Sequence[Line], progress: Callable[[str, int, int], None] | None
) -> list[Finding]:
    findings = []
    for number, (line, check) in enumerate(lines):
        if progress:
            progress(line, number, len(lines))
        try:
            check(subject)
        except ContractError as error:
            findings.append(Finding(line, str(error)))
        except Exception as error:  # whatever a module's functions raise is a violation
            findings.append(Finding(line, f"{type(error).__name__}: {_reason(error)}"))
        else:
            findings.append(Finding(line))
    return findings


def _reason(error: Exception) -> str:
    """The first sentence of a framework's message, without the lines that Keras adds around it."""
    lines = [line for line in str(error).splitlines() if line.strip() and "encountered when calling" not in line]
    return lines[0].strip().split(". ")[0] if lines else first_line(error)
