"""A package that is not installed is named with the extra that installs it."""

import sys

import pytest

from bertferry.core import extras
from bertferry.core.errors import UnavailableError


@pytest.fixture
def without(monkeypatch):
    """Makes modules impossible to import, as if they were not installed."""

    def hide(*modules):
        for module in modules:
            monkeypatch.setitem(sys.modules, module, None)

    return hide


@pytest.mark.parametrize(
    ("missing", "line"),
    [
        (("tf2onnx",), "tf2onnx, which is not installed: pip install 'bertferry[tensorflow]'"),
        (
            ("torch", "transformers"),
            "torch and transformers, which are not installed: pip install 'bertferry[torch]'",
        ),
        (("onnx",), "onnx, which is not installed: pip install 'bertferry[cpu]' or 'bertferry[gpu]'"),
        (
            ("onnxruntime", "keras"),
            "onnxruntime and keras, which are not installed: "
            "pip install 'bertferry[tensorflow,cpu]' or 'bertferry[tensorflow,gpu]'",
        ),
    ],
)
def test_the_line_names_what_is_missing_and_what_installs_it(without, missing, line):
    without(*missing)
    with pytest.raises(UnavailableError) as raised:
        extras.check_installed("this work", *missing)
    assert str(raised.value) == f"this work requires {line}"


def test_what_is_installed_is_not_named(without, monkeypatch):
    without("onnx")
    monkeypatch.setitem(sys.modules, "onnxruntime", pytest)  # a module that was imported
    with pytest.raises(UnavailableError, match="requires onnx, which is"):
        extras.check_installed("this work", "onnxruntime", "onnx")
    extras.check_installed("this work", "onnxruntime")


def test_a_folder_of_the_same_name_is_not_a_package(tmp_path, monkeypatch):
    (tmp_path / "torch_of_mine").mkdir()
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setitem(extras.EXTRAS, "torch", ("torch_of_mine",))
    with pytest.raises(UnavailableError, match="torch_of_mine"):
        extras.check_installed("this work", "torch_of_mine")


def test_every_module_belongs_to_one_extra():
    modules = [module for provided in extras.EXTRAS.values() for module in provided]
    assert len(modules) == len(set(modules))
    assert {*extras.HUB, *extras.ONNX} <= set(modules)
