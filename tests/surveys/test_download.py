"""Downloads from a service on this machine that misbehaves on purpose."""

import csv
import json
import os
import resource
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from cutout_service import DEC, SIDE, CutoutService, fits_answer, write_catalog
from sky import write_csv
from typer.main import get_command

import galkeras as gk
from galkeras import cli
from galkeras.io.calls import read_calls
from galkeras.io.errors import GalkerasError
from galkeras.io.locks import locked
from galkeras.surveys.download import client
from galkeras.surveys.download import download as module
from galkeras.surveys.download.ledger import JOURNAL, LEDGER, Entry, Journal, read_entries
from galkeras.surveys.download.service import Request
from galkeras.surveys.download.threads import in_threads
from galkeras.surveys.origin import origin

SOUTH, NORTH = "ls-dr9-south", "ls-dr9-north"


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch):
    monkeypatch.setattr(client, "_FIRST_PAUSE", 0.01)


@pytest.fixture
def catalog(tmp_path):
    return write_catalog(tmp_path / "catalog.csv")


def fetch(catalog, service, out, layer=SOUTH, **options):
    options = {"size": SIDE, "rate": 1000.0, "tries": 2, "timeout": 30.0, **options}
    ledgers = gk.download(catalog, layer, out, service=service.url, **options)
    return ledgers[0] if isinstance(layer, str) else ledgers


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def rows(folder: Path) -> list[dict[str, str]]:
    with open(folder / LEDGER, newline="") as file:
        return list(csv.DictReader(line for line in file if not line.startswith("#")))


def test_a_catalog_is_fetched_and_the_ledger_says_so(catalog, tmp_path, caplog):
    out = tmp_path / "cutouts" / "decals"
    with CutoutService() as service:
        ledger = fetch(catalog, service, out)
        assert ledger.count("ok") == 8 and ledger.count("failed") == 0
        assert {path.name for path in out.iterdir()} == {f"g{i:03d}.fits" for i in range(8)} | {LEDGER, "download.json"}
        for index in range(8):
            expected = fits_answer(SOUTH, 10.0 + index, DEC, SIDE, "grz", 0.262)
            assert (out / f"g{index:03d}.fits").read_bytes() == expected
        assert [row["id"] for row in rows(out)] == [f"g{i:03d}" for i in range(8)]
        assert all(row["status"] == "ok" and int(row["bytes"]) == len(expected) for row in rows(out))
        assert service.agents == {f"galkeras/{gk.__version__}"}
        before = contents(out)
        fetch(catalog, service, out)
        assert len(service.asked) == 8 and contents(out) == before
    assert "8 ok, 0 outside the footprint, 0 failed, 0 rejected" in caplog.text


def test_folders_know_how_they_were_asked_for(catalog, tmp_path):
    outs = [tmp_path / "south", tmp_path / "north"]
    with CutoutService() as service:
        fetch(catalog, service, outs, [SOUTH, NORTH], bands=["g", "r"], redirects=["localhost"], dry_run=True)
        assert not outs[0].exists()
        for _ in range(2):
            fetch(catalog, service, outs, [SOUTH, NORTH], bands=["g", "r"], redirects=["localhost"])
        fetch(catalog, service, outs[0], bands=["g", "r"], verify=True, rate=500)
    asked = f"galkeras download {catalog} --layer {{}} --size {SIDE} --bands gr --service {service.url}"
    host = " --redirect localhost"
    for out, layer, hosts in ((outs[0], SOUTH, (host, "")), (outs[1], NORTH, (host,))):
        calls = read_calls(out / "download.json")
        lines = [f"{asked.format(layer)}{one} --out {out}" for one in hosts]
        assert [call.line(out) for call in calls] == lines
        command, *words = lines[0].split()[1:]
        given = get_command(cli.app).commands[command].make_context(command, words).params
        assert (given["layer"], given["bands"], given["redirects"]) == ([layer], "gr", ["localhost"])
    assert origin(outs[0]) == (outs[0], read_calls(outs[0] / "download.json")) and origin(tmp_path) is None


