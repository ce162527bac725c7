"""How cutouts become images: taken over from a model, refused where another model needs them otherwise, resampled."""

from dataclasses import replace

import numpy as np
import pytest
from sky import galaxy, write_csv, write_fits, write_png, write_survey

from galkeras.io.errors import GalkerasError
from galkeras.io.files import write_json
from galkeras.models.config import PAPER, ModelConfig
from galkeras.records.inspect import read_galaxies
from galkeras.records.make import make_tfrecords
from galkeras.records.single import prepare_for
from galkeras.records.wanted import images_of
from galkeras.surveys.cutouts import CutoutError, read_cutout
from galkeras.surveys.image import ImageSpec, Preparation

COUNT = 12


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """A survey's pictures of 128 pixels, whose files say nothing of their scale."""
    folder = tmp_path_factory.mktemp("pictures")
    rng = np.random.default_rng(0)
    for index in range(COUNT):
        write_png(folder / "cutouts" / f"p{index:02d}.png", rng.integers(1, 255, (128, 128, 3), np.uint8))
    return write_csv(folder / "catalog.csv", {"id": [f"p{i:02d}" for i in range(COUNT)]}), folder / "cutouts"


def make(pair, out, **options):
    return make_tfrecords(*pair, out, workers=1, position=False, **options)


def model_of(folder, records):
    """Write what `--like` reads of a model that was fitted on these records."""
    images = records.images
    config = ModelConfig(
        images.size,
        images.units,
        (records.survey,),
        (5.0,) * 3,
        latent_dim=2,
        bands=images.bands,
        pixel_scale=images.pixel_scale,
        preparation=images.preparation,
        **PAPER,
    )
    folder.mkdir()
    write_json(folder / "config.json", {"format": 1, "kind": "vae", "model": config.to_json(), "training": {}})
    return config


def test_a_crop_is_taken_over_and_its_want_is_refused(pictures, tmp_path):
    """The trap of the SDSS pictures: fitted on --crop 212, and asked about whole ones."""
    fitted = make(pictures, tmp_path / "fitted", survey="sdss", crop=96, image_size=64)
    assert fitted.images.bands == ("g", "r", "i")
    config = model_of(tmp_path / "model", fitted)
    whole = make(pictures, tmp_path / "whole", survey="sdss", image_size=64)
    with pytest.raises(
        GalkerasError, match="whole has a crop of 128, and the model takes 96: .*make_tfrecords.crop=96"
    ):
        config.images.check(whole.images, whole.path)
    like = make(pictures, tmp_path / "like", like=tmp_path / "model")
    config.images.check(like.images, like.path)
    assert like.images == fitted.images and like.survey == "sdss" and like.digest == fitted.digest
    assert make(pictures, tmp_path / "other", like=tmp_path / "fitted").digest == fitted.digest


def test_sides_that_differ_are_refused_where_a_crop_was_taken(pictures, tmp_path):
    fitted = make(pictures, tmp_path / "fitted", survey="sdss", crop=96, image_size=64)
    write_png(tmp_path / "mixed" / "p00.png", np.full((100, 100, 3), 90, np.uint8))
    write_png(tmp_path / "mixed" / "p01.png", np.full((120, 120, 3), 90, np.uint8))
    mixed = make((pictures[0], tmp_path / "mixed"), tmp_path / "m", survey="sdss", image_size=64)
    with pytest.raises(GalkerasError, match="a crop of differing sides, and the model takes 96"):
        fitted.images.check(mixed.images, mixed.path)


def test_like_a_model_of_differing_sides_one_must_say_the_part_of_the_sky(pictures, tmp_path):
    # What such a model was shown is cut to each galaxy, and no crop of other pictures is known to do the same.
    for side, name in ((100, "p00"), (120, "p01")):
        write_png(tmp_path / "mixed" / f"{name}.png", np.full((side, side, 3), 90, np.uint8))
    mixed = (pictures[0], tmp_path / "mixed")
    fitted = make(mixed, tmp_path / "fitted", survey="sdss", image_size=64)
    model_of(tmp_path / "model", fitted)
    with pytest.raises(GalkerasError, match="all of 128 pixels, and .*model was made of .* differing.*say `crop`"):
        make(pictures, tmp_path / "out", like=tmp_path / "model")
    cut = make(pictures, tmp_path / "cut", like=tmp_path / "model", crop=96)
    assert (cut.image_size, cut.preparation.crop) == (64, 96)
    assert cut.digest == make(pictures, tmp_path / "same", survey="sdss", crop=96, image_size=64).digest
    # Cutouts of differing sides, and those of the model's own, need nothing.
    assert make(mixed, tmp_path / "again", like=tmp_path / "model").digest == fitted.digest
    write_png(tmp_path / "ready" / "p00.png", np.full((64, 64, 3), 90, np.uint8))
    assert make((pictures[0], tmp_path / "ready"), tmp_path / "own", like=tmp_path / "model").written == 1


