import os
import struct
import zlib

import h5py
import numpy as np
import pytest
from astropy.io import fits
from PIL import Image
from sky import galaxy, write_fits, write_png

from galkeras.surveys.cutouts import Cutout, CutoutError, read_cutout, survey_of
from galkeras.surveys.pictures import to_rgb


def test_fits_is_read_as_it_was_written(tmp_path):
    cutout = read_cutout(write_fits(tmp_path / "a.fits", galaxy()))
    np.testing.assert_array_equal(cutout.image, galaxy())
    assert cutout.image.dtype == np.float32 and cutout.image.dtype.isnative
    assert (cutout.units, cutout.pixel_scale) == ("nanomaggy", 0.262)
    assert (cutout.survey, cutout.version) == ("DECaLS", "DR9-south")


def test_bands_follow_the_header(tmp_path):
    image = galaxy()
    i_band = np.full_like(image[..., :1], 9)
    griz = np.concatenate([image[..., :2], i_band, image[..., 2:]], -1)
    np.testing.assert_array_equal(read_cutout(write_fits(tmp_path / "a.fits", griz, "griz")).image, image)
    np.testing.assert_array_equal(read_cutout(write_fits(tmp_path / "b.fits", image[..., ::-1], "zrg")).image, image)


@pytest.mark.parametrize("bands, message", [("gri", "band z is missing"), ("gr", "3 planes for bands 'gr'")])
def test_wrong_bands(tmp_path, bands, message):
    with pytest.raises(CutoutError, match=f"wrong shape.*{message}"):
        read_cutout(write_fits(tmp_path / "a.fits", galaxy(), bands))


def write_bands(path, image, kinds=("image", "invvar"), bands="grz"):
    hdus = [fits.PrimaryHDU()]
    for band in bands:
        for kind in kinds:
            plane = image[..., "grz".index(band)] if kind == "image" else np.full(image.shape[:2], 777.0)
            hdu = fits.ImageHDU(plane.astype(">f4"))
            hdu.header.update({"BAND": band, "IMAGETYP": kind, "CD1_1": -1e-4, "CD2_2": 1e-4})
            hdus.append(hdu)
    fits.HDUList(hdus).writeto(path)
    return path


@pytest.mark.parametrize("kinds", [("image",), ("image", "invvar"), ("invvar", "image", "maskbits")])
@pytest.mark.parametrize("bands", ["grz", "zgr"])
def test_one_hdu_a_band_without_its_inverse_variance(tmp_path, kinds, bands):
    cutout = read_cutout(write_bands(tmp_path / "a.fits", galaxy(), kinds, bands))
    np.testing.assert_array_equal(cutout.image, galaxy())
    assert cutout.pixel_scale == pytest.approx(0.36)


def test_only_inverse_variances(tmp_path):
    with pytest.raises(CutoutError, match="no image of bands g, r, z"):
        read_cutout(write_bands(tmp_path / "a.fits", galaxy(), ("invvar",)))


def test_pixel_scale_of_a_rotated_and_of_an_old_wcs(tmp_path):
    step, angle = 0.262 / 3600, 0.7
    rotated = {
        "CD1_1": -step * np.cos(angle), "CD1_2": step * np.sin(angle),
        "CD2_1": step * np.sin(angle), "CD2_2": step * np.cos(angle),
    }  # fmt: skip
    assert read_cutout(write_fits(tmp_path / "a.fits", galaxy(), **rotated)).pixel_scale == pytest.approx(0.262)
    hdu = fits.PrimaryHDU(np.moveaxis(galaxy(), -1, 0))
    hdu.header.update({"CDELT1": -step, "CDELT2": step})
    hdu.writeto(tmp_path / "b.fits")
    assert read_cutout(tmp_path / "b.fits").pixel_scale == pytest.approx(0.262)
    fits.PrimaryHDU(np.moveaxis(galaxy(), -1, 0)).writeto(tmp_path / "c.fits")
    assert read_cutout(tmp_path / "c.fits").pixel_scale is None


