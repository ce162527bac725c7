"""Real galaxies as seeds."""

import math

import numpy as np
import pyarrow.parquet as pq
import pytest
from astropy.io import fits

from galkeras.api import mock
from galkeras.io.errors import GalkerasError


def test_draws_real_galaxies_without_labels(real_data, tmp_path):
    seeds = real_data / "cosmos_real_galaxies"
    folder = mock(tmp_path / "m", galaxies=4, surveys=["decals", "sdss"], size=96, seeds=seeds, defects=0.0, workers=1)
    rows = pq.read_table(folder / "catalog.parquet").to_pylist()
    truth = pq.read_table(folder / "truth.parquet").to_pylist()
    for row, record in zip(rows, truth, strict=True):
        assert row["smooth-or-featured_total-votes"] == 0
        assert math.isnan(row["smooth-or-featured_smooth_fraction"])
        assert record["kind"] == "seed"
        assert record["arms"] == record["bar"] == ""
        image = fits.getdata(folder / "cutouts" / "decals" / f"{row['iauname']}.fits")[1]
        assert np.isfinite(image).all()
        middle = image[36:60, 36:60].sum()
        assert middle > 0.5 * row["sersic_nmgy_r"]


def test_refuses_a_folder_without_a_catalog(tmp_path):
    (tmp_path / "seeds").mkdir()
    (tmp_path / "seeds" / "broken.fits").write_bytes(b"no FITS")
    with pytest.raises(GalkerasError, match="holds no real_galaxy_catalog"):
        mock(tmp_path / "m", galaxies=1, seeds=tmp_path / "seeds")
