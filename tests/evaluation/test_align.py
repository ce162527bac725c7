from dataclasses import replace

import numpy as np
import pytest
from latents.tables import latent_table

import galkeras as gk
from galkeras.evaluation.align import METHODS, align
from galkeras.latents.table import LatentTable, read_latents

RNG = np.random.default_rng(4)
# What the other survey does to latents: mixes, stretches and moves them.
MIX = np.eye(4) + 0.3 * RNG.normal(size=(4, 4))


def surveys(rows: int = 400, matrix: np.ndarray = MIX) -> tuple[LatentTable, LatentTable]:
    source = latent_table(rows)
    z = (source.z @ matrix + [2, 0, -1, 0.5]).astype("f")
    order = RNG.permutation(rows)
    return source, replace(source, survey=np.full(rows, "bass-mzls"), z=z)[order]


def distance(a: LatentTable, b: LatentTable) -> float:
    """The mean squared difference of the same galaxies' latents, of those that no map was fitted on."""
    rows = {name: row for row, name in enumerate(a.id.tolist())}
    fresh = b.split != "train"
    return float(np.square(a.z[[rows[name] for name in b.id[fresh].tolist()]] - b.z[fresh]).mean())


@pytest.mark.parametrize("method", METHODS)
def test_latents_move_to_where_the_source_has_them(method, tmp_path):
    source, target = surveys(2000, np.diag([1.5, 0.5, 2, 1]) if method == "median-mad" else MIX)
    moved = align(source, target, tmp_path / "moved.parquet", method=method)
    # Each in its measure: the same galaxies where there are pairs, else means and spreads.
    if method == "ridge":
        assert distance(source, moved) < 0.01 < 1 < distance(source, target)
    fresh = moved.split != "train"
    np.testing.assert_allclose(moved.z[fresh].mean(0), source.z[source.split != "train"].mean(0), atol=0.15)
    np.testing.assert_allclose(moved.z[fresh].std(0), source.z[source.split != "train"].std(0), rtol=0.15)
    again = read_latents(tmp_path / "moved.parquet")
    np.testing.assert_array_equal(again.z, moved.z)
    assert again.model == source.model and again.survey.tolist() == target.survey.tolist()
    assert again.id.tolist() == target.id.tolist() and again.call.options["method"] == method


def test_the_map_is_fitted_on_the_training_split_alone():
    source, target = surveys()
    spoilt = replace(target, z=np.where((target.split == "train")[:, None], target.z, -7 * target.z))
    for method in METHODS:
        trained = target.split == "train"
        np.testing.assert_array_equal(
            align(source, spoilt, method=method).z[trained], align(source, target, method=method).z[trained]
        )


def test_widths_go_through_the_map():
    source, target = surveys(4000, np.diag([2.0, 0.5, 1, 1]))
    wide = replace(target, log_var=np.zeros_like(target.log_var))
    width = np.exp(align(source, wide, method="median-mad").log_var).mean(0)
    np.testing.assert_allclose(width, [0.25, 4, 1, 1], rtol=0.15)
    # Of a sum of latents it is the sum of what each gives.
    matrix = np.array([[1, 1, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]], float)
    source, target = surveys(4000, matrix)
    wide = replace(target, log_var=np.zeros_like(target.log_var))
    width = np.exp(align(source, wide, method="ridge").log_var).mean(0)
    np.testing.assert_allclose(width, np.square(np.linalg.inv(matrix)).sum(0), rtol=0.05)


@pytest.mark.parametrize(
    ("rows", "same", "title"), [(400, True, "ridge"), (90, True, "median"), (400, False, "median")]
)
def test_by_default_pairs_are_used_where_there_are_enough(rows, same, title, caplog):
    source, target = surveys(rows)
    if not same:
        target = replace(target, id=np.array([f"other{name}" for name in target.id]), ra=target.ra + 7)
    align(source, target)
    assert caplog.messages[-1].startswith(title)


def test_what_cannot_be_aligned_is_refused_in_one_line(tmp_path):
    source, target = surveys()
    out = tmp_path / "moved.npz"
    for other, said, options in (
        (replace(target, model="b" * 64), "of two models", {}),
        (replace(target, views=8), "`views`", {}),
        (replace(target, z=target.z[:, :2], log_var=target.log_var[:, :2]), "has 4 latents and `target` 2", {}),
        (replace(target, log_var=np.full_like(target.log_var, 1e3)), "400 of 400 galaxies out of the range", {}),
        (replace(target, z=target.z * np.float32(1e-40)), "out of the range", {"method": "median-mad"}),
        (replace(target, survey=source.survey), "Received: decals and decals", {}),
        (target[target.split != "train"], "training split or more.*Received: 0", {}),
        (replace(target, ra=target.ra + 7), "Received: 0", {"method": "ridge"}),
        (target, "Did you mean 'ridge'", {"method": "ride"}),
    ):
        with pytest.raises(gk.GalkerasError, match=said):
            align(source, other, out, **options)
    assert not out.exists()
    align(source, target, out)
    with pytest.raises(gk.GalkerasError, match="overwrite"):
        align(source, target, out)


def test_what_is_read_is_not_replaced(tmp_path):
    source, target = surveys()
    paths = [tmp_path / "a.npz", tmp_path / "b.npz"]
    source.save(paths[0])
    target.save(paths[1])
    (tmp_path / "link.npz").symlink_to(paths[1])
    before = [path.read_bytes() for path in paths]
    for out in (*paths, tmp_path / "link.npz"):
        with pytest.raises(gk.GalkerasError, match=f"{out.name} is what is read.*another `out`"):
            align(*paths, out, overwrite=True)
    assert [path.read_bytes() for path in paths] == before