def test_south_is_down_in_every_format(tmp_path):
    image = np.full((32, 32, 3), 0.01, np.float32)
    image[4:8, 10:14] = [1, 2, 4]  # In the south, and red.
    straight = read_cutout(write_fits(tmp_path / "a.fits", image)).image
    turned = read_cutout(write_fits(tmp_path / "b.fits", image[::-1], CD2_2=-0.262 / 3600)).image
    picture = read_cutout(write_png(tmp_path / "c.png", to_rgb(image, "nanomaggy"))).image
    for found in (straight, turned, picture):
        assert found[5, 11].astype(int).sum() > found[26, 11].astype(int).sum()
        assert found[5, 11, 2] >= found[5, 11, 0]


def test_pictures_come_back_as_they_were(tmp_path):
    rgb = np.random.default_rng(0).integers(1, 255, (20, 30, 3), np.uint8)
    cutout = read_cutout(write_png(tmp_path / "a.png", rgb))
    assert (cutout.units, cutout.image.dtype, cutout.image.shape) == ("picture", np.uint8, (20, 30, 3))
    np.testing.assert_array_equal(cutout.image[0, 0], rgb[-1, 0, ::-1])
    np.testing.assert_array_equal(to_rgb(cutout.image, "picture"), rgb)


def test_opaque_alpha_and_palettes_are_pictures_too(tmp_path):
    rgb = np.zeros((20, 20, 3), np.uint8)
    rgb[:10] = [200, 100, 50]
    rgb[10:] = [20, 30, 40]
    Image.fromarray(rgb).convert("RGBA").save(tmp_path / "alpha.png")
    Image.fromarray(rgb).quantize(2).save(tmp_path / "palette.png")
    for name in ("alpha", "palette"):
        np.testing.assert_allclose(to_rgb(read_cutout(tmp_path / f"{name}.png").image, "picture"), rgb, atol=2)


