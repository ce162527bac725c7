"""explore: that vectors, metadata and thumbnails are of the same galaxies, row by row."""

import socket
import sys
from dataclasses import replace

import numpy as np
import pytest
import requests
from discovery.exploring import exploring
from latents.tables import latent_table
from PIL import Image

from galkeras import cli
from galkeras.discovery.explore import explore
from galkeras.discovery.projector import FILES, MOST_PIXELS, check_port, sprite
from galkeras.io.columns import write_columns
from galkeras.io.errors import GalkerasError
from galkeras.records.pictures import galaxy_pictures
from galkeras.records.schema import RecordSet


@pytest.fixture
def latents():
    """Latents of the galaxies of `records`, in another order."""
    names = np.random.default_rng(3).permutation([f"g{index:04d}" for index in range(80)])
    return latent_table(80, 4, id=names, ra=np.full(80, 180.1234567), dec=np.full(80, -5.5))


def metadata(folder):
    header, *rows = [line.split("\t") for line in (folder / "metadata.tsv").read_text().splitlines()]
    return {name: [row[index] for row in rows] for index, name in enumerate(header)}


def tiles(folder, side):
    sheet = np.asarray(Image.open(folder / "sprite.jpg"))
    count = len(sheet) // side
    return sheet.reshape(count, side, count, side, 3).swapaxes(1, 2).reshape(-1, side, side, 3)


def predictions(path, latents, model=None):
    yes = np.linspace(0, 1, len(latents))
    columns = {name: getattr(latents, name) for name in ("id", "ra", "dec", "survey")}
    questions = {"bar": ["yes", "no"], "disk_like": ["a_b", "c"]}
    for question, (first, second) in questions.items():
        columns |= {f"{question}_{first}": yes, f"{question}_{second}": 1 - yes}
    write_columns(path, columns, {"table": "predictions", "model": model or latents.model, "questions": questions})
    return path


def test_row_by_row_it_is_the_same_galaxy(latents, records, tmp_path):
    done = explore(latents, [records], tmp_path / "out")
    assert sorted(file.name for file in done.folder.iterdir()) == sorted(FILES)
    assert (done.galaxies, done.given, done.thumbnail) == (80, 80, 64)
    np.testing.assert_allclose(np.loadtxt(done.folder / "vectors.tsv", delimiter="\t"), latents.z, rtol=1e-5)
    table = metadata(done.folder)
    assert tuple(table) == done.columns == ("id", "survey", "split", "ra", "dec", "ssim", "reconstruction_mse")
    assert table["id"] == latents.id.tolist() and table["ra"][0] == "180.1234567"

    shown = tiles(done.folder, 64)
    assert len(shown) == 81 and shown[80].min() > 250
    wanted = galaxy_pictures([RecordSet.load(records)], latents.id, latents.survey).astype(float)
    distance = [np.abs(wanted - tile).mean((1, 2, 3)).argmin() for tile in shown[:80]]
    assert distance == list(range(80))

    config = (done.folder / "projector_config.pbtxt").read_text()
    assert config.count("single_image_dim: 64") == 2
    assert "tensor_shape: 80\n" in config and "tensor_shape: 4\n" in config
    assert all(f'"{name}"' in config for name in FILES[:3])


def test_scores_of_a_sample_colour_nothing(latents, records, tmp_path):
    ssim = np.where(np.arange(80) % 4, np.float32(np.nan), latents.ssim)
    done = explore(replace(latents, ssim=ssim), [records], tmp_path / "out")
    assert done.columns == ("id", "survey", "split", "ra", "dec", "reconstruction_mse")


def test_the_sheet_is_square_even_where_a_row_stays_empty():
    # The projector's shader takes the number of rows for that of columns.
    pictures = np.arange(1, 8, dtype=np.uint8)[:, None, None, None] * np.ones((1, 8, 8, 3), np.uint8)
    sheet = sprite(pictures)
    assert sheet.shape == (24, 24, 3)
    assert sheet[::8, ::8, 0].tolist() == [[1, 2, 3], [4, 5, 6], [7, 255, 255]]


