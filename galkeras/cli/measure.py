"""``galkeras measure``."""

__all__ = ["command"]

from collections import Counter
from pathlib import Path
from typing import Annotated

import typer

from galkeras.cli.options import CUTOUTS, BatchSize, Crop, IdColumn, NewLatents, Overwrite
from galkeras.cli.terminal import echo
from galkeras.io.text import counted


def command(
    cutouts: Annotated[Path, CUTOUTS],
    model: Annotated[Path, typer.Option(help="Model folder.", metavar="saved_models/NAME")],
    out: NewLatents,
    catalog: Annotated[
        Path | None, typer.Argument(help="One row a galaxy. Without it all cutouts are taken, named as their files.")
    ] = None,
    forests: Annotated[
        Path | None, typer.Option(help="Forests on this model's latents, forests/NAME: classes and outlier scores.")
    ] = None,
    survey: Annotated[
        str | None, typer.Option(help="For an adapted model: whose pictures these are. [default: the first's]")
    ] = None,
    crop: Crop = None,
    id_column: IdColumn = None,
    views: Annotated[
        int | None, typer.Option(help="8 averages over flips and quarter turns. [default: as the forests need, or 1]")
    ] = None,
    batch_size: BatchSize = 64,
    overwrite: Overwrite = False,
) -> None:
    """Write latents, classes and outlier scores of cutouts, with no record set on the way.

    Each cutout is prepared as the model's own images were, or listed with the reason in OUT.rejected.csv. The table is
    that of encode, and with --forests the columns of predict beside it.

    Examples:

        galkeras measure cutouts/ --model saved_models/first --out table.parquet

        galkeras measure cutouts/ new.csv --model saved_models/first --forests forests/first --out table.parquet
    """
    from galkeras.io.columns import check_new
    from galkeras.models.stored import StoredModel

    # Before TensorFlow, which takes seconds to load.
    check_new(out, overwrite, (cutouts, catalog))
    StoredModel.load(model)
    from galkeras.morphology.measure import measure

    done = measure(
        cutouts,
        catalog,
        model=model,
        out=out,
        forests=forests,
        survey=survey,
        crop=crop,
        id_column=id_column,
        views=views,
        batch_size=batch_size,
        overwrite=overwrite,
    )
    classes = f", {done.probabilities} probabilities each" if done.probabilities else ""
    galaxies = counted(done.galaxies, "galaxy", "galaxies")
    echo(f"{done.path}: {galaxies}{classes}, mean SSIM {done.ssim:.3f} (stretched, data range 1)")
    if done.rejected:
        reasons = Counter(one.reason.split(":")[0] for one in done.rejected).most_common(3)
        why = ", ".join(f"{count:,} {reason}" for reason, count in reasons)
        echo(f"{done.path}.rejected.csv: {len(done.rejected):,} rejected ({why})")
