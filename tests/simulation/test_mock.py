"""What a mock sample on disk promises."""

import json
import shutil
import subprocess
import sys

import numpy as np
import pyarrow.parquet as pq
import pytest
from astropy.io import fits
from astropy.wcs import WCS
from typer.testing import CliRunner

from galkeras.api import mock
from galkeras.cli import app
from galkeras.io.calls import read_calls
from galkeras.io.errors import GalkerasError
from galkeras.io.files import write_json
from galkeras.simulation.galaxy import PAIR
from galkeras.surveys.facts import BANDS, get_survey

SIZE = 64


def files_of(folder):
    """Return every file under a folder with its bytes."""
    return {str(f.relative_to(folder)): f.read_bytes() for f in sorted(folder.rglob("*")) if f.is_file()}


@pytest.fixture(scope="module")
def sample(tmp_path_factory):
    folder = tmp_path_factory.mktemp("mock") / "m"
    return mock(folder, galaxies=16, seed=3, size=SIZE, defects=0.3, noise_free=True, workers=1)


def test_has_the_files_a_survey_gives(sample):
    names = pq.read_table(sample / "catalog.parquet")["iauname"].to_pylist()
    assert len(set(names)) == 16
    for survey in map(get_survey, PAIR):
        held = {f.stem for f in (sample / "cutouts" / survey.name).iterdir()}
        assert held == set(names)
        with fits.open(sample / "cutouts" / survey.name / f"{names[0]}.fits") as hdus:
            assert len(hdus) == 1
            assert hdus[0].data.shape == (3, SIZE, SIZE)
            assert hdus[0].data.dtype == np.dtype(">f4")
            header = hdus[0].header
        assert (header["SURVEY"], header["VERSION"]) == (survey.header, survey.version)
        assert header["BANDS"] == "".join(BANDS)


def test_centre_of_the_image_is_the_catalog_position(sample):
    row = pq.read_table(sample / "catalog.parquet").to_pylist()[0]
    header = fits.getheader(sample / "cutouts" / "decals" / f"{row['iauname']}.fits")
    wcs = WCS(header, naxis=2)  # the third axis, of bands, has no coordinates
    middle = (SIZE - 1) / 2
    ra, dec = wcs.all_pix2world(middle, middle, 0)
    assert np.hypot((ra - row["ra"]) * np.cos(np.radians(dec)), dec - row["dec"]) * 3600 < 1e-6
    north = wcs.all_pix2world(middle, middle + 1, 0)
    assert (north[1] - dec) * 3600 == pytest.approx(0.262, rel=1e-6)
    west = wcs.all_pix2world(middle + 1, middle, 0)
    assert west[0] < ra


def test_same_seed_gives_the_same_bytes_in_parallel_and_a_larger_sample_begins_with_the_smaller(sample, tmp_path):
    small = mock(tmp_path / "m", galaxies=10, seed=3, size=SIZE, defects=0.3, workers=2)
    large_files = files_of(sample)
    small_files = files_of(small)
    assert sum(name.endswith(".fits") for name in small_files) == 20
    for name, data in small_files.items():
        if name.endswith(".fits"):
            assert data == large_files[name], name
    for table in ("catalog", "truth"):
        few, many = (pq.read_table(folder / f"{table}.parquet") for folder in (small, sample))
        assert few.equals(many.slice(0, 10)) or str(few.to_pylist()) == str(many.slice(0, 10).to_pylist())


def test_another_seed_gives_other_galaxies(sample, tmp_path):
    other = mock(tmp_path / "m", galaxies=1, seed=4, size=SIZE, workers=1)
    names = pq.read_table(other / "catalog.parquet")["iauname"].to_pylist()
    assert not set(names) & set(pq.read_table(sample / "catalog.parquet")["iauname"].to_pylist())


def test_rerun_draws_only_what_is_missing(sample, tmp_path):
    folder = tmp_path / "m"
    shutil.copytree(sample, folder)
    before = files_of(folder)
    cutouts = sorted((folder / "cutouts" / "decals").iterdir())
    cutouts[0].unlink()
    cutouts[1].write_bytes(cutouts[1].read_bytes()[:5000])
    (folder / "catalog.parquet").unlink()
    untouched = cutouts[2].stat().st_mtime_ns
    mock(folder, galaxies=16, seed=3, size=SIZE, defects=0.3, noise_free=True, workers=1)
    assert files_of(folder) == before
    assert cutouts[2].stat().st_mtime_ns == untouched


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"seed": 4}, "seed=3, not 4"),
        ({"size": 32}, "size=64, not 32"),
        ({"defects": 0.1}, "defects=0.3, not 0.1"),
        ({"galaxies": 15}, "holds 16 galaxies, more than 15"),
    ],
)
def test_refuses_a_folder_of_another_sample(sample, change, said):
    before = files_of(sample)
    with pytest.raises(GalkerasError, match=said):
        mock(sample, **{"galaxies": 16, "seed": 3, "size": SIZE, "defects": 0.3, "workers": 1} | change)
    assert files_of(sample) == before