@pytest.mark.parametrize("count", [1, 2, 3, 16_384, 16_385, 20_000, 1_000_000])
def test_thumbnails_fit_into_what_browsers_take(count):
    from galkeras.discovery.explore import _thumbnail

    side = _thumbnail(count, 424)
    assert 8 <= side <= 64 and side % 8 == 0
    assert int(np.ceil(np.sqrt(count))) * side <= MOST_PIXELS
    assert _thumbnail(count, 32) <= 32


def test_a_long_table_is_sampled_by_seed(latents, records, tmp_path):
    ids = []
    for number, seed in enumerate((0, 0, 1)):
        done = explore(latents, [records], tmp_path / str(number), galaxies=10, seed=seed)
        assert (done.galaxies, done.given) == (10, 80)
        ids.append(metadata(done.folder)["id"])
    assert ids[0] == ids[1] != ids[2]
    assert len(set(ids[0])) == 10 and set(ids[0]) <= set(latents.id)


def test_answers_are_those_of_the_galaxy(latents, records, tmp_path):
    order = np.random.default_rng(1).permutation(70)
    path = predictions(tmp_path / "p.parquet", latents[order])
    table = metadata(explore(latents, [records], tmp_path / "out", predictions=path).folder)
    expected = np.full(80, "not predicted")
    expected[order] = np.where(np.arange(70) > 34, "yes", "no")
    assert table["bar"] == expected.tolist()
    assert set(table["disk_like"]) == {"a_b", "c", "not predicted"}


def test_outlier_scores_are_those_of_the_galaxy(latents, records, tmp_path):
    order = np.random.default_rng(2).permutation(80)
    score = np.arange(80.0)
    columns = {"id": latents.id[order], "survey": latents.survey[order], "score": score, "sigma": score}
    columns |= {"because": np.where(score > 40, "streak", "mahalanobis"), "beyond_sigma": np.zeros(80, int)}
    metadata_of = {"table": "outliers", "model": latents.model, "sigma": 8.0}
    write_columns(tmp_path / "outliers" / "outliers.parquet", columns, metadata_of)
    table = metadata(explore(latents, [records], tmp_path / "out", outliers=tmp_path / "outliers").folder)
    assert [float(table["outlier_score"][row]) for row in order] == score.tolist()
    assert table["unusual_by"][order[79]] == "streak"
    few = {name: values[:9] for name, values in columns.items()}
    write_columns(tmp_path / "few.parquet", few, metadata_of)
    with pytest.raises(GalkerasError, match="misses 71 of 80 galaxies"):
        explore(latents, [records], tmp_path / "other", outliers=tmp_path / "few.parquet")


def test_one_galaxy_and_one_without_a_position(latents, records, tmp_path):
    one = replace(latents[:1], ra=np.array([np.nan]), dec=np.array([np.nan]))
    done = explore(one, [records], tmp_path / "out")
    assert "ra" not in done.columns and len(tiles(done.folder, done.thumbnail)) == 1


def test_names_cannot_break_the_table(latents, records, tmp_path, monkeypatch):
    from galkeras.discovery import explore as module

    monkeypatch.setattr(module, "galaxy_pictures", lambda sets, ids, surveys, side: np.zeros((80, side, side, 3), "u1"))
    names = latents.id.astype("U20")
    names[0], names[1], names[2] = "a\tb", "c\nd\r\u2028e", "<script>"
    table = metadata(explore(replace(latents, id=names), [records], tmp_path / "out").folder)
    assert table["id"][:3] == ["a b", "c d  e", "<script>"] and len(table["id"]) == 80


