"""What a simulated galaxy promises: its flux, the surveys' seeing and noise, its defects."""

from dataclasses import replace

import numpy as np
import pytest

from galkeras.simulation import SIMULATED
from galkeras.simulation.defects import DEFECTS, add_defect, draw_defect
from galkeras.simulation.fourier import Grid
from galkeras.simulation.galaxy import PAIR, Settings, simulate
from galkeras.simulation.sky import Sky
from galkeras.simulation.telescope import draw_exposure, expose, sky_noise
from galkeras.surveys.facts import BANDS, PIXEL_SCALE, SURVEYS, ZERO_POINT

BOTH = Settings(seed=5, surveys=PAIR, size=160, defects=0.0)
DRAWN = [survey for survey in SURVEYS.values() if set(survey.bands) <= set(SIMULATED)]
each_survey = pytest.mark.parametrize("survey", DRAWN, ids=lambda survey: survey.name)


@pytest.fixture(scope="module")
def galaxies():
    return [simulate(BOTH, index, noise_free=True) for index in range(12)]


@pytest.fixture
def star():
    """A sky with one star of 100 nanomaggies in its middle."""
    grid = Grid(240, PIXEL_SCALE)
    light = grid.points(np.zeros(1), np.zeros(1), np.array([100.0]))
    return Sky(grid, {band: light for band in SIMULATED}, {})


def moffat_width(image, beta):
    """Return the FWHM in pixels of the Moffat profile whose noise-equivalent area is that of ``image``."""
    sharpness = (image**2).sum() / image.sum() ** 2
    core = (beta - 1) / np.sqrt((2 * beta - 1) * np.pi * sharpness)
    return 2 * core * np.sqrt(2 ** (1 / beta) - 1)


def test_flux_is_the_catalog_magnitude(galaxies):
    ratios = []
    for galaxy in galaxies:
        truth = galaxy.truth
        if truth["radius"] > 4:
            continue
        others = truth["stars_flux"] + truth["neighbours_flux"] + truth["companion_flux"] + truth["tail_flux"]
        seen = galaxy.noise_free["decals"][1].sum() - others
        true = 10 ** (0.4 * (ZERO_POINT - truth["r_mag"] - truth["decals_r_zero_point"]))
        ratios.append((seen - true) / (true + others))
        assert galaxy.catalog["sersic_nmgy_r"] == pytest.approx(10 ** (0.4 * (ZERO_POINT - truth["r_mag"])))
    assert len(ratios) >= 4
    # Wings leave the frame, and neighbours' wings enter and leave it.
    assert np.abs(ratios).max() < 0.06


@each_survey
def test_a_star_keeps_its_flux_and_place(star, survey):
    exposures = draw_exposure(survey, 1, 1, 0.6)
    _, clean = expose(star, survey, exposures, 128, 1, 1, 1, noise_free=True)
    for image, exposure in zip(clean, exposures.values(), strict=True):
        assert image.sum() == pytest.approx(100 * 10 ** (-0.4 * exposure.zero_point), rel=0.01)
        y, x = np.mgrid[:128, :128] - 63.5
        assert (image * x).sum() / image.sum() * PIXEL_SCALE == pytest.approx(exposure.x, abs=0.05)
        assert (image * y).sum() / image.sum() * PIXEL_SCALE == pytest.approx(exposure.y, abs=0.05)
        assert np.hypot(exposure.x, exposure.y) < 0.3


@each_survey
def test_seeing_is_what_was_drawn(star, survey):
    exposures = draw_exposure(survey, 1, 2, 0.6)
    _, clean = expose(star, survey, exposures, 64, 1, 1, 2, noise_free=True)
    for image, (band, exposure) in zip(clean, exposures.items(), strict=True):
        # The camera's pixels widen the core a little.
        width = moffat_width(image, exposure.beta) * PIXEL_SCALE
        blurred = np.hypot(exposure.seeing, 0.68 * survey.bands[band].pixel_scale)
        assert width == pytest.approx(blurred, rel=0.04), band


@each_survey
def test_seeing_scatters_around_the_survey(survey):
    drawn = [draw_exposure(survey, 1, index, 0.6) for index in range(300)]
    for band, facts in survey.bands.items():
        seeing = np.array([exposures[band].seeing for exposures in drawn])
        assert np.median(seeing) == pytest.approx(facts.seeing, rel=0.03)
        assert np.log(seeing).std() == pytest.approx(facts.seeing_scatter, rel=0.15)


@each_survey
def test_noise_gives_the_depth(survey):
    grid = Grid(320, PIXEL_SCALE)
    empty = Sky(grid, {band: grid.zeros() for band in SIMULATED}, {})
    exposures = draw_exposure(survey, 1, 3, 0.6)
    noisy, clean = expose(empty, survey, exposures, 256, 1, 1, 3, noise_free=True)
    assert not clean.any()
    for image, (band, exposure) in zip(noisy, exposures.items(), strict=True):
        facts = survey.bands[band]
        # Over areas wider than the resampling kernel, its correlations do not matter.
        blocks = image.reshape(32, 8, 32, 8).sum((1, 3))
        expected = sky_noise(exposure.depth, facts.seeing, facts.pixel_scale) * 8 * PIXEL_SCALE / facts.pixel_scale
        assert blocks.std() == pytest.approx(expected, rel=0.12), band


