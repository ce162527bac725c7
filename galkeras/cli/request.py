"""`galkeras request`."""

__all__ = ["command"]

import json
from pathlib import Path
from typing import Annotated, Any

from typer import Argument, Option

from galkeras.cli.options import Crop, Overwrite
from galkeras.cli.terminal import echo
from galkeras.io.text import counted


def command(
    url: Annotated[str, Argument(help="http://HOST:8501/v1/models/NAME or grpc://HOST:8500/NAME.")],
    cutouts: Annotated[list[Path], Argument(help="FITS, PNG or JPEG files, or folders of them.")],
    out: Annotated[
        Path | None, Option(help="Latent table to write: .parquet, .fits, .ecsv or others [default: print JSON].")
    ] = None,
    crop: Crop = None,
    batch_size: Annotated[int, Option(help="Cutouts a request.")] = 32,
    patience: Annotated[float, Option(help="Seconds to try again where the server is down or busy.")] = 30.0,
    overwrite: Overwrite = False,
) -> None:
    """Send cutouts to a served model and write, or print, what it says of them.

    Latents and reconstruction errors; with forests also outlier scores and the morphology. Cutouts that cannot be
    used are listed with the reason.

    Examples:

        galkeras request http://localhost:8501/v1/models/first galaxy.fits

        galkeras request grpc://localhost:8500/first cutouts/ --out latents.parquet
    """
    from galkeras.serving.request import request

    done = request(url, cutouts, out, crop=crop, batch_size=batch_size, patience=patience, overwrite=overwrite)
    for path, reason in done.rejected[: 3 if out else None]:
        echo(f"{path} left out: {reason}", err=True)
    if done.rows is None:
        left_out = f", {len(done.rejected):,} left out, see {out}.rejected.csv" if done.rejected else ""
        echo(f"{out}: {counted(done.galaxies, 'galaxy', 'galaxies')}{left_out}")
        return
    for row in range(done.galaxies):
        echo(json.dumps({name: _plain(values[row].tolist()) for name, values in done.rows.items()}))


def _plain(value: Any) -> Any:
    """Return numbers with the seven digits that single precision has."""
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return float(f"{value:.7g}") if isinstance(value, float) else value
