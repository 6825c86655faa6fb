"""The folders of TensorFlow Serving: a model's numbered versions."""

import pytest

from bertferry.core.errors import BertferryError
from bertferry.export import ModuleOptions, check_module_contract, export_hub_module, export_onnx
from bertferry.verify import verify_parity


@pytest.fixture(scope="module")
def model(golden, tmp_path_factory):
    """A model with two versions, whose folder did not exist."""
    folder = tmp_path_factory.mktemp("serving") / "models" / "bert"
    for version in ("1", "2"):
        export_hub_module(golden / "tf1_core_L2", folder / version, ModuleOptions(verify=False))
    return folder


def test_versions_stand_alone_in_the_folder(model):
    """A loader reads every directory with a number as a name."""
    assert sorted(path.name for path in model.iterdir()) == ["1", "2"]
    files = [{path.relative_to(version) for path in version.rglob("*")} for version in model.iterdir()]
    assert files[0] == files[1]


def test_a_version_is_a_module_like_any_other(model, golden):
    assert verify_parity(golden / "tf1_core_L2", [model / "2"]).ok


@pytest.mark.parametrize(
    "use",
    [
        lambda model, output: verify_parity(model / "1", [model]),
        lambda model, output: verify_parity(f"savedmodel:{model}", [model / "1"]),
        lambda model, output: check_module_contract(model),
        lambda model, output: export_hub_module(None, output, module=model),
        lambda model, output: export_hub_module(model, output),
        lambda model, output: export_onnx(output, saved_model=model),
    ],
)
def test_the_folder_itself_is_refused_with_the_versions_in_it(model, tmp_path, use):
    with pytest.raises(BertferryError) as raised:
        use(model, tmp_path / "new.onnx")
    assert str(model / "1") in str(raised.value)
    assert str(model / "2") in str(raised.value)
    assert not list(tmp_path.iterdir())