@pytest.mark.parametrize("options", [{"crop": 8}, {"image_size": 8}, {"bands": "grz"}, {"pixel_scale": 0.3}])
def test_like_leaves_nothing_to_say(pictures, tmp_path, options):
    model_of(tmp_path / "model", make(pictures, tmp_path / "fitted", survey="sdss"))
    with pytest.raises(GalkerasError, match="`like` takes .* leave it out"):
        make(pictures, tmp_path / "out", like=tmp_path / "model", **options)


def test_like_refuses_other_units_and_what_is_no_model(pictures, tmp_path):
    fitted = make(write_survey(tmp_path / "fits", COUNT, 64), tmp_path / "fitted")
    model_of(tmp_path / "model", fitted)
    with pytest.raises(GalkerasError, match="units picture, and .*model takes nanomaggy"):
        make(pictures, tmp_path / "out", like=tmp_path / "model")
    with pytest.raises(GalkerasError, match="neither a model folder nor a record set"):
        images_of(tmp_path)
    write_json(tmp_path / "config.json", {"model": {"image_size": 3}})
    with pytest.raises(GalkerasError, match=r"config\.json is not a model's"):
        images_of(tmp_path)


@pytest.fixture(scope="module")
def mixed(tmp_path_factory):
    """The same sky, 24 arcsec wide, in pixels of 0.5 and of 0.25 arcsec."""
    folder = tmp_path_factory.mktemp("mixed")
    rng = np.random.default_rng(1)
    sky = rng.random((96, 96, 3)).astype(np.float32)
    for index in range(COUNT):
        fine = index % 2
        image = sky if fine else sky.reshape(48, 2, 48, 2, 3).sum((1, 3))
        write_fits(folder / "cutouts" / f"m{index:02d}.fits", image, scale=0.25 if fine else 0.5)
    return write_csv(folder / "catalog.csv", {"id": [f"m{i:02d}" for i in range(COUNT)]}), folder / "cutouts"


def test_mixed_pixel_scales_are_told_with_numbers(mixed, pictures, tmp_path, caplog):
    # Sides of 96 pixels of 0.25 and of 48 of 0.5 come to one scale after all; a crop leaves two.
    assert make(mixed, tmp_path / "out", image_size=24).pixel_scale == 1.0
    make(pictures, tmp_path / "pictures", survey="sdss")
    assert "pixel scales run" not in caplog.text
    assert make(mixed, tmp_path / "cropped", crop=24).pixel_scale is None
    assert caplog.records[-1].levelname == "WARNING"
    assert "pixel scales run from 0.25 to 0.5 arcsec" in caplog.messages[-1]


@pytest.mark.parametrize(
    "options",
    [
        {"pixel_scale": 1.0, "image_size": 16},
        {"width_arcsec": 16.0, "image_size": 16},
        {"width_arcsec": 16.0, "pixel_scale": 1.0},
    ],
)
def test_each_cutout_is_resampled_from_its_own_scale(mixed, tmp_path, options):
    records = make(mixed, tmp_path / "out", **options)
    assert (records.pixel_scale, records.image_size) == (1.0, 16)
    assert records.preparation.resampling == "scale" and records.preparation.crop is None
    images = [galaxy.image for galaxy in read_galaxies(records)]
    assert len(images) == COUNT
    np.testing.assert_allclose(images, np.broadcast_to(images[0], (COUNT, 16, 16, 3)), rtol=1e-5)
    with pytest.raises(GalkerasError, match="pixel scale unknown or differing, and the model takes 1.0"):
        records.images.check(make(mixed, tmp_path / "whole", crop=16).images, "whole")
    assert make(mixed, tmp_path / "like", like=tmp_path / "out").digest == records.digest


def test_flux_is_that_of_the_part_of_the_sky(tmp_path):
    write_fits(tmp_path / "cutouts" / "a.fits", galaxy(48), scale=0.3)
    catalog = write_csv(tmp_path / "c.csv", {"id": ["a"]})
    records = make((catalog, tmp_path / "cutouts"), tmp_path / "out", width_arcsec=9.0, image_size=7)
    (one,) = read_galaxies(records)
    np.testing.assert_allclose(one.image.sum((0, 1)), galaxy(48)[9:39, 9:39].sum((0, 1)), rtol=1e-5)
    assert one.pixel_scale == pytest.approx(9 / 7)