# What passes on a second try, and what does not.
PASSES = ["status:429", "status:500", "status:503", "reset", "truncated", "short:2880", "short:5000", "html", "garbage"]
PASSES += ["fits garbage", "empty", "slow", "short:6000"]


def timeout_of(trouble: str) -> float:
    return 1.5 if trouble == "slow" else 30.0  # The whole slow answer would take four seconds.


@pytest.mark.parametrize("trouble", PASSES)
def test_what_may_pass_is_tried_again(trouble, catalog, tmp_path):
    with CutoutService({3: [trouble]}) as service:
        ledger = fetch(catalog, service, tmp_path / "out", timeout=timeout_of(trouble))
        assert ledger.count("ok") == 8 and sorted(service.numbers()) == sorted([*range(8), 3])


SAID = {
    "status:429": "status 429", "status:500": "status 500", "reset": "no answer", "truncated": "truncated",
    "short:2880": "truncated", "short:5000": "truncated", "short:6000": "no whole FITS file",
    "html": "an HTML page instead of a FITS file",
    "garbage": "instead of a FITS file", "fits garbage": "no image", "empty": "an empty answer",
    "slow": "not whole in 1.5 s", "status:404": "status 404", "redirect": "redirect to another host, elsewhere.invalid",
    "again": "more than 5 redirects", "gzip": "compressed", "endless": "more than the", "long": "more than the",
    "wrong size": "wrong size: 15 x 15 pixels, not 16 x 16", "wrong layer": "VERSION DR9-north, not layer ls-dr9-south",
    "wrong bands": "wrong bands: zrg", "wrong scale": "wrong pixel scale: 0.524", "nan": "not finite",
    "wrong position": "wrong position: 301",
}  # fmt: skip


@pytest.mark.parametrize("trouble", SAID)
def test_what_does_not_pass_is_a_failed_row_with_the_reason(trouble, catalog, tmp_path):
    out = tmp_path / "out"
    with CutoutService({3: [trouble] * 10}) as service:
        ledger = fetch(catalog, service, out, timeout=timeout_of(trouble))
        failed = ledger.entries[3]
        assert failed.status == "failed" and SAID[trouble] in failed.reason
        assert ledger.count("ok") == 7 and not (out / "g003.fits").exists() and service.trickled == 0
        assert not [path for path in out.iterdir() if path.name.startswith(".")]
        tries = 1 if trouble not in PASSES else 2
        assert service.numbers().count(3) == (6 if trouble == "again" else tries)
        # A rerun asks for what is missing and for nothing else.
        service.plans.clear()
        service.asked.clear()
        assert fetch(catalog, service, out).count("ok") == 8 and service.numbers() == [3]


@pytest.mark.parametrize("zeros, said", [("zeros", "all pixels are 0"), ("no z", "all pixels of z are 0")])
def test_zeros_are_outside_the_footprint(zeros, said, catalog, tmp_path):
    out = tmp_path / "out"
    with CutoutService({2: [zeros] * 9}) as service:
        ledger = fetch(catalog, service, out)
        assert ledger.entries[2] == Entry("g002", 12.0, DEC, "outside", reason=said)
        assert ledger.count("ok") == 7 and not (out / "g002.fits").exists()
        fetch(catalog, service, out)
        assert service.numbers().count(2) == 1  # not asked for again
        service.plans.clear()
        assert fetch(catalog, service, out, verify=True).count("ok") == 8


def test_a_cutout_that_is_partly_empty_is_kept_and_told(catalog, tmp_path):
    with CutoutService({2: ["half"]}) as service:
        entry = fetch(catalog, service, tmp_path / "out").entries[2]
    assert entry.status == "ok" and entry.reason == "50 % of a band's pixels are 0"