def test_depth_is_that_of_a_matched_filter():
    # A source at the depth is a 5-sigma detection for the matched filter: the definition, on DECam's pixels.
    assert sky_noise(23.54, 1.18, PIXEL_SCALE) == pytest.approx(10 ** (0.4 * (22.5 - 23.54)) / 5 * 0.104, rel=0.1)


def test_bass_noise_is_correlated_and_mzls_noise_less_so():
    grid = Grid(320, PIXEL_SCALE)
    empty = Sky(grid, {band: grid.zeros() for band in BANDS}, {})
    survey = SURVEYS["bass-mzls"]
    noisy, _ = expose(empty, survey, draw_exposure(survey, 1, 4, 0.6), 256, 1, 1, 4)
    along = [np.corrcoef(image[:, 1:].ravel(), image[:, :-1].ravel())[0, 1] for image in noisy]
    assert min(along[:2]) > 0.4
    assert along[2] < 0.35


def test_noise_free_changes_nothing_else(galaxies):
    again = simulate(BOTH, 0)
    assert again.noise_free == {}
    for survey, image in galaxies[0].images.items():
        np.testing.assert_array_equal(image, again.images[survey])
    residual = galaxies[0].images["decals"] - galaxies[0].noise_free["decals"]
    assert 0.5 < np.median(np.abs(residual[1])) / sky_noise(23.54, 1.18, PIXEL_SCALE) < 1.0


def test_surveys_see_the_same_sky(galaxies):
    for galaxy in galaxies:
        south, north = (galaxy.noise_free[name][1].reshape(20, 8, 20, 8).sum((1, 3)) for name in PAIR)
        assert np.corrcoef(south.ravel(), north.ravel())[0, 1] > 0.98


def test_a_survey_with_u_changes_none_of_the_others(galaxies):
    both = replace(BOTH, surveys=(*PAIR, "sdss"))
    # An edge-on and a face-on disc, and a merger: all that is drawn.
    chosen = [next(g for g in galaxies if g.truth["kind"] == kind) for kind in ("smooth", "edge-on", "face-on")]
    chosen.append(next(g for g in galaxies if g.truth["merging"] not in ("", "none")))
    for one in chosen:
        again = simulate(both, one.truth["index"], noise_free=True)
        assert set(again.images) == {*PAIR, "sdss"}
        for name in PAIR:
            np.testing.assert_array_equal(again.images[name], one.images[name])
            np.testing.assert_array_equal(again.noise_free[name], one.noise_free[name])
        assert again.catalog == pytest.approx(one.catalog, nan_ok=True)


def test_smaller_frame_shows_the_same_galaxy():
    settings = Settings(seed=5, surveys=("decals",), size=64, defects=0.0)
    small = simulate(settings, 0, noise_free=True)
    large = simulate(BOTH, 0, noise_free=True)
    for name in ("r_mag", "radius", "kind", "decals_r_seeing"):
        assert small.truth[name] == large.truth[name]
    assert small.catalog == pytest.approx(large.catalog, nan_ok=True)


def test_binning_sums_pixels():
    fine = simulate(Settings(seed=5, surveys=("decals",), size=128, defects=0.0), 0, noise_free=True)
    coarse = simulate(
        Settings(seed=5, surveys=("decals",), size=64, pixel_scale=2 * PIXEL_SCALE, defects=0.0), 0, noise_free=True
    )
    summed = fine.noise_free["decals"].reshape(3, 64, 2, 64, 2).sum((2, 4))
    np.testing.assert_allclose(coarse.noise_free["decals"], summed, atol=2e-5 * summed.max())


@pytest.mark.parametrize("defect", DEFECTS)
def test_defects_show_in_one_survey_only(defect):
    index = next(i for i in range(100) if draw_defect(6, i, 1.0, 2)[0] == defect)
    settings = {"seed": 6, "surveys": PAIR, "size": 96}
    whole = simulate(Settings(**settings, defects=0.0), index)
    spoilt = simulate(Settings(**settings, defects=1.0), index)
    assert spoilt.truth["defect"] == defect
    assert whole.truth["defect"] == ""
    for name in PAIR:
        same = np.array_equal(whole.images[name], spoilt.images[name])
        assert same == (name != spoilt.truth["defect_survey"])


def test_missing_band_is_zero():
    image = np.ones((3, 32, 32), np.float32)
    add_defect(image, "missing-band", PIXEL_SCALE, 1, 1)
    assert sorted(plane.any() for plane in image) == [False, True, True]


def test_more_defects_keep_the_few():
    few = {i: draw_defect(2, i, 0.1, 2) for i in range(400)}
    many = {i: draw_defect(2, i, 0.3, 2) for i in range(400)}
    spoilt = [i for i, (kind, _) in few.items() if kind]
    assert 20 < len(spoilt) < 65
    assert all(many[i] == few[i] for i in spoilt)
