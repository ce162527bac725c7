import csv
import errno
import json
import os
import shutil

import numpy as np
import pytest
from sky import galaxy, write_csv, write_fits, write_png, write_survey

from galkeras.io.errors import GalkerasError
from galkeras.records import make, write
from galkeras.records.inspect import read_galaxies
from galkeras.records.make import make_tfrecords
from galkeras.records.schema import RecordSet, split_of


@pytest.fixture
def survey(tmp_path):
    return write_survey(tmp_path / "survey", 60, 48)


def run(pair, out, **options) -> RecordSet:
    return make_tfrecords(*pair, out, **{"workers": 1, **options})


def files(folder) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir()) if path.is_file()}


def test_what_goes_in_comes_out(survey, tmp_path):
    records = run(survey, tmp_path / "out")
    assert RecordSet.load(tmp_path / "out") == records
    assert (records.survey, records.image_size, records.dtype) == ("decals", 48, "float32")
    assert (records.units, records.pixel_scale) == ("nanomaggy", 0.262)
    assert (records.read, records.written, records.rejected) == (60, 60, 0)
    found = {g.id: g for g in read_galaxies(records)}
    assert len(found) == 60
    for index in (0, 59):
        one = found[f"g{index:04d}"]
        np.testing.assert_array_equal(one.image, galaxy(48, index))
        assert one.ra == 180 + 1e-6 * index and one.dec == -5.5
        assert one.pixel_scale == pytest.approx(0.262)
    for shard in records.shards:
        assert shard.bytes == (tmp_path / "out" / shard.name).stat().st_size
    assert all(split_of(g) in {s.split for s in records.shards} for g in found)


def test_the_same_input_gives_the_same_bytes(survey, tmp_path):
    run(survey, tmp_path / "a")
    # Several processes, and a catalog in another order.
    lines = survey[0].read_text().splitlines()
    survey[0].write_text("\n".join([lines[0], *reversed(lines[1:])]) + "\n")
    run(survey, tmp_path / "b", workers=2)
    assert files(tmp_path / "a") == files(tmp_path / "b")
    # What a file is called stands in the call alone.
    moved = survey[0].rename(survey[0].with_name("moved.csv"))
    records = run((moved, survey[1]), tmp_path / "c")
    before = RecordSet.load(tmp_path / "a")
    assert records.digest == before.digest and records.call.inputs["catalog"] == str(moved)
    assert vars_of(records) | {"path": before.path, "call": before.call} == vars_of(before)


def test_a_galaxy_has_its_split_in_every_survey(survey, tmp_path):
    other = write_survey(tmp_path / "other", 30, 40)
    sides = []
    for name, pair in {"a": survey, "b": other}.items():
        records = run(pair, tmp_path / name)
        sides.append({g.id: split_of(g.id) for g in read_galaxies(records)})
        for shard in records.shards:
            only = RecordSet(
                **{
                    **vars_of(records),
                    "shards": (shard,),
                    "written": shard.examples,
                    "read": shard.examples,
                    "rejected": 0,
                }
            )
            assert {split_of(g.id) for g in read_galaxies(only)} <= {shard.split}
    assert all(sides[0][name] == side for name, side in sides[1].items())


def vars_of(records: RecordSet) -> dict:
    return {name: getattr(records, name) for name in records.__dataclass_fields__}


@pytest.mark.parametrize(
    "options, side, scale",
    [
        ({"crop": 32}, 32, 0.262),
        ({"crop": 32, "image_size": 16}, 16, 0.524),
        ({"image_size": 24}, 24, 0.524),
        ({"image_size": 30}, 30, 0.4192),
    ],
)
def test_another_size(survey, tmp_path, options, side, scale):
    records = run(survey, tmp_path / "out", **options)
    assert records.image_size == side and records.pixel_scale == pytest.approx(scale, rel=1e-5)
    first = next(read_galaxies(records))
    image = galaxy(48, int(first.id[1:]))
    if "crop" in options:
        image = image[8:40, 8:40]
    np.testing.assert_allclose(first.image.sum((0, 1)), image.sum((0, 1)), rtol=1e-5)


def test_float16_and_its_limit(survey, tmp_path):
    bright = galaxy(48)
    bright[20, 20] = 1e5
    write_fits(survey[1] / "g0003.fits", bright)
    records = run(survey, tmp_path / "out", dtype="float16")
    assert records.written == 59
    assert "too bright for float16" in (tmp_path / "out" / "rejected.csv").read_text()
    one = next(read_galaxies(records))
    np.testing.assert_array_equal(one.image, galaxy(48, int(one.id[1:])).astype(np.float16))
    with pytest.raises(GalkerasError, match="float16 or float32"):
        run(survey, tmp_path / "other", dtype="uint8")


