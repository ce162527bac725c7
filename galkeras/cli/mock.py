"""``galkeras mock``: simulate a pair of surveys."""

__all__ = ["command"]

from pathlib import Path
from typing import Annotated

import typer

from galkeras.cli.terminal import echo
from galkeras.io.text import counted
from galkeras.simulation import SIMULATED
from galkeras.surveys.facts import PIXEL_SCALE, SURVEYS

_KNOWN = [name for name, survey in SURVEYS.items() if set(survey.bands) <= set(SIMULATED)]


def command(
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for cutouts and tables.")],
    galaxies: Annotated[int, typer.Option(help="How many galaxies.")] = 2000,
    surveys: Annotated[
        str, typer.Option(help=f"Of {', '.join(_KNOWN)}, or of yours of bands {', '.join(SIMULATED)}; commas between.")
    ] = "decals,bass-mzls",
    seed: Annotated[int, typer.Option(help="The same seed gives the same galaxies, the first ones first.")] = 1,
    size: Annotated[int, typer.Option(help="Side of the cutouts in pixels.")] = 256,
    pixel_scale: Annotated[float, typer.Option(help="arcsec a pixel, a multiple of 0.262.")] = PIXEL_SCALE,
    defects: Annotated[float, typer.Option(help="Fraction of galaxies spoilt in one survey.")] = 0.02,
    noise_free: Annotated[bool, typer.Option("--noise-free", help="Also write the images without noise.")] = False,
    seeds: Annotated[
        tuple[str, Path] | None,
        typer.Option(metavar="cosmos DIR", help="Draw real galaxies of a galsim.RealGalaxyCatalog; no labels."),
    ] = None,
    seeing_scale: Annotated[float, typer.Option(help="Factor of the seeing of all surveys: another air.")] = 1.0,
    depth_offset: Annotated[float, typer.Option(help="Magnitudes by which all surveys are deeper.")] = 0.0,
    zero_point: Annotated[float, typer.Option(help="Magnitudes by which all fluxes are dimmed.")] = 0.0,
    workers: Annotated[int | None, typer.Option(help="Processes.  [default: all cores]")] = None,
) -> None:
    """Simulate galaxies of known morphology in two surveys.

    Writes the files that the real surveys give: FITS cutouts, and a Galaxy Zoo DECaLS catalog with the votes
    of simulated volunteers. `truth.parquet` keeps what was simulated. A rerun goes on where the last one stopped.

    Example:

        galkeras mock --galaxies 2000 --surveys decals,bass-mzls --seed 1 --out mock/

        galkeras mock --galaxies 500 --size 128 --pixel-scale 0.524 --out small/

        galkeras mock --surveys bass-mzls --seed 1 --seeing-scale 1.5 --depth-offset -0.5 --out worse/
    """
    from galkeras.io.errors import GalkerasError
    from galkeras.simulation.survey_pair import mock

    if seeds and seeds[0] != "cosmos":
        raise GalkerasError(f"--seeds knows only 'cosmos' and a folder. Received: {seeds[0]!r}")
    names = [name.strip() for name in surveys.split(",") if name.strip()]
    folder = mock(
        out,
        galaxies,
        names,
        seed,
        size=size,
        pixel_scale=pixel_scale,
        defects=defects,
        noise_free=noise_free,
        seeds=seeds[1] if seeds else None,
        workers=workers,
        seeing_scale=seeing_scale,
        depth_offset=depth_offset,
        zero_point=zero_point,
    )
    echo(f"{counted(galaxies, 'galaxy', 'galaxies')} in {', '.join(names)}: {folder}")
