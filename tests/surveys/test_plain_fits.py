"""Plain FITS files, which are not opened by astropy, are read as astropy would."""

import io
import random

import numpy as np
import pytest
from astropy.io import fits
from sky import galaxy, write_fits

from galkeras.surveys.cutouts import CutoutError
from galkeras.surveys.cutouts import fits as reader
from galkeras.surveys.cutouts._plain_fits import plain_image

MUTATIONS = 400
# What readers of FITS know of, a card each.
CARDS = [
    "BSCALE  =                  2.0", "BZERO   =                32768", "BLANK   =                    3",
    "NAXIS   =                    2", "NAXIS   =                    4", "NAXIS3  =                    2",
    "NAXIS   =           1000000000", "NAXIS1  =                 48.0", "NAXIS1  =                   -8",
    "BITPIX  =                  -64", "BITPIX  =                    8", "BITPIX  =                    7",
    "SIMPLE  =                    F", "GROUPS  =                    T", "PCOUNT  =                    5",
    "GCOUNT  =                    2", "XTENSION= 'IMAGE   '", "EXTNAME = 'MASK    '", "TFIELDS =                 9999",
    "CONTINUE  'more'", "HIERARCH ESO NAXIS = 3", "DP1     = 'NAXIS: 2'", "END", "END     = 3", "end", "COMMENT = 'x'",
    "BANDS   = 'gri     '", "BANDS   =                    T", "FILTER  = 'r       '", "survey  = 'x       '",
    "SURVEY  =                   12", "SURVEY  = 'it''s a survey   '", "VERSION = 'a&'", "VERSION = 'a' 'b'",
    "IMAGETYP= 'maskbits'", "BUNIT   = 'adu     '", "CTYPE1  = 'RA---TAN'", "CRVAL1  =              (1, 2)",
    "CRPIX1  =                 'x'", "CD2_2   =              -0.0001", "CD1_1   =               1.0D-4", "BANDS   =",
    "  CD1_1 =               1.0E-4", "CD1_1=                  1.0E-4", "CD1_1   =               1.0E-4 trailing",
]  # fmt: skip


def file_of(**header) -> bytes:
    """Return a file with a few cards that say where it lies."""
    place = {"CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN", "CRVAL1": 10.5, "CRVAL2": -3.25, "CRPIX1": 24, "CRPIX2": 24}
    hdu = fits.PrimaryHDU(np.moveaxis(galaxy(), -1, 0).astype(">f4"))
    degrees = {"CD1_1": -7.3e-5, "CD1_2": 0.0, "CD2_1": 0.0, "CD2_2": 7.3e-5}
    hdu.header.update({"SURVEY": "DECaLS", "VERSION": "DR9-south", "BANDS": "grz"} | place | degrees | header)
    return written(hdu)


def written(*hdus) -> bytes:
    file = io.BytesIO()
    fits.HDUList(list(hdus)).writeto(file)
    return file.getvalue()


def read(data: bytes, bands=None):
    """Return all that the reader says of a file."""
    try:
        cutout = reader.read_fits(io.BytesIO(data), bands)
    except CutoutError as error:
        return str(error)
    image = cutout.image
    said = cutout.pixel_scale, cutout.survey, cutout.version, cutout.bands, cutout.wcs
    return repr(said), image.tobytes(), image.shape, image.dtype


@pytest.fixture
def by_astropy(monkeypatch):
    def read_by_astropy(data: bytes, bands=None):
        with monkeypatch.context() as patch:
            patch.setattr(reader, "plain_image", lambda file: None)
            return read(data, bands)

    return read_by_astropy


def is_plain(data: bytes) -> bool:
    return plain_image(io.BytesIO(data)) is not None


def test_a_cutout_of_the_service_is_plain_and_astropy_is_not_asked(tmp_path, monkeypatch):
    path = write_fits(tmp_path / "a.fits", galaxy(), COMMENT="as fitsio leaves them", HISTORY="cut out")
    monkeypatch.setattr(fits, "open", None)
    with open(path, "rb") as file:
        np.testing.assert_array_equal(reader.read_fits(file, None).image, galaxy())


@pytest.mark.parametrize("dtype", [">f4", ">f8", ">i2", ">i4", ">i8", "u1"])
def test_pixels_of_every_type(dtype, by_astropy):
    planes = (1000 * np.moveaxis(galaxy(), -1, 0)).clip(0, 200).astype(dtype)
    for data, bands in ((planes, None), (planes[:1], ("r",)), (planes[0], ("r",))):
        file = written(fits.PrimaryHDU(data))
        assert is_plain(file)
        assert read(file, bands) == by_astropy(file, bands)


def test_headers_that_differ_in_a_card_are_told_apart():
    one, other = file_of(CD1_1=-7.3e-5), file_of(CD1_1=-9.9e-5, BANDS="zrg", SURVEY="SDSS", CRVAL1=200.125)
    first, second, again = (reader.read_fits(io.BytesIO(data), None) for data in (one, other, one))
    assert (first.pixel_scale, first.survey, first.bands, first.wcs) == (
        again.pixel_scale, again.survey, again.bands, again.wcs,
    )  # fmt: skip
    assert first.pixel_scale == pytest.approx(0.2628) and second.pixel_scale == pytest.approx(0.30605, abs=1e-5)
    assert (first.survey, second.survey) == ("DECaLS", "SDSS")
    assert (first.wcs["CRVAL1"], second.wcs["CRVAL1"]) == (10.5, 200.125)


@pytest.mark.parametrize("card", CARDS)
def test_a_card_more_or_another(card, by_astropy):
    data, raw = file_of(), card.encode().ljust(80)
    for place in (0, 1, 2, 3, 5, 7, 12, 20, 30):
        replaced = data[: 80 * place] + raw + data[80 * (place + 1) :]
        inserted = data[: 80 * place] + raw + data[80 * place : 2800] + data[2880:]
        for changed in (replaced, inserted):
            assert read(changed) == by_astropy(changed)


@pytest.mark.parametrize(
    "change",
    [
        lambda data: data[:-1],
        lambda data: data[:-2880],
        lambda data: data[:5000],
        lambda data: data[:2880],
        lambda data: data[:100],
        lambda data: data + bytes(2880),
        lambda data: data + b"more",
        lambda data: data + written(fits.PrimaryHDU(), fits.ImageHDU(np.zeros((3, 4, 4))))[2880:],
        lambda data: data.replace(b"END" + b" " * 77, b" " * 80),
        lambda data: data[:2879] + b"x" + data[2880:],
    ],
)
def test_files_longer_and_shorter_than_they_say(change, by_astropy):
    data = change(file_of())
    assert not is_plain(data)
    assert read(data) == by_astropy(data)


def test_headers_with_flipped_characters(by_astropy):
    chance, data = random.Random(0), file_of()
    plain = 0
    for _ in range(MUTATIONS):
        changed = bytearray(data)
        for _ in range(chance.choice((1, 1, 2))):
            changed[chance.randrange(28 * 80)] = chance.choice(b"0123456789TFENDx'=/ -+.&\x00\xff")
        plain += is_plain(bytes(changed))
        assert read(bytes(changed)) == by_astropy(bytes(changed)), bytes(changed[:2880]).split(b"  ")
    assert plain > MUTATIONS / 10