def test_rows_that_cannot_be_asked_for_are_rejected_with_the_reason(tmp_path):
    cells = [
        ("a", 10, DEC, ""), ("", 11, DEC, "no id"), ("b", "", DEC, "no position"), ("c", 361, DEC, "ra must be 0 to"),
        ("d", 12, -91, "dec must be -90"), ("a", 13, DEC, "the id is that of row 1 too"), ("e/f", 14, DEC, "the id"),
        ("..", 15, DEC, "the id"), ("g", -0.5, DEC, "ra must be"), ("h", "nan", DEC, "no position"),
        ("i" * 300, 16, DEC, "too long"), ("j", 17, DEC, ""),
    ]  # fmt: skip
    names, ra, dec, reasons = zip(*cells, strict=True)
    catalog = write_csv(tmp_path / "catalog.csv", {"id": names, "ra": ra, "dec": dec})
    out = tmp_path / "out"
    with CutoutService() as service:
        ledger = fetch(catalog, service, out)
        assert sorted(service.numbers()) == [0, 7]
    assert len(ledger.entries) == len(rows(out)) == len(cells)
    for entry, reason in zip(ledger.entries, reasons, strict=True):
        assert entry.status == ("rejected" if reason else "ok") and reason in entry.reason, entry
    statuses = ("ok", "outside", "failed", "rejected")
    assert [ledger.count(status) for status in statuses] == [2, 0, 0, 10]


def test_a_column_file_says_where_cutouts_go(tmp_path):
    columns = {"id": list("abcd"), "ra": [10, 11, 12, 13], "dec": [DEC] * 4}
    columns["file"] = ["J0/one.fits", "../out.fits", "two.png", ""]
    catalog = write_csv(tmp_path / "catalog.csv", columns)
    with CutoutService() as service:
        ledger = fetch(catalog, service, tmp_path / "out")
    assert [entry.status for entry in ledger.entries] == ["ok", "rejected", "rejected", "ok"]
    assert (tmp_path / "out" / "J0" / "one.fits").exists() and (tmp_path / "out" / "d.fits").exists()
    assert not (tmp_path / "out.fits").exists()


def test_two_layers_are_a_pair_as_they_come(tmp_path):
    """make-tfrecords, shift's and adapt's pairs take what was fetched, with one galaxy outside each footprint."""
    from galkeras.records.pairs import index_galaxies, join
    from galkeras.records.schema import SPLITS

    catalog, outs = write_catalog(tmp_path / "catalog.csv", 40), [tmp_path / "decals", tmp_path / "bass-mzls"]
    with CutoutService() as service:
        service.plans[5], service.plans[6] = ["zeros"], ["", "zeros"]
        south, north = fetch(catalog, service, outs, [SOUTH, NORTH])
        assert {layer for _, layer, _ in service.asked} == {SOUTH, NORTH}
    assert (south.count("ok"), north.count("ok"), south.count("outside"), north.count("outside")) == (39, 39, 1, 1)
    sets = [gk.make_tfrecords(catalog, out, tmp_path / "records" / out.name, workers=1) for out in outs]
    assert [(one.survey, one.written, one.rejected, one.pixel_scale) for one in sets] == [
        ("decals", 39, 1, 0.262), ("bass-mzls", 39, 1, 0.262),
    ]  # fmt: skip
    pairs = join(*(index_galaxies(one, SPLITS) for one in sets))
    assert len(pairs) == 38 and pairs.left_out["in one survey alone"] == 2


@pytest.mark.parametrize(
    "name, layer, size, scale, ra, dec, said",
    [
        ("mw_b.fits", "decals-dr5", 162, 0.262, 0.0043669, 0.5413208, "ok"),
        ("ls_dr9_cluster_field.fits", "ls-dr9", 256, 0.262, 357.9087, -54.8817, "ok"),
        ("ls_dr9_cluster_field.fits", SOUTH, 256, 0.262, 357.9087, -54.8817, "wrong survey"),
        ("ls_dr9_cluster_field.fits", "ls-dr10", 256, 0.262, 357.9087, -54.8817, "wrong survey"),
        ("ls_dr9_cluster_field.fits", "ls-dr9", 256, 0.262, 357.9087, -54.8, "wrong position"),
        ("example_bad_pix.fits", "decals-dr3", 424, 0.1302494, 147.456742, 1.0925509, "76 % of a band's pixels are 0"),
        ("example_incomplete.fits", "decals-dr3", 424, 0.2359388, 18.0662623, -6.0518075, "truncated"),
    ],
)
def test_real_answers_of_the_service(name, layer, size, scale, ra, dec, said, real_data):
    data = (real_data / "fits" / name).read_bytes()
    try:
        verdict = Request(layer, size, scale).judge(data, ra, dec)
        assert said in (verdict.status, verdict.reason)
    except client.FetchError as error:
        assert said in str(error)


