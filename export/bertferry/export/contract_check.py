"""check_module_contract: does a SavedModel support every standard way of calling a module of its kind?

The contracts of encoders, of text embeddings and of preprocessing are those of
https://www.tensorflow.org/hub/common_saved_model_apis/text, of the modules /1 to /4 on tfhub.dev, and of Keras 3's
`TFSMLayer`. The checks do not depend on who exported the module.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from bertferry.core.errors import UsageError, first_line
from bertferry.core.extras import HUB, check_installed
from bertferry.export.contract import ContractError, ContractReport, Finding, Line
from bertferry.export.module_source import is_tf1_format


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
    if not (path / "saved_model.pb").is_file():
        raise UsageError(f"{path}: not a SavedModel: it contains no saved_model.pb")
    if is_tf1_format(path):
        raise UsageError(
            f"{path}: a module in TF1 format, which hub.KerasLayer can only call by signatures: upgrade it with "
            "export-hub-module --module"
        )
    check_installed("checking a module", *HUB, "keras")
    with suppress(ImportError):
        import tensorflow_text  # noqa: F401 - registers the operations of text modules
    from bertferry.export.contract_lines import ModuleSubject
    from bertferry.export.text_contract_lines import TextSubject, takes_texts
    from bertferry.verify.runners.saved_model import load_saved_model

    root = load_saved_model(path)
    if takes_texts(root):
        texts = TextSubject.of(path, root)
        kind, lines = texts.contract()
        findings = _run_checks(texts, lines, progress)
    else:
        module = ModuleSubject.of(path, root)
        kind, findings = "module", _run_checks(module, module.lines, progress)
    return ContractReport(str(directory), kind, tuple(findings))


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