def test_rejects_are_counted_and_explained(survey, tmp_path, caplog):
    catalog, cutouts = survey
    (cutouts / "g0000.fits").unlink()
    (cutouts / "g0001.fits").write_bytes((cutouts / "g0001.fits").read_bytes()[:9000])
    write_fits(cutouts / "g0002.fits", galaxy(40))
    write_fits(cutouts / "g0003.fits", np.full((48, 48, 3), np.nan))
    write_fits(cutouts / "g0004.fits", np.zeros((48, 48, 3)))
    write_fits(cutouts / "g0005.fits", galaxy(48), VERSION="DR9-north")
    (cutouts / "g0006.fits").write_text("hello")
    (cutouts / "g0007.fits").unlink()
    write_png(cutouts / "g0007.png", np.full((48, 48, 3), 50, np.uint8))
    records = run(survey, tmp_path / "out")
    assert (records.read, records.written, records.rejected) == (60, 52, 8)
    assert "1 cutout left out for being of another size than most: `image_size=48` resamples" in caplog.text
    with open(tmp_path / "out" / "rejected.csv", newline="") as file:
        rejects = {row["id"]: row["reason"] for row in csv.DictReader(file)}
    expected = [
        "no cutout found",
        "truncated",
        "wrong shape",
        "not finite",
        "mostly zero",
        "wrong survey",
        "no image",
        "wrong units",
    ]
    assert list(rejects) == [f"g{index:04d}" for index in range(8)]
    for reason, start in zip(rejects.values(), expected, strict=True):
        assert reason.startswith(start)


def test_a_rerun_keeps_what_checks_out(survey, tmp_path, caplog):
    out = tmp_path / "out"
    records = run(survey, out)
    whole, times = files(out), {s.name: (out / s.name).stat().st_mtime_ns for s in records.shards}
    damaged, absent = records.shards[0].name, records.shards[1].name
    data = bytearray((out / damaged).read_bytes())
    data[5000] ^= 1
    (out / damaged).write_bytes(data)
    (out / absent).unlink()
    (out / f".{absent[:-9]}.123.part.tfrecord").write_bytes(b"half")
    (out / "dataset.json").unlink()
    caplog.clear()
    assert run(survey, out) == records
    assert f"{len(times) - 2} of {len(times)} shards were there already" in caplog.text
    assert files(out) == whole
    for name, time in times.items():
        assert ((out / name).stat().st_mtime_ns == time) == (name not in (damaged, absent))


def test_changed_input_is_written_anew(survey, tmp_path, caplog):
    out = tmp_path / "out"
    run(survey, out)
    assert "holds a finished" not in caplog.text
    write_fits(survey[1] / "g0010.fits", galaxy(48, 999))
    os.utime(survey[1] / "g0010.fits", ns=(1, 1))
    records = run(survey, out)
    changed = next(g for g in read_galaxies(records) if g.id == "g0010")
    np.testing.assert_array_equal(changed.image, galaxy(48, 999))
    assert f"{out} holds a finished record set of 60 galaxies; what is different now" in caplog.text
    # Another division into shards leaves no shard of the first.
    smaller = run(survey, out, shard_megabytes=0.05)
    assert {p.name for p in out.glob("*.tfrecord")} == {s.name for s in smaller.shards}


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EFBIG])
def test_a_full_disk_leaves_nothing_that_looks_finished(survey, tmp_path, monkeypatch, code):
    out = tmp_path / "out"
    count = 0

    def full(data):
        nonlocal count
        count += 1
        if count > 20:
            raise OSError(code, os.strerror(code))
        return real(data)

    real = write.frame
    monkeypatch.setattr(write, "frame", full)
    with pytest.raises(GalkerasError, match="Make room and run the same command again"):
        run(survey, out)
    assert not (out / "dataset.json").exists()
    assert not list(out.glob(".*.part.*"))
    monkeypatch.undo()
    assert run(survey, out).written == 60
    # A finished set that is being rebuilt when the disk fills is no longer finished.
    count = 0
    monkeypatch.setattr(write, "frame", full)
    with pytest.raises(GalkerasError, match="Make room"):
        run(survey, out, shard_megabytes=0.05)
    assert not (out / "dataset.json").exists()


