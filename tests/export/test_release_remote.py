"""`release-models` from and to an object store: a local server that speaks the protocol of S3."""

import json
import shutil
import socket
import subprocess
import sys
from importlib.util import find_spec

import pytest
from families import models_of, wait_until, write_manifest

from bertferry.core.errors import UsageError
from bertferry.export import ReleaseOptions, release_models

MISSING = [name for name in ("fsspec", "s3fs", "moto", "flask") if find_spec(name) is None]
pytestmark = pytest.mark.skipif(bool(MISSING), reason="pip install 'bertferry[remote]' s3fs 'moto[server]'")
pytest.importorskip("onnxruntime", reason="pip install 'bertferry[cpu]'")
ADDRESS = "s3://family"


def test_addresses_without_fsspec_end_in_one_line(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "fsspec", None)
    path = write_manifest(tmp_path, {"input": f"{ADDRESS}/in/*"})
    with pytest.raises(
        Exception, match=r"s3:// requires fsspec, which is not installed: pip install 'bertferry\[remote\]'"
    ):
        release_models(path, tmp_path / "out")


@pytest.fixture
def store(monkeypatch):
    """A file system of a new server, with a bucket."""
    import s3fs

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    for name, value in {
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
        "FSSPEC_S3_ENDPOINT_URL": f"http://127.0.0.1:{port}",
    }.items():
        monkeypatch.setenv(name, value)
    server = subprocess.Popen(
        [sys.executable, "-m", "moto.server", "-p", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )

    def is_up():
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0

    wait_until(is_up)
    files = s3fs.S3FileSystem(endpoint_url=f"http://127.0.0.1:{port}", skip_instance_cache=True)
    files.mkdir("family")
    yield files
    server.kill()
    server.wait()


@pytest.mark.filterwarnings("ignore")  # of the packages that speak to the store
def test_a_family_in_an_object_store(store, golden, tmp_path):
    for name in ("tf1_core_L2", "hf_bin_core_L2"):
        shutil.copytree(golden / name, tmp_path / "in" / name)
        store.put(str(golden / name), f"family/in/{name}", recursive=True)
    local = release_models(write_manifest(tmp_path, {"input": "in/*"}), tmp_path / "out")
    manifest = write_manifest(tmp_path, {"input": f"{ADDRESS}/in/*"})
    options = ReleaseOptions(workers=1)
    report = release_models(manifest, f"{ADDRESS}/out", options)
    assert report.run["released"] == 2
    assert {row.name for row in report.models} == {row.name for row in local.models}
    store.invalidate_cache()
    store.get("family/out", str(tmp_path / "fetched"), recursive=True)
    ours, theirs = models_of(tmp_path / "out"), models_of(tmp_path / "fetched")
    named = ("receipt.json", "publish_report.json", "reports/index.html")  # name the input
    assert {path: digest for path, digest in ours.items() if not path.endswith(named)} == {
        path: digest for path, digest in theirs.items() if not path.endswith(named)
    }
    assert ours.keys() == theirs.keys()
    assert json.loads((tmp_path / "fetched/release.json").read_text())["counts"] == {"released": 2}
    assert release_models(manifest, f"{ADDRESS}/out", options).run["unchanged"] == 2
    store.rm_file("family/out/tf1_core_L2/receipt.json")  # as if it had been killed
    report = release_models(manifest, f"{ADDRESS}/out", options)
    assert (report.run["unchanged"], report.run["released"]) == (1, 1)
    store.pipe_file("family/in/tf1_core_L2/bert_config.json", b"{}")
    assert release_models(manifest, f"{ADDRESS}/out", options).run["failed"] == 1
    with pytest.raises(UsageError, match="nothing is at"):
        release_models(write_manifest(tmp_path, {"input": f"{ADDRESS}/nowhere/*"}), tmp_path / "other")
