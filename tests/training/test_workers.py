"""Runs of several workers, here two processes on the loopback interface."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from sky import survey

from galkeras.evaluation.scan.scan import scan
from galkeras.io.errors import GalkerasError
from galkeras.models.folder import load_model
from galkeras.models.stored import StoredModel
from galkeras.training.adapt import adapt
from galkeras.training.fit import fit
from galkeras.training.history import read_history
from galkeras.training.workers import ALONE, Workers

# Few epochs: sums over workers are in another order, of which Adam makes more with every step.
FIT = {"latent_dim": 4, "epochs": 4, "batch_size": 16, "architecture": "paper", "loss": "mse", "learning_rate": 1e-3}
# Weighed, what compares whole batches must agree between the workers, too.
ADAPT = {"epochs": 2, "batch_size": 8, "mmd_weight": 500.0}
_PROGRAM = (
    """
import json, logging, sys
logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stdout)
from galkeras.training.adapt import adapt
from galkeras.training.fit import fit
from galkeras.io.errors import GalkerasError
source, target, folder, settings, resume = json.loads(sys.argv[1])
try:
    fit(source, folder + "/vae", **settings, resume=resume)
    if resume:
        model = adapt(folder + "/vae", source, target, folder + "/da", **{adapt})
        print("digest", model.digest)
except GalkerasError as error:
    sys.exit(f"refused: {{error}}")
