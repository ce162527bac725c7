from types import SimpleNamespace

import numpy as np
import pytest
from latents.tables import latent_table
from PIL import Image

from galkeras.discovery.similar import similar
from galkeras.discovery.similar_table import read_similar
from galkeras.io.columns import write_columns
from galkeras.io.errors import GalkerasError
from galkeras.reporting.page import render
from galkeras.reporting.sections import SECTIONS


def part_of(folder, model):
    return SECTIONS["similar"].part(SimpleNamespace(inputs={"similar": folder}, digest=model))


def test_it_shows_the_nearest_of_each_query_and_the_mosaic(tmp_path):
    table = latent_table(30)
    asked = table.id[[3, 8]].tolist()
    found = similar(table, asked, tmp_path / "s", count=5)
    Image.new("RGB", (40, 20)).save(tmp_path / "s" / "similar.png")
    part = part_of(tmp_path / "s", table.model)
    (shown,) = part.tables
    assert [row[0] for row in shown.rows] == [name for name in asked for _ in range(3)]
    first = found.columns["neighbour"] <= 3
    assert [row[1] for row in shown.rows] == found.columns["id"][first].tolist()
    assert len(part.pictures) == 1 and part.facts[0] == ("galaxies asked for", "2")
    page = render("title", "subtitle", [part])
    assert f"{found.typical_distance:.1f} apart" in page and str(shown.rows[0][1]) in page


def test_without_it_there_is_no_section_and_what_is_foreign_is_refused(tmp_path):
    table = latent_table(30)
    assert SECTIONS["similar"].part(SimpleNamespace(inputs={}, digest=table.model)) is None
    similar(table, table.id[:1].tolist(), tmp_path / "s")
    with pytest.raises(GalkerasError, match="similar.parquet is of model"):
        part_of(tmp_path / "s", "b" * 64)
    one = {name: np.array(["a"]) for name in ("query", "query_survey", "id", "survey")}
    whole = one | {"neighbour": np.array([1]), "distance": np.array([0.5])}
    named = {"table": "similar", "model": "m"}
    for columns, metadata, message in (
        (whole, {"table": "outliers", "model": "m"}, "no table of similar galaxies: its metadata say 'outliers'"),
        (whole, named, "must name `typical_distance`. Received: None"),
        (one, named | {"typical_distance": 2.0}, "has no column 'neighbour' as `galkeras similar` writes it"),
        (whole, named | {"typical_distance": 2.0, "call": 3}, "no table of similar galaxies: `call`"),
    ):
        write_columns(tmp_path / "s" / "similar.parquet", columns, metadata)
        with pytest.raises(GalkerasError, match=message):
            part_of(tmp_path / "s", "m")


def test_the_table_knows_how_it_was_made_and_comes_back(tmp_path):
    table = latent_table(30)
    table.save(tmp_path / "latents.parquet")
    asked = table.id[[3, 8]].tolist()
    found = similar(tmp_path / "latents.parquet", asked, tmp_path / "s", count=5)
    back = read_similar(tmp_path / "s")
    assert (
        back.call.line("s")
        == f"galkeras similar {tmp_path / 'latents.parquet'} {asked[0]} {asked[1]} --count 5 --out s"
    )
    assert back.model == table.model and back.typical_distance == found.typical_distance
    for name, values in found.columns.items():
        np.testing.assert_array_equal(back.columns[name], values)
