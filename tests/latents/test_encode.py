import dataclasses
import shutil

import numpy as np
import pyarrow.parquet as pq
import pytest
from skimage.metrics import structural_similarity
from sky import write_survey

from galkeras.io.errors import GalkerasError
from galkeras.latents import encode as encode_module
from galkeras.latents import parts as parts_module
from galkeras.latents.encode import encode
from galkeras.latents.table import read_latents
from galkeras.models.config import PAPER, ModelConfig
from galkeras.models.vae import VAE
from galkeras.records.make import make_tfrecords
from galkeras.records.reader import ordered_dataset
from galkeras.records.schema import RecordSet

COUNT = 70


@pytest.fixture(scope="module")
def records(tmp_path_factory) -> RecordSet:
    folder = tmp_path_factory.mktemp("survey")
    catalog, cutouts = write_survey(folder, COUNT, side=64)
    return make_tfrecords(catalog, cutouts, folder / "records", workers=1, shard_megabytes=1)


@pytest.fixture(scope="module")
def model() -> VAE:
    """An untrained model with visible latents: encoding needs no more."""
    return VAE(ModelConfig(64, "nanomaggy", ("decals",), (5.0,) * 3, softening=(0.1,) * 3, latent_dim=6, **PAPER))


@pytest.fixture(autouse=True)
def loaded(model, monkeypatch):
    monkeypatch.setattr(encode_module, "load_model", lambda path: model)


@pytest.fixture(scope="module")
def images(records) -> dict[str, np.ndarray]:
    batches = list(ordered_dataset(records, batch_size=COUNT))
    return {name: np.concatenate([batch[name].numpy() for batch in batches]) for name in batches[0]}


def test_table_holds_every_galaxy_once_with_its_latents(tmp_path, records, model, images):
    encoded = encode("model", records.path, tmp_path / "l.parquet", batch_size=16)
    table = read_latents(tmp_path / "l.parquet")
    assert encoded.galaxies == len(table) == COUNT
    assert table.id.tolist() == [name.decode() for name in images["id"]]
    assert table.split.tolist() == [name.decode() for name in images["split"]]
    np.testing.assert_array_equal(table.ra, images["ra"])
    np.testing.assert_array_equal(table.dec, images["dec"])
    assert set(table.survey) == {records.survey}
    z, log_var = (np.asarray(part) for part in model.encode(images["image"]))
    np.testing.assert_allclose(table.z, z, atol=1e-5)
    np.testing.assert_allclose(table.log_var, log_var, atol=1e-5)
    assert (table.model, table.views, table.latent_dim) == (model.digest, 1, 6)
    assert np.std(table.z, axis=0).min() > 0


def test_scores_are_those_of_scikit_image_on_the_stretched_image(tmp_path, records, model, images):
    encoded = encode("model", records.path, tmp_path / "l.parquet")
    table = read_latents(tmp_path / "l.parquet")
    a = np.asarray(model.stretch(images["image"]))
    b = np.asarray(model.decode_stretched(table.z))
    expected = [
        structural_similarity(
            x, y, data_range=1.0, channel_axis=-1, gaussian_weights=True, sigma=1.5, use_sample_covariance=False
        )
        for x, y in zip(a, b, strict=True)
    ]
    np.testing.assert_allclose(table.ssim, expected, atol=1e-4)
    np.testing.assert_allclose(table.reconstruction_mse, np.mean((a - b) ** 2, axis=(1, 2, 3)), rtol=1e-4)
    assert encoded.ssim == pytest.approx(np.mean(expected), abs=1e-4)


@pytest.mark.parametrize("batch_size", [1, 2, 7, 64])
def test_a_sample_is_every_nth_galaxy_with_the_scores_that_all_have(tmp_path, records, monkeypatch, batch_size):
    monkeypatch.setattr(encode_module, "_SAMPLE", 20)
    encode("model", records.path, tmp_path / "all.npz", scores="all")
    encoded = encode("model", records.path, tmp_path / "some.npz", batch_size=batch_size)
    every, some = read_latents(tmp_path / "all.npz"), read_latents(tmp_path / "some.npz")
    # 70 galaxies, and 20 or a few more: every third.
    scored = np.arange(COUNT) % 3 == 2
    assert np.isfinite(every.ssim).all()
    for name in ("ssim", "reconstruction_mse"):
        values = getattr(some, name)
        np.testing.assert_array_equal(np.isfinite(values), scored)
        np.testing.assert_allclose(values[scored], getattr(every, name)[scored], rtol=1e-4)
    np.testing.assert_allclose(some.z, every.z, atol=1e-5)
    assert (encoded.galaxies, encoded.scored) == (COUNT, 23)
    assert encoded.ssim == pytest.approx(every.ssim[scored].mean(), rel=1e-4)
    assert f"mean SSIM {encoded.ssim:.3f}" in repr(some)


