"""`scripts/serve.sh` hands TensorFlow Serving what it understands; docker itself is played by a script."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

# Keeps its arguments and the configuration that it was given.
DOCKER = """#!/bin/bash
printf '%s\\n' "$@" > "$KEPT/arguments"
for argument in "$@"; do
  case $argument in type=bind,source=*,target=/config,readonly)
    source=${argument#type=bind,source=}; cp -r "${source%%,*}" "$KEPT/config";;
  esac
done
"""


def serve(tmp_path: Path, *models: str, docker: bool = True, **settings: str) -> subprocess.CompletedProcess:
    tools, kept = tmp_path / "tools", tmp_path / "kept"
    tools.mkdir(exist_ok=True)
    kept.mkdir(exist_ok=True)
    for tool in ("dirname", "basename", "mktemp", "cp", "rm", "sed", "chmod"):
        if not (tools / tool).exists():
            (tools / tool).symlink_to(shutil.which(tool))
    if docker:
        (tools / "docker").write_text(DOCKER)
        (tools / "docker").chmod(0o755)
    environment = {"PATH": str(tools), "KEPT": str(kept), **settings}
    script = ["/bin/bash", str(ROOT / "scripts" / "serve.sh"), *models]
    return subprocess.run(script, capture_output=True, text=True, env=environment, cwd=tmp_path)


@pytest.fixture
def models(tmp_path):
    for name in ("first", "second.model"):
        (tmp_path / name / "1").mkdir(parents=True)
        (tmp_path / name / "1" / "saved_model.pb").write_bytes(b"")
    return ["first", f"{tmp_path}/second.model/"]


def test_models_and_ports(tmp_path, models):
    done = serve(tmp_path, *models, REST_PORT="9501")
    assert done.returncode == 0, done.stderr
    arguments = (tmp_path / "kept" / "arguments").read_text().splitlines()
    assert "127.0.0.1:9501:8501" in arguments and "127.0.0.1:8500:8500" in arguments
    for name in ("first", "second.model"):
        assert f"type=bind,source={tmp_path / name},target=/models/{name},readonly" in arguments
    named = [argument.partition("=")[2] for argument in arguments if "/config/" in argument]
    assert all(os.path.exists(tmp_path / "kept" / path.lstrip("/")) for path in named) and len(named) == 3


def test_configuration_is_what_the_server_reads(tmp_path, models):
    pytest.importorskip("tensorflow_serving")
    from google.protobuf import text_format
    from tensorflow_serving.config import model_server_config_pb2

    serve(tmp_path, *models)
    text = (tmp_path / "kept" / "config" / "models.config").read_text()
    config = text_format.Parse(text, model_server_config_pb2.ModelServerConfig())
    found = {model.name: model for model in config.model_config_list.config}
    assert set(found) == {"first", "second.model"}
    assert found["first"].base_path == "/models/first"
    assert found["first"].model_version_policy.latest.num_versions == 2


def test_refusals(tmp_path, models):
    (tmp_path / "empty").mkdir()
    for arguments, reason in (((), "name one model folder"), (("empty",), "galkeras export empty")):
        done = serve(tmp_path, *arguments)
        assert done.returncode == 1 and reason in done.stderr
    (tmp_path / "tools" / "docker").unlink()
    done = serve(tmp_path, *models, docker=False)
    assert done.returncode == 1 and "docker is not installed" in done.stderr
