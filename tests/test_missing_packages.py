"""Without an extra, every command that needs it ends with exit code 3 and the line that installs it."""

import sys
from importlib import import_module

import pytest
from test_package import MODULES

from bertferry.core.errors import UnavailableError
from bertferry.core.extras import EXTRAS
from bertferry.export import check_module_contract, export_hub_module, export_onnx
from bertferry.verify import verify_parity

CASES = {
    "tensorflow": (
        "export-hub-module --checkpoint SOURCE --output OUT",
        "export-hub-module --module MODULE --output OUT",
        "export-hub-module --check MODULE",
        "export-onnx --saved-model MODULE --output OUT",
        "export-litert --checkpoint SOURCE --output OUT.tflite",
        "export-litert --saved-model MODULE --output OUT.tflite",
        "publish-model --checkpoint SOURCE --output OUT --onnx , --hub",
        "publish-model --checkpoint SOURCE --output OUT --onnx , --litert fp32",
        "verify-parity --reference SOURCE --candidate SOURCE --engine tensorflow",
        "verify-parity --reference hub:MODULE --candidate SOURCE",
        "verify-parity --reference savedmodel:MODULE --candidate SOURCE",
    ),
    "cpu": (
        "export-hub-module --checkpoint SOURCE --output OUT --onnx fp32",
        "export-onnx --checkpoint SOURCE --output OUT",
        "export-onnx --checkpoint SOURCE --output OUT --dry-run",
        "export-onnx --saved-model MODULE --output OUT",
        "publish-model --checkpoint SOURCE --output OUT --dry-run",
        "verify-parity --reference SOURCE --candidate FILE.onnx",
    ),
    "litert": (
        "export-litert --checkpoint SOURCE --output OUT.tflite",
        "export-litert --checkpoint SOURCE --output OUT.tflite --dry-run",
        "export-litert --saved-model MODULE --output OUT.tflite",
        "publish-model --checkpoint SOURCE --output OUT --onnx , --litert fp32",
        "verify-parity --reference SOURCE --candidate FILE.tflite",
    ),
    "text": (
        "export-hub-module --checkpoint SOURCE --output OUT --task text",
        "export-hub-module --checkpoint SOURCE --output OUT --export preprocessing",
        "verify-parity --reference VOCAB --candidate VOCAB --texts FILE.txt",
    ),
    "torch": ("verify-parity --reference huggingface:SOURCE --candidate SOURCE",),
}


@pytest.fixture
def places(golden, tmp_path):
    """What the words in capitals stand for; files that are not read before packages are checked are empty."""
    (tmp_path / "MODULE").mkdir()
    (tmp_path / "MODULE" / "saved_model.pb").touch()
    (tmp_path / "FILE.onnx").touch()
    (tmp_path / "FILE.tflite").write_bytes(b"\x1c\0\0\0TFL3")
    (tmp_path / "FILE.txt").write_text("a text\n")
    (tmp_path / "VOCAB").mkdir()
    for path in (golden / "tf1_core_L2").iterdir():
        (tmp_path / "VOCAB" / path.name).write_bytes(path.read_bytes())
    (tmp_path / "VOCAB" / "vocab.txt").write_text("\n".join(f"word{number}" for number in range(30)))
    (tmp_path / "VOCAB" / "tokenizer_config.json").write_text('{"do_lower_case": true}')
    return {
        "SOURCE": golden / "tf1_core_L2",
        **{name: tmp_path / name for name in ("MODULE", "FILE", "VOCAB", "OUT")},
    }


@pytest.fixture
def without(monkeypatch):
    """Makes an extra's modules impossible to import, as if they were not installed."""

    def hide(extra):
        for module in EXTRAS[extra]:
            monkeypatch.setitem(sys.modules, module, None)

    return hide


@pytest.mark.parametrize(("extra", "line"), [(extra, line) for extra, lines in CASES.items() for line in lines])
def test_a_command_names_the_extra_that_it_needs(places, without, capfd, extra, line):
    without(extra)
    for name, place in places.items():
        line = line.replace(name, str(place))
    command, *arguments = line.split()
    assert import_module(MODULES[command]).main(arguments) == 3
    out, err = capfd.readouterr()
    assert out == ""
    assert err.startswith(f"{command}: ")
    assert err.count("\n") == 1
    assert extra in err.partition("pip install 'bertferry[")[2]
    assert not places["OUT"].exists()


@pytest.mark.parametrize(
    "function",
    [
        lambda places: export_hub_module(places["SOURCE"], places["OUT"]),
        lambda places: check_module_contract(places["MODULE"]),
        lambda places: export_onnx(places["OUT"], saved_model=places["MODULE"]),
        lambda places: verify_parity(f"hub:{places['MODULE']}", [places["SOURCE"]]),
    ],
)
def test_a_function_raises_the_same_error(places, without, function):
    without("tensorflow")
    with pytest.raises(UnavailableError, match=r"pip install 'bertferry\[tensorflow"):
        function(places)


def test_the_networks_cannot_be_imported(without, monkeypatch):
    without("tensorflow")
    for name in [name for name in sys.modules if name.startswith("bertferry.modeling")]:
        monkeypatch.delitem(sys.modules, name)
    with pytest.raises(UnavailableError, match=r"bertferry\.modeling requires tensorflow and tf_keras"):
        import_module("bertferry.modeling.networks")