# --- manners ---


def test_few_connections_and_a_rate(catalog, tmp_path):
    with CutoutService() as service:
        service.pause = 0.05
        fetch(catalog, service, tmp_path / "many", connections=2)
        assert service.most_busy == 2
        service.pause = 0
        service.asked.clear()
        fetch(catalog, service, tmp_path / "rate", rate=40.0, connections=4)
        times = sorted(at for _, _, at in service.asked)
    assert times[-1] - times[0] >= 0.9 * 7 / 40


def test_retry_after_holds_all_connections(catalog, tmp_path):
    with CutoutService({0: ["status:429 1"]}) as service:
        fetch(catalog, service, tmp_path / "out", connections=1)
        assert service.numbers()[:2] == [0, 0]
        assert service.asked[1][2] - service.asked[0][2] >= 0.95


def test_a_date_to_retry_after(monkeypatch):
    monkeypatch.setattr(time, "time", lambda: 0.0)
    assert client._seconds("Thu, 01 Jan 1970 00:01:40 GMT") == 100
    assert client._seconds("7") == 7 and client._seconds("soon") is None and client._seconds(None) is None


def test_a_service_that_asks_for_more_than_patience_is_left_alone(catalog, tmp_path):
    out = tmp_path / "out"
    with CutoutService({2: ["status:503 3600"]}) as service:
        with pytest.raises(GalkerasError, match="asks to be left alone for 3,600 s"):
            fetch(catalog, service, out, connections=1)
        assert service.numbers() == [0, 1, 2]
        assert [row["status"] for row in rows(out)] == ["ok"] * 2 + ["failed"] * 6
        assert all("not tried" in row["reason"] for row in rows(out)[2:])
        assert fetch(catalog, service, out).count("ok") == 8 and len(service.asked) == 9


def test_a_service_that_is_down_is_not_asked_for_every_galaxy(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "_GIVE_UP", 3)
    catalog = write_catalog(tmp_path / "catalog.csv", 12)
    with CutoutService({i: ["status:500"] * 9 for i in range(2, 12)}) as service:
        with pytest.raises(GalkerasError, match="3 galaxies in a row failed, the last for: status 500"):
            fetch(catalog, service, tmp_path / "out", connections=1)
        assert max(service.numbers()) <= 6
    with pytest.raises(GalkerasError, match="3 galaxies in a row failed, the last for: no answer"):
        fetch(catalog, service, tmp_path / "out", connections=1)
    assert [row["status"] for row in rows(tmp_path / "out")] == ["ok"] * 2 + ["failed"] * 10


def test_redirects_are_followed_here_and_where_it_was_said(catalog, tmp_path):
    with CutoutService() as other, CutoutService({1: ["again"]}) as service:
        assert fetch(catalog, service, tmp_path / "here").count("ok") == 8
        target = f"{other.url}?ra=12&dec={DEC}&layer={SOUTH}&size={SIDE}&bands=grz&pixscale=0.262"
        service.plans[2] = [f"redirect:{target}"] * 2
        ledger = fetch(catalog, service, tmp_path / "there")
        assert "redirect to another host, 127.0.0.1:" in ledger.entries[2].reason and not other.asked
        host = other.root.removeprefix("http://")
        assert fetch(catalog, service, tmp_path / "there", redirects=[host]).count("ok") == 8
        assert other.numbers() == [2]


