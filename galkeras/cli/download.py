"""`galkeras download`."""

__all__ = ["command"]

from pathlib import Path
from typing import Annotated

from typer import Argument, Option

from galkeras.cli.options import IdColumn
from galkeras.io.errors import GalkerasError
from galkeras.surveys.facts import PIXEL_SCALE


def command(
    catalog: Annotated[
        Path | None, Argument(help="CSV, ECSV, FITS or Parquet with ra and dec, one row a galaxy.")
    ] = None,
    layer: Annotated[
        list[str] | None, Option(help="Layer of the cutout service, as ls-dr9-south. Repeat it, each with its --out.")
    ] = None,
    out: Annotated[list[Path] | None, Option(help="Folder of the cutouts.", metavar="cutouts/NAME")] = None,
    size: Annotated[int, Option(help="Side of the cutouts in pixels, at most 3000.")] = 256,
    pixel_scale: Annotated[float, Option("--pixscale", "--pixel-scale", help="arcsec a pixel.")] = PIXEL_SCALE,
    bands: Annotated[str, Option(help="Bands, as grz.")] = "grz",
    id_column: IdColumn = None,
    service: Annotated[
        str | None, Option(metavar="URL", help="Another cutout service. [default: that of the Legacy Surveys]")
    ] = None,
    connections: Annotated[int, Option(help="Requests at a time.")] = 3,
    rate: Annotated[float, Option(help="Requests a second, at most.")] = 5.0,
    tries: Annotated[int, Option(help="How often to ask for the same.")] = 5,
    timeout: Annotated[float, Option(help="Seconds within which an answer must be whole.")] = 60.0,
    patience: Annotated[float, Option(help="Seconds that the service may ask to wait; for more, stop.")] = 600.0,
    redirects: Annotated[
        list[str] | None, Option("--redirect", metavar="HOST", help="Another host to which the service may redirect.")
    ] = None,
    dry_run: Annotated[bool, Option("--dry-run", help="Print count, size and time, and fetch nothing.")] = False,
    verify: Annotated[
        bool, Option("--verify", help="Compare digests of what is there, and ask again for those outside.")
    ] = False,
    file: Annotated[
        str | None, Option(metavar="NAME|URL", help="Fetch this one file into --out instead, checked by its digest.")
    ] = None,
    sha256: Annotated[str | None, Option(metavar="HEX", help="Digest that --file must have.")] = None,
    md5: Annotated[str | None, Option(metavar="HEX", help="The same, where nobody publishes a better one.")] = None,
) -> None:
    """Fetch a catalog's cutouts from the Legacy Surveys, as make-tfrecords reads them; or a published file.

    What became of every row stands in ledger.csv beside the cutouts. The same command again fetches what is missing.
    It ends with code 1 where galaxies failed.

    Examples:

        galkeras download catalog.csv --layer ls-dr9-south --out cutouts/decals --dry-run

        galkeras download catalog.csv --layer ls-dr9-south --out cutouts/south --layer ls-dr9-north --out cutouts/north

        galkeras download --file gz-decals-volunteers-5 --md5 HEX --out catalogs
    """
    common = {"tries": tries, "timeout": timeout, "patience": patience, "redirects": redirects or []}
    if file is not None:
        from galkeras.surveys.download.published import download_file

        if catalog or layer or len(out or []) > 1:
            raise GalkerasError("--file fetches one file: give it no catalog, no --layer and one --out")
        download_file(file, out[0] if out else ".", sha256=sha256, md5=md5, **common)
        return
    if catalog is None or not layer or not out:
        raise GalkerasError("give a catalog, --layer and --out; or --file. See galkeras download --help")
    if sha256 or md5:
        raise GalkerasError("--sha256 and --md5 are for --file")
    from galkeras.surveys.download.download import download
    from galkeras.surveys.download.service import SERVICE

    ledgers = download(
        catalog,
        layer,
        out,
        size=size,
        pixel_scale=pixel_scale,
        bands=bands,
        id_column=id_column,
        connections=connections,
        rate=rate,
        dry_run=dry_run,
        verify=verify,
        service=service or SERVICE,
        **common,
    )
    failed = sum(ledger.count("failed") for ledger in ledgers)
    if failed:
        raise GalkerasError(f"{failed:,} failed, the ledger says why: the same command tries them again")