def test_ids_that_look_like_numbers_are_not_rounded(latents, records, tmp_path, monkeypatch):
    from galkeras.discovery import explore as module

    monkeypatch.setattr(module, "galaxy_pictures", lambda sets, ids, surveys, side: np.zeros((80, side, side, 3), "u1"))
    long = np.array([f"{587739608090083477 + row}" for row in range(80)])
    table = metadata(explore(replace(latents, id=long), [records], tmp_path / "long").folder)
    assert table["id"][1] == "id 587739608090083478"
    for name in ("007", "1e5", "0x1f", "1234567890123456", "+5", ""):
        names = np.array([name, *(f"{row}" for row in range(1, 80))])
        done = explore(replace(latents, id=names), [records], tmp_path / "odd", overwrite=True)
        assert metadata(done.folder)["id"][0] == f"id {name}"
    short = np.array([f"{row}" for row in range(80)])
    assert metadata(explore(replace(latents, id=short), [records], tmp_path / "short").folder)["id"] == short.tolist()


def test_an_interrupted_rewrite_leaves_nothing_to_open(latents, records, tmp_path, monkeypatch):
    from galkeras.discovery import projector

    out = explore(latents, [records], tmp_path / "out").folder
    monkeypatch.setattr(projector.Image, "fromarray", lambda sheet: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        explore(latents[:9], [records], out, overwrite=True)
    assert not (out / "projector_config.pbtxt").exists()
    monkeypatch.undo()
    assert explore(latents[:9], [records], out).galaxies == 9


def test_bad_input(latents, records, tmp_path):
    out = tmp_path / "out"

    def fails(words, table=latents, sets=(records,), **options):
        with pytest.raises(GalkerasError, match=words):
            explore(table, sets, out, **options)
        assert not out.exists()

    fails("no image of none .*1 of 80", table=replace(latents, id=np.append(latents.id[:-1], "none")))
    fails("no image of g", table=replace(latents, survey=np.full(80, "bass")))
    fails("at most one record set of a survey", sets=(records, records))
    fails("needs the record sets", sets=())
    fails("`galaxies` must lie between", galaxies=0)
    other = predictions(tmp_path / "other.parquet", latents, model="b" * 64)
    fails("of model bbbb", predictions=other)
    foreign = predictions(tmp_path / "foreign.parquet", replace(latents, survey=np.full(80, "bass")))
    fails("none of the galaxies", predictions=foreign)
    latents[:0].save(tmp_path / "empty.parquet")
    fails("has no rows", table=tmp_path / "empty.parquet")
    latents.save(tmp_path / "latents.parquet")
    fails("is no table of predictions", predictions=tmp_path / "latents.parquet")

    out.mkdir()
    (out / "thesis.tex").touch()
    with pytest.raises(GalkerasError, match="holds something else"):
        explore(latents, [records], out)
    assert [file.name for file in out.iterdir()] == ["thesis.tex"]


def test_a_port_in_use_is_told_before_anything_is_written(latents, records, tmp_path, monkeypatch, capsys):
    latents.save(tmp_path / "latents.parquet")
    arguments = ["explore", str(tmp_path / "latents.parquet"), "--records", str(records)]
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        arguments += ["--out", str(tmp_path / "out"), "--port", str(port)]
        monkeypatch.setattr(sys, "argv", ["galkeras", *arguments])
        with pytest.raises(SystemExit) as exit:
            cli.main()
    assert exit.value.code == 1 and f"port {port}: Address already in use" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
    with pytest.raises(GalkerasError, match="between 0 and 65535"):
        check_port(70_000)


def test_tensorboard_serves_it_and_ends_by_ctrl_c(latents, records, tmp_path):
    latents.save(tmp_path / "latents.parquet")
    with exploring(tmp_path / "latents.parquet", records, tmp_path / "out") as address:
        root = address.removesuffix("#projector") + "data/plugin/projector/"
        (embedding,) = requests.get(root + "info?run=.", timeout=30).json()["embeddings"]
        assert embedding["tensorShape"] == [80, 4] and embedding["sprite"]["singleImageDim"] == [64, 64]
        tensor = requests.get(root + "tensor?run=.&name=latents", timeout=30).content
        np.testing.assert_allclose(np.frombuffer(tensor, "<f4").reshape(80, 4), latents.z, rtol=1e-5)
        image = requests.get(root + "sprite_image?run=.&name=latents", timeout=30)
        assert image.headers["content-type"] == "image/jpeg"
        assert image.content == (tmp_path / "out" / "sprite.jpg").read_bytes()