def test_threads_end_when_one_of_them_fails():
    started = []

    def work(task):
        started.append(task)
        if task == 0:
            raise GalkerasError("no more")
        time.sleep(0.01)

    with pytest.raises(GalkerasError, match="no more"):
        for _ in in_threads(work, range(100), 2, threading.Event()):
            pass
    assert len(started) < 50


def test_a_redirect_to_what_is_not_safe():
    asking = client.Client(client.Manners(redirects=("x.org", "y.org:81")))
    follow = asking._redirected
    assert follow("http://a.org/b?c", "/d?e") == "http://a.org/d?e"
    assert follow("http://a.org/b", "https://X.org/d") == "https://X.org/d"
    assert follow("http://a.org/b", "http://y.org:81/d") == "http://y.org:81/d"
    for target in (
        "http://a.org/b",
        "http://x.org/b",
        "file:///etc/passwd",
        "https://u:p@a.org/",
        "https://y.org/",
        None,
    ):
        with pytest.raises(client.FetchError, match="redirect"):
            follow("https://b.org/c" if target else "ftp://b.org/c", target)
    with pytest.raises(client.FetchError, match="redirect from https to http"):
        follow("https://a.org/b", "http://a.org/b")


def test_no_password_is_sent(catalog, tmp_path, monkeypatch):
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login me password secret\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    with CutoutService() as service:
        fetch(catalog, service, tmp_path / "out")
        assert service.passwords == {None}


def test_an_answer_in_chunks(catalog, tmp_path):
    with CutoutService({1: ["chunked"]}) as service:
        assert fetch(catalog, service, tmp_path / "out", tries=1).count("ok") == 8


def test_dry_run(catalog, tmp_path, caplog):
    with CutoutService() as service:
        assert gk.download(catalog, SOUTH, tmp_path / "out", service=service.url, dry_run=True) == []
        assert not service.asked and not (tmp_path / "out").exists()
    said = caplog.text
    assert "8 to fetch from ls-dr9-south, 256 x 256 x grz at 0.262 arcsec" in said
    assert "about 6.3 MB" in said and "at least 00:02 at 5 a second" in said


# --- what is refused ---


