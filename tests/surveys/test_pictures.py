import numpy as np
from PIL import Image

from galkeras.surveys.pictures import NANOMAGGY, PICTURE, mosaic, save_mosaic, shown_planes, to_rgb


def test_a_binned_image_looks_as_bright_as_the_original():
    image = np.full((4, 4, 3), 0.05)
    binned = image.reshape(2, 2, 2, 2, 3).sum((1, 3))
    np.testing.assert_array_equal(to_rgb(binned, NANOMAGGY, 0.524), to_rgb(image, NANOMAGGY)[:2, :2])
    assert to_rgb(binned, NANOMAGGY).max() > to_rgb(image, NANOMAGGY).max()


def test_pictures_are_shown_north_up_with_their_own_planes():
    image = np.zeros((2, 2, 3))
    image[0, 0] = (10, 20, 30)  # g, r, z in the south-east corner
    assert to_rgb(image, PICTURE)[1, 0].tolist() == [30, 20, 10]


def test_colours_follow_the_bands_and_sky_is_dark():
    red = to_rgb(np.array([[[0.0, 0.0, 0.5]]]), NANOMAGGY)[0, 0]
    assert red[0] > red[1] and red[0] > red[2]
    assert to_rgb(np.zeros((1, 1, 3)), NANOMAGGY).max() < 60


def test_a_mosaic_keeps_every_picture_and_a_white_gap():
    pictures = np.arange(5, dtype=np.uint8)[:, None, None, None] * np.ones((1, 4, 6, 3), np.uint8)
    sheet = mosaic(pictures, columns=2)
    assert sheet.shape == (3 * 4 + 2 * 2, 2 * 6 + 2, 3)
    assert (sheet[6:10, 8:] == 3).all() and (sheet[4:6] == 255).all()


def test_other_band_sets_are_shown_too():
    image = np.random.default_rng(0).random((4, 4, 5)).astype(np.float32) / 10
    for units in (NANOMAGGY, PICTURE):
        grey = to_rgb(image[..., :1], units)
        assert grey.shape == (4, 4, 3) and (grey == grey[..., :1]).all()
        two = to_rgb(image[..., :2], units)
        np.testing.assert_array_equal(two, to_rgb(shown_planes(image[..., :2]), units))
        # Of more bands g, r and z where they are there, or else the first, the middle and the last.
        np.testing.assert_array_equal(to_rgb(image, units, None, "grizy"), to_rgb(image[..., [0, 1, 3]], units))
        np.testing.assert_array_equal(to_rgb(image, units), to_rgb(image[..., [0, 2, 4]], units))
        euclid = ("vis", "y", "j", "h")
        np.testing.assert_array_equal(to_rgb(image[..., :4], units, None, euclid), to_rgb(image[..., [0, 1, 3]], units))


def test_a_mosaic_carries_the_names(tmp_path):
    pictures = np.random.default_rng(0).integers(0, 255, (5, 20, 20, 3), np.uint8)
    names = [f"J0000{index}" for index in range(5)]
    save_mosaic(tmp_path / "m.png", pictures, columns=3, names=names)
    save_mosaic(tmp_path / "n.png", pictures, columns=3, names=names, legend=False)
    with Image.open(tmp_path / "m.png") as image:
        sheet = np.asarray(image)
        assert image.text["ids"].split("\n") == names
    plain = mosaic(pictures, 3)
    np.testing.assert_array_equal(sheet[: plain.shape[0], : plain.shape[1]], plain)
    # Below it something is written, for each.
    assert sheet.shape[0] >= plain.shape[0] + 5 * 12 and (sheet[plain.shape[0] :] < 100).any()
    with Image.open(tmp_path / "n.png") as image:
        np.testing.assert_array_equal(np.asarray(image), plain)
        assert image.text["ids"].split("\n") == names