@pytest.mark.parametrize("mode, message", [("L", "mode L"), ("I;16", "mode I;16"), ("RGBA", "transparent")])
def test_pictures_without_three_planes(tmp_path, mode, message):
    pixels = np.full((20, 20, 4) if mode == "RGBA" else (20, 20), 90, np.uint16 if mode == "I;16" else np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    with pytest.raises(CutoutError, match=f"wrong shape: a picture .*{message}"):
        read_cutout(tmp_path / "a.png")


def test_zeros_and_nans(tmp_path):
    image = galaxy()
    image[:11] = 0  # 23 % of each band.
    with pytest.raises(CutoutError, match="mostly zero: 23 %"):
        read_cutout(write_fits(tmp_path / "a.fits", image))
    image = galaxy()
    image[..., 1] = 0  # One band was not observed.
    with pytest.raises(CutoutError, match="mostly zero: 100 %"):
        read_cutout(write_fits(tmp_path / "b.fits", image))
    image = galaxy()
    image[3, 3, 1] = np.inf
    with pytest.raises(CutoutError, match="not finite"):
        read_cutout(write_fits(tmp_path / "c.fits", image))
    with pytest.raises(CutoutError, match="mostly zero: 100 % of the pixels are black"):
        read_cutout(write_png(tmp_path / "d.png", np.zeros((20, 20, 3), np.uint8)))


def test_other_units_are_not_taken_for_nanomaggies(tmp_path):
    with pytest.raises(CutoutError, match="BUNIT is 'adu'"):
        read_cutout(write_fits(tmp_path / "a.fits", galaxy(), BUNIT="adu"))
    assert read_cutout(write_fits(tmp_path / "b.fits", galaxy(), BUNIT="nanomaggies")).units == "nanomaggy"


@pytest.mark.parametrize("keep", [0, 1, 100, 2879, 2880, 5000, 20_000])
@pytest.mark.parametrize("name", ["a.fits", "a.png", "a.jpg"])
def test_truncated_files(tmp_path, name, keep):
    path = tmp_path / name
    if name == "a.fits":
        write_fits(path, galaxy())
    else:
        Image.fromarray(np.random.default_rng(0).integers(0, 255, (100, 100, 3), np.uint8)).save(path, quality=100)
    data = path.read_bytes()
    assert keep < len(data)
    path.write_bytes(data[:keep])
    with pytest.raises(CutoutError, match="truncated|no image"):
        read_cutout(path)


def png_bomb(width: int, height: int) -> bytes:
    """A picture that claims a size and brings a few bytes."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(bytes(1000)))


@pytest.mark.parametrize("side", [4097, 20_000, 100_000])
def test_pixel_bombs_are_not_decoded(tmp_path, side):
    (tmp_path / "a.png").write_bytes(png_bomb(side, side))
    header = fits.PrimaryHDU(np.zeros((3, 2, 2), np.float32)).header
    header["NAXIS1"] = header["NAXIS2"] = side
    (tmp_path / "a.fits").write_bytes(header.tostring().encode())
    for name in ("a.png", "a.fits"):
        with pytest.raises(CutoutError, match="too large" if name == "a.png" else "too large|truncated"):
            read_cutout(tmp_path / name)


def test_things_that_are_no_files(tmp_path):
    (tmp_path / "folder.fits").mkdir()
    os.mkfifo(tmp_path / "pipe.png")
    os.symlink(tmp_path / "nothing", tmp_path / "link.png")
    for name in ("folder.fits", "pipe.png", "link.png", "absent.png"):
        with pytest.raises(CutoutError, match="not"):
            read_cutout(tmp_path / name)


def test_a_file_under_a_wrong_extension(tmp_path):
    write_fits(tmp_path / "a.fits", galaxy()).rename(tmp_path / "a.png")
    with pytest.raises(CutoutError, match="no image: neither PNG nor JPEG"):
        read_cutout(tmp_path / "a.png")


@pytest.mark.parametrize(
    "survey, version, name",
    [
        ("DECaLS", "DR9-south", "decals"),
        ("DECaLS", "DR9-north", "bass-mzls"),
        ("LegacySurvey", "DR9-north", "bass-mzls"),
        ("DECaLS", "DR3", "decals"),
        ("DECaLS", "DR5", "decals"),
        ("MzLS+BASS", "DR6", "bass-mzls"),
        ("LegacySurvey", "DR9", None),
        ("DECaLS", "DR9", None),
        (None, None, None),
    ],
)
def test_survey_of(survey, version, name):
    assert survey_of(Cutout(galaxy(), "nanomaggy", None, survey, version)) == name


def test_hdf5_rows(tmp_path):
    floats = np.stack([np.moveaxis(galaxy(16, seed), -1, 0) for seed in range(3)])
    pictures = np.random.default_rng(0).integers(1, 255, (3, 16, 16, 3), np.uint8)
    with h5py.File(tmp_path / "floats.h5", "w") as file:
        file["images"] = floats
    with h5py.File(tmp_path / "pictures.h5", "w") as file:
        file["images"] = pictures
    np.testing.assert_array_equal(read_cutout(tmp_path / "floats.h5", 1).image, galaxy(16, 1))
    picture = read_cutout(tmp_path / "pictures.h5", 2)
    np.testing.assert_array_equal(to_rgb(picture.image, picture.units), pictures[2])
    with pytest.raises(CutoutError, match="row 3 of 3"):
        read_cutout(tmp_path / "floats.h5", 3)


def test_real_fits(real_data):
    found = {path.stem: path for path in (real_data / "fits").glob("*.fits")}
    with pytest.raises(CutoutError, match="truncated"):
        read_cutout(found.pop("example_incomplete"))
    with pytest.raises(CutoutError, match="mostly zero"):
        read_cutout(found.pop("example_bad_pix"))
    for name, path in found.items():
        cutout = read_cutout(path)
        assert cutout.survey and cutout.version, name
        assert 0.09 < cutout.pixel_scale < 0.263, name
        assert cutout.image.shape[2] == 3 and cutout.image.max() > 0.05, name
    several = read_cutout(found["ls_dr9_south_multi_hdu_invvar"])
    with fits.open(found["ls_dr9_south_multi_hdu_invvar"]) as hdus:
        np.testing.assert_array_equal(several.image[..., 1], hdus[3].data)
    assert survey_of(several) == "decals"
