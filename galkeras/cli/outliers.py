"""``galkeras outliers``: the galaxies, and the flawed images, that are unlike all others."""

__all__ = ["command"]

from pathlib import Path
from typing import Annotated

import typer

from galkeras.cli.options import Latents, NewFolder, Overwrite
from galkeras.cli.terminal import echo
from galkeras.discovery.rules import PAPER_SIGMA

_PRINTED = 10


def command(
    latents: Latents,
    out: NewFolder,
    sigma: Annotated[
        float, typer.Option(help="The paper's rule: a latent beyond so many standard deviations of the sample.")
    ] = PAPER_SIGMA,
    records: Annotated[
        list[Path] | None,
        typer.Option(
            help="Record set that was encoded: its images are scored too, and shown. May be repeated, once a survey."
        ),
    ] = None,
    overwrite: Overwrite = False,
) -> None:
    """Rank galaxies by how unusual they are, and say which ones the paper's 8-sigma rule finds.

    Writes outliers.parquet, the most unusual first, and with --records outliers.png, the first 36. Latents see odd
    galaxies and bright stars; only images show satellite trails and chip edges.

    Example:

        galkeras outliers latents.parquet --records tfrecords/decals --out outliers/
    """
    from galkeras.discovery.outliers import MOSAIC, SHOWN, TABLE, outliers
    from galkeras.io.text import counted, printable

    done = outliers(latents, out, sigma=sigma, records=records or (), overwrite=overwrite)
    echo(f"{out / TABLE}: {counted(len(done), 'galaxy', 'galaxies')}, the most unusual first")
    share = 100 * done.beyond_sigma / len(done)
    echo(f"the paper's rule, a latent beyond {sigma:g} sigma, finds {done.beyond_sigma:,} ({share:.3g} %)")
    if done.largest_possible_sigma < sigma:
        echo(f"(of so few galaxies none can be beyond {done.largest_possible_sigma:.1f} sigma)")
    columns = done.columns
    width = max(len(printable(name)) for name in columns["id"][:_PRINTED].tolist())
    echo(f"rank  {'id':{width}}  score  because of          sigma")
    for row in range(min(_PRINTED, len(done))):
        name, score, because, largest = (columns[key][row] for key in ("id", "score", "because", "sigma"))
        echo(f"{row + 1:4}  {printable(name):{width}}  {score:5.1f}  {because:18}  {largest:5.1f}")
    if records:
        echo(f"{out / MOSAIC}: the first {min(SHOWN, len(done))}, row by row")