""".replace("{adapt}", repr(ADAPT))
    .replace("{{", "{")
    .replace("}}", "}")
)


@pytest.fixture(scope="module")
def surveys(tmp_path_factory):
    return [
        survey(tmp_path_factory.mktemp("decals"), "decals", range(60)),
        survey(tmp_path_factory.mktemp("bass"), "bass-mzls", range(20, 70), fade=0.6),
    ]


@pytest.fixture(scope="module")
def alone(surveys, tmp_path_factory):
    """The folder of what one process makes."""
    folder = tmp_path_factory.mktemp("alone")
    fit(surveys[0], folder / "vae", **FIT)
    adapt(folder / "vae", *surveys, folder / "da", **ADAPT)
    return folder


def free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


def started(surveys: list[Path], folder: Path, resume: bool, *settings: dict) -> list[subprocess.Popen]:
    """Start a worker for each of some settings of `fit`."""
    cluster = {"worker": [f"127.0.0.1:{port}" for port in free_ports(len(settings))]}
    workers = []
    for index, one in enumerate(settings):
        config = {"cluster": cluster, "task": {"type": "worker", "index": index}}
        told = {"TF_CONFIG": json.dumps(config), "PYTHONPATH": os.pathsep.join(sys.path)}
        arguments = json.dumps([*map(str, surveys), str(folder), one, resume])
        workers.append(
            subprocess.Popen(
                [sys.executable, "-c", _PROGRAM, arguments],
                env=os.environ | told,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
        )
    return workers


def ended(workers: list[subprocess.Popen]) -> list[tuple[int, str, str]]:
    """Return what each came to: its exit code, and what it said."""
    try:
        said = [worker.communicate(timeout=200) for worker in workers]
    finally:
        for worker in workers:
            worker.kill()
    return [(worker.returncode, *one) for worker, one in zip(workers, said, strict=True)]


def weights(folder: Path) -> list[np.ndarray]:
    return [np.asarray(one) for one in load_model(folder).weights]


def test_two_workers_one_of_them_killed_come_to_what_one_process_does(surveys, alone, tmp_path):
    workers = started(surveys, tmp_path, False, FIT, FIT)
    deadline = time.monotonic() + 120
    while not (tmp_path / "vae/checkpoints/last.weights.h5").exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    workers[1].send_signal(signal.SIGKILL)
    (left, _, complaint), (killed, *_) = ended(workers)
    assert killed == -signal.SIGKILL and left > 0
    assert "refused: worker 0: another worker has ended" in complaint and "resume=True" in complaint
    with pytest.raises(GalkerasError, match="holds no finished model"):
        load_model(tmp_path / "vae")
    begun = len(read_history(tmp_path / "vae"))
    assert 0 < begun < FIT["epochs"]

    (first, told, error), (second, other, also) = ended(started(surveys, tmp_path, True, FIT, FIT))
    assert (first, second) == (0, 0), error + also
    # The chief alone tells of the work; both return the finished model.
    assert "best epoch" in told and other == f"digest {load_model(tmp_path / 'da').digest}\n"
    assert told.endswith(other)
    for name in ("vae", "da"):
        ours, theirs = read_history(tmp_path / name), read_history(alone / name)
        assert len(ours) == len(theirs)
        for one, two in zip(ours, theirs, strict=True):
            assert one.keys() == two.keys()
            for term in one.keys() - {"seconds"}:
                assert one[term] == pytest.approx(two[term], rel=1e-3, abs=1e-5), (name, one["epoch"], term)
        for one, two in zip(weights(tmp_path / name), weights(alone / name), strict=True):
            np.testing.assert_allclose(one, two, atol=1e-5)
        ours, theirs = (StoredModel.load(folder / name).training for folder in (tmp_path, alone))
        # The model that was adapted is not the same to the bit.
        assert {**ours, "vae": None} == {**theirs, "vae": None}


def test_workers_of_other_settings_are_refused(surveys, tmp_path):
    (first, _, one), (second, _, two) = ended(started(surveys, tmp_path, False, FIT, FIT | {"seed": 1}))
    assert first and second
    for said in (one, two):
        assert "refused: worker 1 has seed=1, and worker 0 has seed=0: start all with the same command" in said
    assert not (tmp_path / "vae").exists()


def tf_config(place: int, kind: str = "worker", **cluster: list[str]) -> dict[str, str]:
    return {"TF_CONFIG": json.dumps({"cluster": cluster, "task": {"type": kind, "index": place}})}


def test_tf_config_names_the_workers():
    found = Workers.of(tf_config(1, worker=["a:1", "b:2"]))
    assert found == Workers(("a:1", "b:2"), 1) and found.several and not found.chief
    # A chief comes before the workers, whose numbers begin at 0.
    assert Workers.of(tf_config(0, "chief", chief=["c:3"], worker=["a:1"])) == Workers(("c:3", "a:1"), 0)
    assert Workers.of(tf_config(0, chief=["c:3"], worker=["a:1"])) == Workers(("c:3", "a:1"), 1)
    for alone in ({}, {"TF_CONFIG": ""}, {"TF_CONFIG": "{}"}, tf_config(0, worker=["a:1"])):
        assert Workers.of(alone) == ALONE and ALONE.chief and not ALONE.several


@pytest.mark.parametrize(
    "environment",
    [
        {"TF_CONFIG": "worker"},
        {"TF_CONFIG": "[1]"},
        tf_config(2, worker=["a:1", "b:2"]),
        tf_config(0, "chief", worker=["a:1", "b:2"]),
        tf_config(-1, worker=["a:1", "b:2"]),
    ],
)
def test_what_is_no_tf_config_is_shown_with_one_that_is(environment):
    with pytest.raises(GalkerasError, match='TF_CONFIG must be JSON like {"cluster"') as raised:
        Workers.of(environment)
    assert environment["TF_CONFIG"] in str(raised.value)


def test_parameter_servers_are_refused():
    with pytest.raises(GalkerasError, match="chief and worker alone. It has: ps"):
        Workers.of(tf_config(0, worker=["a:1", "b:2"], ps=["c:3"]))


SLURM = {
    "SLURM_STEP_NUM_TASKS": "4",
    "SLURM_STEP_NODELIST": "n[9-10],gpu01",
    "SLURM_STEP_TASKS_PER_NODE": "2,1(x2)",
    "SLURM_PROCID": "2",
    "SLURM_NODEID": "1",
    "SLURM_LOCALID": "0",
    "SLURM_JOB_ID": "77",
}


def test_a_slurm_step_names_the_workers():
    # As srun sets them: nodes in its order, tasks in blocks, a port for each task of a node.
    found = Workers.of(SLURM)
    assert found.index == 2
    hosts, ports = zip(*(address.split(":") for address in found.addresses), strict=True)
    assert hosts == ("n9", "n9", "n10", "gpu01")
    assert int(ports[1]) == int(ports[0]) + 1 and ports[0] == ports[2] == ports[3] and 10_000 <= int(ports[0]) < 32_768
    # Two jobs on one node must not meet.
    assert Workers.of(SLURM | {"SLURM_JOB_ID": "78"}).addresses[0] != found.addresses[0]
    # What sbatch itself sets is not a step of several tasks; TF_CONFIG is nearer.
    assert Workers.of({"SLURM_NTASKS": "4", "SLURM_JOB_ID": "77"}) == ALONE
    assert Workers.of(SLURM | tf_config(0, worker=["a:1", "b:2"])).addresses == ("a:1", "b:2")


@pytest.mark.parametrize(
    "wrong", [{"SLURM_PROCID": "1"}, {"SLURM_STEP_TASKS_PER_NODE": "two"}, {"SLURM_STEP_TASKS_PER_NODE": "4"}]
)
def test_a_slurm_step_that_cannot_be_read_is_told(wrong):
    with pytest.raises(GalkerasError, match="the Slurm step has 4 tasks.*set TF_CONFIG for each"):
        Workers.of(SLURM | wrong)


def test_what_is_one_process_s_work_is_refused(records, tmp_path, monkeypatch):
    monkeypatch.setenv("TF_CONFIG", tf_config(1, worker=["a:1", "b:2"])["TF_CONFIG"])
    with pytest.raises(GalkerasError, match="scan is the work of one process"):
        scan(records, tmp_path / "scan", latent_dim=[4])
    assert not (tmp_path / "scan").exists()
