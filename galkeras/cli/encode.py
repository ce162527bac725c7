"""``galkeras encode``."""

__all__ = ["command"]

from typing import Annotated

import typer

from galkeras.cli.options import BatchSize, Dask, ModelFolder, NewLatents, Overwrite, Records
from galkeras.cli.terminal import echo
from galkeras.io.text import counted


def command(
    model: ModelFolder,
    records: Records,
    out: NewLatents,
    split: Annotated[
        list[str] | None,
        typer.Option(help="Only this split (train, validation, test); may be repeated. Default all."),
    ] = None,
    views: Annotated[
        int, typer.Option(help="8 averages the latents over the eight flips and quarter turns of each image.")
    ] = 1,
    scores: Annotated[
        str,
        typer.Option(
            help="Score reconstructions of a sample, every n-th galaxy and 1,000 to 2,000 of them; of all, in twice the"
            " time, which outliers wants; or of none."
        ),
    ] = "sample",
    any_survey: Annotated[
        bool, typer.Option("--any-survey", help="Take images of a survey that the model was not trained on too.")
    ] = False,
    batch_size: BatchSize = 64,
    overwrite: Overwrite = False,
    dask: Dask = None,
) -> None:
    """Write the latents of every galaxy of a record set to a table.

    Columns: id, ra, dec, survey, split, z_00…, log_var_00…, reconstruction_mse, ssim; the last two are NaN for
    galaxies that were not scored. The model's digest is in the metadata, and forests refuse latents of another model.

    Examples:

        galkeras encode saved_models/first tfrecords/decals --out latents.parquet

        galkeras encode saved_models/first tfrecords/desi --dask scheduler.json --out desi.parquet
    """
    from galkeras.io.columns import check_new
    from galkeras.models.stored import StoredModel
    from galkeras.records.schema import RecordSet

    # Before TensorFlow, which takes seconds to load.
    check_new(out, overwrite)
    RecordSet.load(records)
    StoredModel.load(model)
    from galkeras.latents.encode import encode

    encoded = encode(
        model,
        records,
        out,
        batch_size=batch_size,
        splits=split or None,
        views=views,
        scores=scores,
        any_survey=any_survey,
        overwrite=overwrite,
        dask=dask,
    )
    galaxies = counted(encoded.galaxies, "galaxy", "galaxies")
    of = "" if encoded.scored == encoded.galaxies else f" of {encoded.scored:,}"
    said = f"mean SSIM{of} {encoded.ssim:.3f} (stretched, data range 1)" if encoded.scored else "not scored"
    echo(f"{encoded.path}: {galaxies}, {said}")