def test_refuses_a_folder_of_something_else(tmp_path):
    (tmp_path / "thesis.tex").write_text("precious")
    with pytest.raises(GalkerasError, match="not empty and holds no mock.json"):
        mock(tmp_path, galaxies=1)
    assert [f.name for f in tmp_path.iterdir()] == ["thesis.tex"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"galaxies": 0}, "`galaxies` must be a whole number, 1 or more"),
        ({"surveys": ["decal"]}, "Did you mean 'decals'"),
        ({"surveys": []}, "each survey once"),
        ({"surveys": ["decals", "decals"]}, "each survey once"),
        ({"seed": -1}, "`seed` must be"),
        ({"size": 8}, "`size` must be"),
        ({"pixel_scale": 0.3}, "whole multiple of 0.262"),
        ({"pixel_scale": float("nan")}, "whole multiple of 0.262"),
        ({"defects": 2.0}, "`defects` must be a fraction"),
        ({"workers": 0}, "`workers` must be"),
        ({"seeds": "/no/such/folder"}, "not a folder"),
    ],
)
def test_bad_arguments_are_one_line_and_leave_nothing(tmp_path, arguments, said):
    with pytest.raises(GalkerasError) as caught:
        mock(tmp_path / "m", **{"galaxies": 1} | arguments)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "m").exists()


def test_interrupted_run_has_no_catalog(tmp_path, monkeypatch):
    from galkeras.simulation import survey_pair

    def fail(*_):
        raise OSError(28, "No space left on device", "x.fits")

    monkeypatch.setattr(survey_pair, "atomic_write", fail)
    with pytest.raises(OSError, match="No space left"):
        mock(tmp_path / "m", galaxies=2, size=32, workers=1)
    assert sorted(f.name for f in (tmp_path / "m").rglob("*") if f.is_file()) == ["mock.json"]


def test_command_line(tmp_path):
    out = tmp_path / "m"
    arguments = "mock --galaxies 1 --surveys decals --size 32 --workers 1 --out".split()
    result = CliRunner().invoke(app, [*arguments, str(out)])
    assert result.exit_code == 0 and "1 galaxy in decals" in result.output
    assert json.loads((out / "mock.json").read_text())["surveys"] == ["decals"]
    (call,) = read_calls(out / "mock.json")
    assert call.line(out) == f"galkeras mock --galaxies 1 --surveys decals --size 32 --out {out}"
    assert [f.name for f in (out / "cutouts").iterdir()] == ["decals"]


def test_missing_galsim_names_the_extra():
    code = (
        "import sys; sys.modules['galsim'] = None; sys.argv = 'galkeras mock --out x'.split();"
        "from galkeras.cli import main; main()"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.returncode == 1
    assert result.stderr == "galkeras: galsim is not installed: pip install 'galkeras[mock]'\n"


def test_seeds_of_another_kind_are_refused(tmp_path):
    result = CliRunner().invoke(app, ["mock", "--seeds", "sdss", "somewhere", "--out", str(tmp_path / "m")])
    assert "--seeds knows only 'cosmos'" in str(result.exception)


def test_a_folder_knows_every_call_that_added_to_it_once(tmp_path):
    out, given = tmp_path / "m", {"size": 32, "workers": 1, "defects": 0.0}
    mock(out, 1, ["decals"], **given)
    mock(out, 1, PAIR, noise_free=True, **given)
    mock(out, 1, ["decals"], **given)
    assert [call.line("o").removeprefix("galkeras mock --galaxies 1 ") for call in read_calls(out / "mock.json")] == [
        "--size 32 --defects 0 --noise-free --out o",
        "--surveys decals --size 32 --defects 0 --out o",
    ]
    value = json.loads((out / "mock.json").read_text())
    write_json(out / "mock.json", value | {"calls": [{"command": "mock"}]})
    with pytest.raises(GalkerasError, match=r"mock.json is damaged: `calls\[0\].inputs` is missing"):
        mock(out, 1, ["decals"], **given)


def test_conditions_change_what_is_seen_and_not_the_sky_or_the_votes(sample, tmp_path):
    other = {"seeing_scale": 1.5, "depth_offset": -1.0, "zero_point": 0.5}
    worse = mock(tmp_path / "m", galaxies=2, surveys=["decals"], seed=3, size=SIZE, defects=0.3, workers=1, **other)
    usual, seen = (pq.read_table(folder / "truth.parquet").to_pylist() for folder in (sample, worse))
    for one, two in zip(usual, seen, strict=False):
        assert two["decals_r_seeing"] == pytest.approx(1.5 * one["decals_r_seeing"])
        assert two["decals_r_depth"] == pytest.approx(one["decals_r_depth"] - 1)
        assert two["decals_r_zero_point"] == pytest.approx(one["decals_r_zero_point"] + 0.5)
        assert two["radius"] == one["radius"] and two["clarity"] == one["clarity"]
    votes = [pq.read_table(folder / "catalog.parquet").slice(0, 2) for folder in (sample, worse)]
    # By text, because NaN is not NaN.
    assert str(votes[0].to_pylist()) == str(votes[1].to_pylist())
    stored = json.loads((worse / "mock.json").read_text())
    assert stored["seeing_scale"] == 1.5 and "seeing_scale" not in json.loads((sample / "mock.json").read_text())
    with pytest.raises(GalkerasError, match="mock sample with seeing_scale=1.5, not 1.0"):
        mock(worse, galaxies=2, surveys=["decals"], seed=3, size=SIZE, defects=0.3, workers=1, depth_offset=-1.0)


def test_impossible_conditions_are_refused(tmp_path):
    for name, value in (("seeing_scale", 0.0), ("depth_offset", float("nan")), ("zero_point", 11.0)):
        with pytest.raises(GalkerasError, match=f"`{name}` must be"):
            mock(tmp_path / "m", galaxies=1, size=32, workers=1, **{name: value})
