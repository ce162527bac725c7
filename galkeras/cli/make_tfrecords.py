"""`galkeras make-tfrecords`."""

__all__ = ["command"]

from pathlib import Path
from typing import Annotated

from typer import Argument, Option

from galkeras.cli.options import CUTOUTS, Dask, IdColumn
from galkeras.surveys.facts import SURVEYS


def command(
    catalog: Annotated[
        Path, Argument(help="CSV, ECSV, FITS or Parquet, one row a galaxy. Leave it out to take all cutouts.")
    ],
    out: Annotated[Path, Option(help="Folder of the record set.", metavar="tfrecords/NAME")],
    cutouts: Annotated[Path | None, CUTOUTS] = None,
    survey: Annotated[
        str | None,
        Option(help=f"{', '.join(SURVEYS)} or a name of your own. FITS headers tell it, pictures do not."),
    ] = None,
    bands: Annotated[
        str | None, Option(help="Bands to keep, as grz or vis,y,j,h. [default: the survey's]", metavar="BANDS")
    ] = None,
    crop: Annotated[int | None, Option(help="Keep the central N x N pixels.", metavar="N")] = None,
    image_size: Annotated[
        int | None, Option(help="Resample to N x N pixels (after any crop), conserving flux.", metavar="N")
    ] = None,
    pixel_scale: Annotated[
        float | None,
        Option(help="Resample each cutout from its own pixel scale to this one; with --image-size.", metavar="ARCSEC"),
    ] = None,
    width_arcsec: Annotated[
        float | None,
        Option(help="Take the central part of the sky of this width; with --image-size.", metavar="ARCSEC"),
    ] = None,
    like: Annotated[
        Path | None,
        Option(
            help="Size, units, bands, crop and pixel scale are those of this model or record set.",
            metavar="saved_models/NAME",
        ),
    ] = None,
    dtype: Annotated[
        str | None,
        Option(
            help="Storage: uint8 (default for pictures), float32 (default for FITS) or float16. 100,000 galaxies"
            " of 256 x 256 pixels take 20, 79 and 39 GB."
        ),
    ] = None,
    label_from: Annotated[
        str | None,
        Option(
            help="Without a catalog: `name` reads classes off the names of folders, or of files where all are in one.",
            metavar="name",
        ),
    ] = None,
    id_column: IdColumn = None,
    position: Annotated[
        bool, Option("--position/--no-position", help="Whether galaxies must have ra and dec, or a J-name that tells.")
    ] = True,
    shard_megabytes: Annotated[float, Option("--shard-size", help="Size of a shard in MB.", min=0.001)] = 128,
    workers: Annotated[int | None, Option(help="Processes. [default: one a core]", min=1)] = None,
    dask: Dask = None,
) -> None:
    """Write a catalog's cutouts as TFRecords.

    Without a catalog a galaxy is named as its file, and catalog.csv in the record set holds what the files say. With
    one, a galaxy's cutout is the column *file*, or ID.fits, ID.png, ID.jpg in the folder or below it. Cutouts that
    cannot be used are listed with the reason in rejected.csv. After an interruption the same command goes on.

        galkeras make-tfrecords catalog.csv cutouts/ --crop 212 --image-size 128 --out tfrecords/decals

        galkeras make-tfrecords pictures/ --survey sdss --label-from name --out tfrecords/pictures

        galkeras make-tfrecords new.csv cutouts/ --like saved_models/first --out tfrecords/new

        galkeras make-tfrecords desi.parquet cutouts/ --dask scheduler.json --out tfrecords/desi
    """
    from galkeras.records.make import make_tfrecords

    make_tfrecords(
        catalog,
        cutouts,
        out,
        survey=survey,
        bands=bands,
        crop=crop,
        image_size=image_size,
        pixel_scale=pixel_scale,
        width_arcsec=width_arcsec,
        like=like,
        dtype=dtype,
        label_from=label_from,
        id_column=id_column,
        position=position,
        shard_megabytes=shard_megabytes,
        workers=workers,
        dask=dask,
    )