@pytest.mark.parametrize(
    "options, said",
    [
        ({"size": 3001}, "`size` must be 1 to 3000"),
        ({"size": 0}, "`size`"),
        ({"layer": "ls dr9"}, "`layer`"),
        ({"layer": ""}, "`layer`"),
        ({"pixel_scale": float("nan")}, "`pixel_scale`"),
        ({"bands": "gri"}, "layer ls-dr9-south has bands grz"),
        ({"bands": "gg"}, "`bands`"),
        ({"rate": 0.0}, "`rate`"),
        ({"connections": 100}, "`connections`"),
        ({"service": "ftp://x/y"}, "the URL must be"),
        ({"service": "http://name:word@x/y"}, "the URL must be"),
        ({"layer": [SOUTH, NORTH]}, "2 layers and 1 folders"),
        ({"layer": [SOUTH, NORTH], "out": ["out", "x/../out"]}, "a folder of its own"),
    ],
)
def test_bad_arguments_are_refused_before_anything(options, said, catalog, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    given = {"layer": SOUTH, "out": "out", "service": "http://127.0.0.1:9/", **options}
    with pytest.raises(GalkerasError, match=said):
        gk.download(catalog, given.pop("layer"), given.pop("out"), **given)
    assert not (tmp_path / "out").exists()


def test_a_folder_of_something_else_and_of_other_settings(catalog, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "g000.fits").write_text("a galaxy of my own")
    with CutoutService() as service:
        for dry_run in (True, False):
            with pytest.raises(GalkerasError, match="holds something else"):
                fetch(catalog, service, tmp_path / "mine", dry_run=dry_run)
        assert contents(tmp_path / "mine") == {"g000.fits": b"a galaxy of my own"}
        fetch(catalog, service, tmp_path / "out")
        with pytest.raises(GalkerasError, match="holds cutouts with size=16, not 32"):
            fetch(catalog, service, tmp_path / "out", size=32)
        with pytest.raises(GalkerasError, match="holds cutouts with layer='ls-dr9-south', not 'ls-dr9-north'"):
            fetch(catalog, service, tmp_path / "out", NORTH)


def test_a_second_download_into_a_folder_is_refused(catalog, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    with CutoutService() as service:
        with locked(out, "download"), pytest.raises(GalkerasError, match="another download is writing"):
            fetch(catalog, service, out)
        assert not service.asked
        assert fetch(catalog, service, out).count("ok") == 8


# --- what is left of another run ---


def test_changed_and_damaged_files_are_fetched_anew(catalog, tmp_path):
    out = tmp_path / "out"
    with CutoutService() as service:
        fetch(catalog, service, out)
        before = contents(out)
        service.asked.clear()
        (out / "g001.fits").write_bytes(before["g001.fits"][:-2880])
        (out / "g002.fits").unlink()
        flipped = bytearray(before["g003.fits"])
        flipped[3000] ^= 1
        (out / "g003.fits").write_bytes(flipped)
        fetch(catalog, service, out)
        assert sorted(service.numbers()) == [1, 2]
        fetch(catalog, service, out, verify=True)
        assert sorted(service.numbers()) == [1, 2, 3] and contents(out) == before


@pytest.mark.parametrize("spoil", ["", "wrong layer", "wrong size", "wrong position", "zeros"])
def test_a_file_that_no_ledger_knows_is_looked_at(spoil, catalog, tmp_path):
    out = tmp_path / "out"
    with CutoutService() as service:
        fetch(catalog, service, out)
        before = contents(out)
        service.asked.clear()
        (out / LEDGER).write_text("nonsense")
        (out / "g004.fits").write_bytes(fits_answer(SOUTH, 14.0, DEC, SIDE, "grz", 0.262, spoil))
        fetch(catalog, service, out)
        assert service.numbers() == ([4] if spoil else []) and contents(out) == before


def test_a_galaxy_that_moved_is_fetched_anew(catalog, tmp_path):
    out = tmp_path / "out"
    with CutoutService() as service:
        fetch(catalog, service, out)
        catalog.write_text(catalog.read_text().replace("g003,13.0", "g003,19.0"))
        service.asked.clear()
        assert fetch(catalog, service, out).count("ok") == 8 and service.numbers() == [9]
        assert fits.getheader(out / "g003.fits")["CRVAL1"] == 19
        # The cutout of where it was does not stay where there is none.
        catalog.write_text(catalog.read_text().replace("g003,19.0", "g003,20.0"))
        service.plans[10] = ["status:404"]
        assert fetch(catalog, service, out).count("failed") == 1 and not (out / "g003.fits").exists()


def test_a_journal_with_a_torn_line(tmp_path):
    entry = Entry("g000", 10.0, DEC, "outside", reason="all pixels are 0")
    with Journal(tmp_path) as journal:
        journal.add(entry)
    whole = (tmp_path / JOURNAL).read_bytes()
    for cut in range(len(whole)):
        (tmp_path / JOURNAL).write_bytes(whole[:cut])
        assert read_entries(tmp_path) == ({"g000": entry} if cut >= len(whole) - 1 else {})
        with Journal(tmp_path) as journal:
            journal.add(entry)
        assert read_entries(tmp_path) == {"g000": entry}
    for at in range(len(whole) - 1):
        (tmp_path / JOURNAL).write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        assert read_entries(tmp_path) == {}


def test_a_journal_on_a_full_disk_is_named_and_read_up_to_there(tmp_path):
    entries = [Entry(f"g{row:03}", 10.0, DEC, "outside", reason="all pixels are 0") for row in range(2)]
    hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    with Journal(tmp_path) as journal:
        journal.add(entries[0])
        try:
            # Room for a part of the next line.
            resource.setrlimit(resource.RLIMIT_FSIZE, ((tmp_path / JOURNAL).stat().st_size + 9, hard))
            with pytest.raises(OSError) as told:
                journal.add(entries[1])
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
            signal.signal(signal.SIGXFSZ, ignored)
    assert told.value.filename == str(tmp_path / JOURNAL)
    assert read_entries(tmp_path) == {"g000": entries[0]}


def test_a_journal_that_is_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / JOURNAL)
    with pytest.raises(GalkerasError, match="ledger.journal is no file"):
        read_entries(tmp_path)


KILLED = """
import os, signal, sys, traceback
import pyarrow.csv
import requests

import galkeras as gk
from galkeras.galaxyzoo.trees import TREES
from galkeras.io.tables import TABLE_FORMATS
from galkeras.surveys.cutouts import FORMATS
from galkeras.surveys.facts import SURVEYS

catalog, layer, service, size, folder = sys.argv[1:]
# What is imported here need not be imported by each process below.
gk.download, len(FORMATS), len(SURVEYS), len(TABLE_FORMATS), len(TREES)


def run(out, kill_at=None):
    # Return whether a process that is killed before so many file operations below its folder came to its end.
    process = os.fork()
    if process:
        return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
    try:
        seen = 0

        def hook(event, arguments):
            nonlocal seen
            if event in ("open", "os.rename", "os.remove", "os.mkdir") and str(arguments[0]).startswith(out):
                seen += 1
                if seen == kill_at:
                    os.kill(os.getpid(), signal.SIGKILL)

        sys.addaudithook(hook)
        sys.stdout = open(os.devnull, "w")
        gk.download(catalog, layer, out, service=service, size=int(size), rate=1000.0, tries=1)
        os._exit(0)
    except BaseException:
        traceback.print_exc()
        os._exit(1)


kills = 0
while True:
    out = f"{folder}/{kills:03d}"
    ended = run(out, kills + 1)
    if ended == 0:
        break
    assert ended == -signal.SIGKILL and run(out) == 0, (kills, ended)
    kills += 1
print(kills)
"""


def test_killed_before_every_file_operation(tmp_path):
    catalog = write_catalog(tmp_path / "catalog.csv", 2)
    with CutoutService({1: ["zeros"] * 999}) as service:
        fetch(catalog, service, tmp_path / "whole")
        arguments = (catalog, SOUTH, service.url, SIDE, tmp_path / "killed")
        done = subprocess.run([sys.executable, "-c", KILLED, *map(str, arguments)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) == len(list((tmp_path / "killed").iterdir())) - 1 > 12
    for out in (tmp_path / "killed").iterdir():
        assert contents(out) == contents(tmp_path / "whole"), out


@pytest.mark.parametrize("trouble", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_a_full_disk_and_ctrl_c_lose_nothing(trouble, catalog, tmp_path, monkeypatch):
    out, whole = tmp_path / "out", tmp_path / "whole"
    write, count = module.atomic_write, iter(range(100))

    def write_some(path, data):
        if next(count) == 3:
            raise trouble
        write(path, data)

    with CutoutService({1: ["zeros"] * 9}) as service:
        fetch(catalog, service, whole)
        service.asked.clear()
        with monkeypatch.context() as patch, pytest.raises(type(trouble)):
            patch.setattr(module, "atomic_write", write_some)
            fetch(catalog, service, out, connections=1)
        assert not (out / LEDGER).exists() and len(list(out.glob("*.fits"))) == 3
        fetch(catalog, service, out)
        assert service.numbers().count(0) == service.numbers().count(1) == 1  # what is done, and what is outside
    assert contents(out) == contents(whole)


def test_killed_at_some_moment_and_run_again_ends_the_same(tmp_path):
    catalog = write_catalog(tmp_path / "catalog.csv", 30)
    code = "import sys, galkeras as gk; gk.download(*sys.argv[1:4], service=sys.argv[4], size=16, rate=1000.0)"
    with CutoutService({7: ["zeros"] * 9}) as service:
        whole, out = tmp_path / "whole", tmp_path / "killed"
        fetch(catalog, service, whole)
        service.pause = 0.03
        process = subprocess.Popen([sys.executable, "-c", code, *map(str, (catalog, SOUTH, out, service.url))])
        deadline = time.monotonic() + 60
        while len(list(out.glob("g*.fits"))) < 12 and time.monotonic() < deadline:
            time.sleep(0.002)
        process.send_signal(signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL, "it ended before it could be killed"
        assert not (out / LEDGER).exists()
        for path in out.glob("g*.fits"):
            assert path.read_bytes() == (whole / path.name).read_bytes()
        # What a kill in the middle of a file leaves behind.
        (out / ".g029.4711.part.fits").write_bytes(b"SIMPLE  =")
        service.pause = 0
        service.asked.clear()
        missing = 30 - len(list(out.glob("g*.fits")))
        fetch(catalog, service, out)
        assert len(service.asked) <= missing
        assert contents(out) == contents(whole)


# --- one published file ---


def test_a_file_by_its_digest(tmp_path, caplog):
    import hashlib

    data = np.random.default_rng(2).bytes(300_000)
    digests = {"sha256": hashlib.sha256(data).hexdigest(), "md5": hashlib.md5(data).hexdigest()}
    with CutoutService() as service:
        service.files["/files/table.parquet"] = data
        url = f"{service.root}/files/table.parquet?download=1"
        for kind, digest in digests.items():
            path = gk.download_file(url, tmp_path / kind, **{kind: digest})
            assert path == tmp_path / kind / "table.parquet" and path.read_bytes() == data
        service.files.clear()
        assert gk.download_file(url, tmp_path / "md5", md5=digests["md5"].upper()).read_bytes() == data
        assert "is there already" in caplog.text
        service.files["/files/table.parquet"] = data[:-1] + b"x"
        with pytest.raises(GalkerasError, match=r"it has the sha256 .*, not .* \(2 times\)"):
            gk.download_file(url, tmp_path / "bad", sha256=digests["sha256"], tries=2)
        assert list((tmp_path / "bad").iterdir()) == []
        (tmp_path / "md5" / "table.parquet").write_bytes(b"mine")
        with pytest.raises(GalkerasError, match="move it away first"):
            gk.download_file(url, tmp_path / "md5", md5=digests["md5"])
        assert (tmp_path / "md5" / "table.parquet").read_bytes() == b"mine"


def test_a_file_without_a_digest_or_a_name_is_refused(tmp_path):
    for file, options, said in (
        ("gz-decals-volunteers-5", {}, "the digest of gz-decals-volunteers-5 is not known here"),
        ("gz-decals-volunteer-5", {}, "Did you mean 'gz-decals-volunteers-5'"),
        ("http://127.0.0.1:9/x", {"sha256": "12"}, "64 hexadecimal digits"),
        ("http://127.0.0.1:9/x", {"sha256": "0" * 64, "md5": "0" * 32}, "one digest is enough"),
        ("http://127.0.0.1:9/", {"md5": "0" * 32}, "must end with the name of a file"),
        ("http://127.0.0.1:9/%2e%2e", {"md5": "0" * 32}, "must end with the name of a file"),
    ):
        with pytest.raises(GalkerasError, match=said):
            gk.download_file(file, tmp_path, **options)
    assert list(tmp_path.iterdir()) == []


# --- the command line ---


def test_command_line(catalog, tmp_path, monkeypatch, capsys):
    from galkeras.cli import main

    with CutoutService({2: ["status:404"], 3: ["zeros"]}) as service:
        command = [
            *("galkeras", "download", catalog, "--layer", SOUTH, "--out", tmp_path / "decals"),
            *("--service", service.url, "--size", SIDE, "--pixscale", "0.524", "--bands", "gr", "--rate", 1000),
        ]
        monkeypatch.setattr(sys, "argv", list(map(str, command)))
        for code, said in ((1, "6 ok, 1 outside the footprint, 1 failed, 0 rejected"), (0, "7 ok, 1 outside")):
            with pytest.raises(SystemExit) as end:
                main()
            told = capsys.readouterr()
            assert (end.value.code or 0) == code and said in told.out
            assert ("1 failed, the ledger says why" in told.err) == bool(code)
        assert json.loads((tmp_path / "decals" / "download.json").read_text())["bands"] == "gr"
