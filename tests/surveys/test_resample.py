import numpy as np
import pytest

from galkeras.surveys.resample import crop, rebin

SIZES = [(212, 128), (424, 64), (256, 64), (64, 128), (7, 3), (3, 7), (100, 99), (160, 128)]


@pytest.mark.parametrize("old, new", SIZES)
def test_flux_is_conserved(old, new):
    image = np.random.default_rng(0).normal(0, 1, (old, old, 3))
    np.testing.assert_allclose(rebin(image, new, "nanomaggy").sum((0, 1)), image.sum((0, 1)), rtol=1e-9)


@pytest.mark.parametrize("old, new", SIZES)
def test_pictures_keep_their_brightness(old, new):
    image = np.full((old, old, 3), [10, 130, 255], np.uint8)
    result = rebin(image, new, "picture")
    assert result.dtype == np.uint8 and (result == [10, 130, 255]).all()


@pytest.mark.parametrize("old, new", SIZES)
def test_centre_and_orientation_stay(old, new):
    y, x = np.mgrid[:old, :old]
    image = np.exp(-((x - 0.7 * old) ** 2 + (y - 0.4 * old) ** 2) / (0.2 * old) ** 2)[..., None].repeat(3, -1)
    result = rebin(image, new, "nanomaggy")[..., 0]
    rows, columns = np.mgrid[:new, :new]
    for axis, before in ((columns, x), (rows, y)):
        old_centre = ((before + 0.5) * image[..., 0]).sum() / image[..., 0].sum() / old
        new_centre = ((axis + 0.5) * result).sum() / result.sum() / new
        assert new_centre == pytest.approx(old_centre, abs=0.02)


def test_an_integer_ratio_is_block_summing():
    image = np.random.default_rng(0).random((12, 12, 3))
    np.testing.assert_allclose(rebin(image, 4, "nanomaggy"), image.reshape(4, 3, 4, 3, 3).sum((1, 3)))


def test_the_same_size_is_untouched():
    image = np.random.default_rng(0).random((12, 12, 3)).astype(np.float32)
    assert rebin(image, 12, "nanomaggy") is image


@pytest.mark.parametrize("size, side", [(10, 4), (11, 5), (10, 5), (10, 10)])
def test_crop_takes_the_centre(size, side):
    image = np.arange(size)[:, None, None] * np.ones((1, size, 3))
    result = crop(image, side)
    assert result.shape == (side, side, 3)
    assert abs(result[:, 0, 0].mean() - (size - 1) / 2) <= 0.5