def test_too_little_sky_and_no_scale_are_rejected_with_the_reason(mixed, pictures, tmp_path):
    with pytest.raises(GalkerasError, match="24 arcsec wide, less than the 40 asked for"):
        make(mixed, tmp_path / "out", width_arcsec=40.0, image_size=16)
    with pytest.raises(GalkerasError, match="no pixel scale: .* to 0.262 arcsec"):
        make(pictures, tmp_path / "out", survey="sdss", pixel_scale=0.262, image_size=16)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"pixel_scale": 0.3}, "`pixel_scale` needs `image_size`"),
        ({"width_arcsec": 3.0}, "`width_arcsec` needs `image_size`"),
        ({"pixel_scale": 0.3, "width_arcsec": 3.0, "image_size": 10}, "two of the three"),
        ({"pixel_scale": 0.3, "image_size": 10, "crop": 20}, "leave one out"),
        ({"pixel_scale": -1.0, "image_size": 10}, "must be positive arcsec"),
        ({"width_arcsec": float("nan"), "image_size": 10}, "must be positive arcsec"),
        ({"pixel_scale": 1e-300, "image_size": 10}, "must be positive arcsec, 1e-06 or more"),
        ({"width_arcsec": 1.0, "pixel_scale": 1e-320}, "must be positive arcsec"),
        ({"shard_megabytes": 0.0}, "`shard_megabytes` must be 0.001 or more"),
        ({"shard_megabytes": float("nan")}, "must be 0.001 or more"),
        ({"width_arcsec": 5000.0, "pixel_scale": 0.1}, "1 to 4096 pixels"),
    ],
)
def test_options_that_say_too_much_or_too_little(mixed, tmp_path, options, words):
    with pytest.raises(GalkerasError, match=words):
        make(mixed, tmp_path / "out", **options)


def test_one_cutout_is_prepared_as_the_models_images_were(pictures, mixed, tmp_path):
    """What `similar --image`, `request` and `measure` do, without being told."""
    fitted = make(pictures, tmp_path / "fitted", survey="sdss", crop=96, image_size=64)
    stored = {one.id: one.image for one in read_galaxies(fitted)}
    cutout = read_cutout(pictures[1] / "p03.png", bands=fitted.bands)
    one, survey = prepare_for(cutout, "p03", fitted.images, ("sdss", "decals"))
    assert survey == "sdss"
    np.testing.assert_array_equal(one.image, stored["p03"])
    with pytest.raises(CutoutError, match="less than the crop of 96"):
        prepare_for(replace(cutout, image=cutout.image[:80, :80]), "p03", fitted.images, ("sdss",))
    # Nothing is known of how the second survey's images were made.
    fits = read_cutout(mixed[1] / "m01.fits")
    images = ImageSpec(64, "nanomaggy", preparation=Preparation(80, "area"))
    with pytest.raises(CutoutError, match="say `crop`"):
        prepare_for(fits, "m01", images, ("bass-mzls", "decals"))

    scaled = make(mixed, tmp_path / "scaled", pixel_scale=1.0, image_size=16)
    stored = {one.id: one.image for one in read_galaxies(scaled)}
    for name in ("m00", "m01"):
        one, _ = prepare_for(read_cutout(mixed[1] / f"{name}.fits"), name, scaled.images, ("decals",))
        np.testing.assert_array_equal(one.image, stored[name])
    with pytest.raises(CutoutError, match=r"neither file nor catalog has one to resample from to 1 arcsec"):
        prepare_for(replace(fits, pixel_scale=float("nan")), "m01", scaled.images, ("decals",))


def test_a_cutout_of_another_scale_is_resampled_alike_in_company_and_alone(tmp_path):
    """What `make-tfrecords --like` stores is what `measure` encodes."""
    scales = {"a": 0.25, "b": 0.251, "c": 0.5, "d": 0.3}
    for seed, (name, scale) in enumerate(scales.items()):
        write_fits(tmp_path / "cutouts" / f"{name}.fits", galaxy(96, seed), scale=scale)
    catalogs = [write_csv(tmp_path / f"{len(ids)}.csv", {"id": list(ids)}) for ids in ("a", "abcd")]
    like = make((catalogs[0], tmp_path / "cutouts"), tmp_path / "like", crop=64, image_size=32)
    assert (like.pixel_scale, like.preparation) == (0.5, Preparation(64, "area"))
    made = make((catalogs[1], tmp_path / "cutouts"), tmp_path / "all", like=like.path)
    assert (made.pixel_scale, made.rejected) == (0.5, 0)
    stored = {one.id: one.image for one in read_galaxies(made)}
    # Of the same pixels, but for rounding, the crop is taken.
    np.testing.assert_allclose(stored["b"][0, 0], galaxy(96, 1)[16:18, 16:18].sum((0, 1)), rtol=1e-5)
    for name, image in stored.items():
        cutout = read_cutout(tmp_path / "cutouts" / f"{name}.fits")
        alone, _ = prepare_for(cutout, name, like.images, ("decals",))
        np.testing.assert_array_equal(alone.image, image)