def test_too_little_space_is_told_before_anything_is_written(survey, tmp_path, monkeypatch):
    monkeypatch.setattr(make.shutil, "disk_usage", lambda path: shutil._ntuple_diskusage(1, 1, 1000))
    with pytest.raises(GalkerasError, match="needs about 1.7 MB, and 1.0 kB are free"):
        run(survey, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_folder_with_something_else_is_refused(survey, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    (out / "thesis.tex").write_text("years of work")
    with pytest.raises(GalkerasError, match="holds something else \\(thesis.tex\\)"):
        run(survey, out)
    assert [p.name for p in out.iterdir()] == ["thesis.tex"]
    with pytest.raises(GalkerasError, match="is a file"):
        run(survey, out / "thesis.tex")


def test_a_record_set_of_another_survey_is_refused(survey, tmp_path):
    records = run(survey, tmp_path / "out")
    for path in survey[1].iterdir():
        write_fits(path, galaxy(48), VERSION="DR9-north")
    with pytest.raises(GalkerasError, match="of survey decals, not bass-mzls"):
        run(survey, tmp_path / "out")
    assert RecordSet.load(tmp_path / "out") == records


def test_two_runs_at_once_are_refused(survey, tmp_path):
    (tmp_path / "out").mkdir()
    with make._folder(tmp_path / "out").writing(), pytest.raises(GalkerasError, match="another make-tfrecords"):
        run(survey, tmp_path / "out")


@pytest.mark.parametrize(
    "options, message",
    [
        ({"survey": "bass-mzls"}, "are of survey decals by their headers, not bass-mzls"),
        ({"survey": "a/b"}, "`survey` must be"),
        ({"dtype": "float46"}, "Did you mean 'float16'"),
        ({"crop": 0}, "`crop` must be 1 to 4096"),
        ({"image_size": 99999}, "`image_size` must be 1 to 4096"),
        ({"crop": 64}, "none of the first 16 cutouts .* fits; .*less than the crop of 64"),
    ],
)
def test_wrong_options_are_one_line(survey, tmp_path, options, message):
    with pytest.raises(GalkerasError, match=message):
        run(survey, tmp_path / "out", **options)
    assert not (tmp_path / "out").exists()


def test_no_cutouts(survey, tmp_path):
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(GalkerasError, match="no cutout found for any of 60 galaxies: looked in .*empty"):
        run((survey[0], empty), tmp_path / "out")
    with pytest.raises(GalkerasError, match="must be a folder or an HDF5 file"):
        run((survey[0], tmp_path / "nowhere"), tmp_path / "out")
    for path in survey[1].iterdir():
        path.write_bytes(b"")
    with pytest.raises(GalkerasError, match="none of 60 cutouts .* can be used; 60 times: no image"):
        run(survey, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_pictures_need_a_survey(tmp_path):
    for name in "abc":
        write_png(tmp_path / f"{name}.png", np.full((40, 40, 3), 99, np.uint8))
    catalog = write_csv(tmp_path / "c.csv", {"id": list("abc"), "ra": [1, 2, 3], "dec": [1, 2, 3]})
    with pytest.raises(GalkerasError, match="do not say of which survey they are: say `survey`"):
        run((catalog, tmp_path), tmp_path / "out")
    records = run((catalog, tmp_path), tmp_path / "out", survey="sdss")
    assert (records.survey, records.dtype, records.units) == ("sdss", "uint8", "picture")
    assert records.pixel_scale is None


def test_galaxy_zoo_pictures_have_the_pixel_scale_of_their_size(tmp_path):
    for name in "ab":
        write_png(tmp_path / f"{name}.png", np.full((424, 424, 3), 99, np.uint8))
    columns = {"id": list("ab"), "ra": [1, 2], "dec": [1, 2], "petro_th50": [5.0, 2.0], "petro_th90": [11.0, 3.0]}
    records = run((write_csv(tmp_path / "c.csv", columns), tmp_path), tmp_path / "out", survey="decals", image_size=53)
    scales = {g.id: g.pixel_scale for g in read_galaxies(records)}
    assert scales == {"a": pytest.approx(0.2 * 8), "b": pytest.approx(0.1 * 8)}
    assert records.pixel_scale is None


def test_dataset_json_is_strict_json(survey, tmp_path):
    run(survey, tmp_path / "out")
    text = (tmp_path / "out" / "dataset.json").read_text()
    json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))