def test_without_scores_nothing_is_decoded(tmp_path, records, model, monkeypatch):
    monkeypatch.setattr(model, "decoder_of", lambda survey: pytest.fail("an image was decoded"))
    encoded = encode("model", records.path, tmp_path / "l.parquet", scores="none")
    table = read_latents(encoded.path)
    assert np.isnan(table.ssim).all() and np.isnan(table.reconstruction_mse).all() and np.isfinite(table.z).all()
    assert encoded.scored == 0 and np.isnan(encoded.ssim) and "SSIM" not in repr(table)


@pytest.mark.parametrize("batch_size", [1, 7, 70, 500])
def test_batch_size_changes_nothing(tmp_path, records, batch_size):
    encode("model", records.path, tmp_path / "a.npz", batch_size=64)
    encode("model", records.path, tmp_path / "b.npz", batch_size=batch_size)
    a, b = read_latents(tmp_path / "a.npz"), read_latents(tmp_path / "b.npz")
    assert a.id.tolist() == b.id.tolist()
    np.testing.assert_allclose(a.z, b.z, atol=1e-5)


def test_splits_are_taken_once_each_in_the_order_of_the_records(tmp_path, records):
    encode("model", records.path, tmp_path / "l.parquet", splits=["test", "train", "test"])
    table = read_latents(tmp_path / "l.parquet")
    assert len(table) == records.count("train", "test")
    assert table.split.tolist() == ["train"] * records.count("train") + ["test"] * records.count("test")


def test_eight_views_do_not_depend_on_how_the_galaxy_is_turned(tmp_path, records, model, images):
    encode("model", records.path, tmp_path / "one.parquet")
    encode("model", records.path, tmp_path / "eight.parquet", views=8)
    one, eight = read_latents(tmp_path / "one.parquet"), read_latents(tmp_path / "eight.parquet")
    assert eight.views == 8
    turned = [np.rot90(side, k, axes=(1, 2)) for side in (images["image"], images["image"][:, ::-1]) for k in range(4)]
    assert len({side.tobytes() for side in turned}) == 8
    z, log_var = (np.stack(parts) for parts in zip(*(map(np.asarray, model.encode(t)) for t in turned), strict=True))
    np.testing.assert_allclose(eight.z, z.mean(0), atol=1e-5)
    np.testing.assert_allclose(eight.log_var, np.log(np.exp(log_var).mean(0)), atol=1e-5)
    assert np.abs(eight.z - one.z).max() > 1e-3
    np.testing.assert_array_equal(eight.ssim, one.ssim)


@pytest.mark.parametrize(
    "changes, match",
    [
        ({"views": 4}, "`views` must be 1 or 8. Received: views=4"),
        ({"batch_size": 0}, "`batch_size` must be 1 or more"),
        ({"scores": "some"}, "`scores` must be `sample`, `all` or `none`. Received: scores='some'"),
        ({"splits": ["tset"]}, "`splits` must be of train, validation, test. Received: tset"),
        ({"splits": []}, "Received: none"),
    ],
)
def test_wrong_arguments_are_named(tmp_path, records, changes, match):
    with pytest.raises(GalkerasError, match=match):
        encode("model", records.path, tmp_path / "l.parquet", **changes)
    assert not list(tmp_path.iterdir())


def test_wrong_files_are_named(tmp_path, records):
    with pytest.raises(GalkerasError, match=r"extension must be one of"):
        encode("model", records.path, tmp_path / "l.pickle")
    with pytest.raises(GalkerasError, match="is not a finished record set"):
        encode("model", tmp_path, tmp_path / "l.parquet")


@pytest.mark.parametrize(
    "changes, match",
    [
        ({"image_size": 128, "network_size": 64}, "has image size 64, and the model takes 128"),
        ({"units": "picture"}, "has units nanomaggy, and the model takes picture"),
        ({"pixel_scale": 0.5}, "has pixel scale 0.262, and the model takes 0.5"),
        (
            {"surveys": ("bass-mzls", "sdss")},
            "has survey decals, and the model takes bass-mzls, sdss.*`any_survey=True`",
        ),
    ],
)
def test_records_that_do_not_fit_the_model_are_refused(tmp_path, records, model, monkeypatch, changes, match):
    other = VAE(dataclasses.replace(model.config, **changes))
    monkeypatch.setattr(encode_module, "load_model", lambda path: other)
    with pytest.raises(GalkerasError, match=match):
        encode("model", records.path, tmp_path / "l.parquet")
    assert not list(tmp_path.iterdir())


def test_another_survey_can_be_asked_for(tmp_path, records, model, monkeypatch):
    other = VAE(dataclasses.replace(model.config, surveys=("bass-mzls",)))
    monkeypatch.setattr(encode_module, "load_model", lambda path: other)
    encode("model", records.path, tmp_path / "l.parquet", any_survey=True)
    assert set(read_latents(tmp_path / "l.parquet").survey) == {"decals"}


def test_latents_say_whether_the_votes_were_of_other_records(records, model, monkeypatch):
    asked = VAE(dataclasses.replace(model.config, questions=(("ring", ("no", "yes")),)))
    for one, learned_from, elsewhere in (
        (asked, {records.digest, "1"}, False),
        (asked, {"1"}, True),
        (asked, (), False),
        (model, {"1"}, False),
    ):
        monkeypatch.setattr(encode_module, "load_model", lambda path, one=one: one)
        monkeypatch.setattr(one, "learned_from", frozenset(learned_from))
        assert encode("model", records.path).elsewhere == elsewhere


def test_latents_that_are_not_finite_end_the_run_with_nothing_written(tmp_path, records, model, monkeypatch):
    broken = VAE(model.config)
    broken.encoder.set_weights([np.full_like(weight, np.nan) for weight in broken.encoder.get_weights()])
    monkeypatch.setattr(encode_module, "load_model", lambda path: broken)
    with pytest.raises(GalkerasError, match="latents of galaxy g0.* are not finite"):
        encode("model", records.path, tmp_path / "l.parquet")
    assert not list(tmp_path.iterdir())


def test_damaged_shard_is_named_and_nothing_written(tmp_path, records):
    shutil.copytree(records.path, tmp_path / "copy")
    shard = max((tmp_path / "copy").glob("*.tfrecord"), key=lambda path: path.stat().st_size)
    data = bytearray(shard.read_bytes())
    data[len(data) // 2] ^= 0xFF
    shard.write_bytes(data)
    with pytest.raises(GalkerasError, match=shard.name):
        encode("model", tmp_path / "copy", tmp_path / "out" / "l.parquet")
    assert not list((tmp_path / "out").iterdir())


def test_parquet_metadata_are_there_for_other_tools(tmp_path, records, model):
    encode("model", records.path, tmp_path / "l.parquet")
    assert model.digest in pq.read_schema(tmp_path / "l.parquet").metadata[b"GALKERAS"].decode()


@pytest.fixture(scope="module")
def address():
    """A Dask cluster whose worker is a thread, so that TensorFlow starts once."""
    from distributed import LocalCluster

    options = {"protocol": "tcp", "dashboard_address": ":0", "silence_logs": 50}
    with LocalCluster(n_workers=1, threads_per_worker=1, processes=False, **options) as cluster:
        yield cluster.scheduler_address


def test_over_dask_the_table_is_the_same_file(tmp_path, records, model, monkeypatch, address):
    monkeypatch.setattr(encode_module, "_SAMPLE", 20)
    monkeypatch.setattr(parts_module, "load_model", lambda path: model)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "model").mkdir()
    parts_module._loaded.cache_clear()
    here = encode("model", records.path, "here.parquet", batch_size=16)
    # A run that fails at its last shard, and one that goes on: with the other shards out of the way.
    last, moved = (records.path / records.shards[-1].name), tmp_path / "moved"
    moved.mkdir()
    last.rename(moved / last.name)
    with pytest.raises(GalkerasError, match=f"{last.name} is missing"):
        encode("model", records.path, "there.parquet", batch_size=16, dask=address)
    assert not (tmp_path / "there.parquet").exists()
    (moved / last.name).rename(last)
    kept = {path.name.partition(".tfrecord.")[0] for path in (tmp_path / ".there.parquet.parts").glob("*.parquet")}
    assert len(kept) > 1
    read = []
    real = parts_module.ordered_dataset
    monkeypatch.setattr(
        parts_module, "ordered_dataset", lambda *given, **more: read.append(more["shards"][0]) or real(*given, **more)
    )
    there = encode("model", records.path, "there.parquet", batch_size=16, dask=address)
    assert kept.isdisjoint(shard.name.removesuffix(".tfrecord") for shard in read)
    assert (there.galaxies, there.scored) == (here.galaxies, here.scored) == (COUNT, 23)
    assert there.ssim == pytest.approx(here.ssim, rel=1e-12)
    assert (tmp_path / "there.parquet").read_bytes() == (tmp_path / "here.parquet").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["here.parquet", "model", "moved", "there.parquet"]


def test_over_dask_latents_are_of_the_model_that_was_asked_for(tmp_path, records, model, monkeypatch, address):
    changed = VAE(dataclasses.replace(model.config, latent_dim=5))
    monkeypatch.setattr(parts_module, "load_model", lambda path: changed)
    parts_module._loaded.cache_clear()
    (tmp_path / "model").mkdir()
    with pytest.raises(GalkerasError, match="is not the model that it was when this began"):
        encode(tmp_path / "model", records.path, tmp_path / "l.parquet", dask=address)
    with pytest.raises(GalkerasError, match="`dask` needs a `model` in a folder and `out`"):
        encode("model", records.path, dask=address)
