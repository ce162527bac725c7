"""Simulate a sample of galaxies in one or more surveys, as the files that the surveys themselves would give."""

__all__ = ["mock"]

import inspect
import math
import re
from collections.abc import Callable, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from tqdm import tqdm

from galkeras.io.calls import Call, calls_with
from galkeras.io.errors import GalkerasError
from galkeras.io.files import atomic_path, atomic_write, read_json, write_json
from galkeras.io.folders import OutputFolder
from galkeras.io.processes import cores, in_parallel
from galkeras.simulation import SIMULATED
from galkeras.simulation.cosmos import check_seeds
from galkeras.simulation.galaxy import PAIR, Settings, Simulated, simulate
from galkeras.simulation.telescope import Conditions
from galkeras.simulation.truth import draw_truth
from galkeras.surveys.cutouts.fits_file import cutout_bytes, cutout_length
from galkeras.surveys.facts import PIXEL_SCALE, get_survey
from galkeras.surveys.origin import MOCK_FILE

_FORMAT = 2
"""Grows when the same settings give other pixels, so that no folder mixes two simulators' galaxies."""
_WRITTEN = rf"{re.escape(MOCK_FILE)}|(truth|catalog)\.parquet|(cutouts|noise-free)/.+\.fits"
_CHUNK = 8
_SIZES = (16, 1024)


def mock(
    out: str | Path,
    galaxies: int = 2000,
    surveys: Sequence[str] = PAIR,
    seed: int = 1,
    size: int = 256,
    pixel_scale: float = PIXEL_SCALE,
    defects: float = 0.02,
    noise_free: bool = False,
    seeds: str | Path | None = None,
    workers: int | None = None,
    seeing_scale: float = 1.0,
    depth_offset: float = 0.0,
    zero_point: float = 0.0,
) -> Path:
    """Simulate ``galaxies`` galaxies of known morphology in each of ``surveys``.

    Writes ``cutouts/SURVEY/ID.fits`` ((bands, size, size) float32 nanomaggies with the cutout service's header),
    ``catalog.parquet`` (the columns of ``gz_decals_volunteers_5``), ``truth.parquet`` (every simulated
    parameter) and ``mock.json`` (the settings). Galaxy ``i`` depends on ``seed`` and ``i`` alone, so a larger
    sample begins with the smaller one. A rerun keeps the cutouts that are whole and draws what is missing; the two
    tables come last. More surveys, more galaxies or ``noise_free`` may be added to a folder later.

    Args:
        out: The folder.
        galaxies: How many.
        surveys: Names in `galkeras.surveys.facts.SURVEYS`.
        seed: Not negative.
        size: Side of the cutouts in pixels. A smaller side crops: galaxies keep their scale.
        pixel_scale: arcsec, a whole multiple of 0.262.
        defects: Fraction of galaxies spoilt, in one survey, by a bright star, a satellite, a missing band or a
            chip edge.
        noise_free: Also write ``noise-free/SURVEY/ID.fits``, the same images without noise and defects.
        seeds: A folder with a `galsim.RealGalaxyCatalog`: draw its real galaxies, which have no labels.
        workers: Processes; all cores by default.
        seeing_scale: Factor of the seeing of all surveys: the same sky under better or worse air. The votes stay what
            they are without it, as with the next two.
        depth_offset: Magnitudes by which all surveys are deeper, or less deep where negative.
        zero_point: Magnitudes by which all fluxes are dimmed.

    Returns:
        The folder.

    Raises:
        GalkerasError: A bad argument, or ``out`` holds another sample's files or more galaxies.
    """
    call = _call(locals())
    out = Path(out)
    conditions = _conditions(seeing_scale, depth_offset, zero_point)
    settings = _settings(galaxies, surveys, seed, size, pixel_scale, defects, seeds, conditions)
    workers = _whole("workers", cores() if workers is None else workers, 1)
    folder = OutputFolder(out, "mock", ours="", sign=MOCK_FILE, within=_WRITTEN)
    folder.check()
    _check_sample(out, settings, galaxies)
    with folder.writing():
        _draw(out, settings, galaxies, noise_free, workers, call)
    return out


def _call(given: dict[str, Any]) -> Call:
    """Return the call of `mock`, all whose arguments have an option on the command line."""
    if given["seeds"] is not None:
        given["seeds"] = [["cosmos", given["seeds"]]]
    flags = {name: name.replace("_", "-") for name in inspect.signature(mock).parameters}
    return Call.of(mock, given, flags, commas=("surveys",))


def _draw(out: Path, settings: Settings, galaxies: int, noise_free: bool, workers: int, call: Call) -> None:
    """Write the settings, the cutouts that are missing, and the two tables."""
    # First, because a folder is known by it.
    write_json(out / MOCK_FILE, {**_recorded(settings), "calls": calls_with(out / MOCK_FILE, call)})
    for survey in settings.surveys:
        for folder in _folders(out, survey, noise_free):
            folder.mkdir(parents=True, exist_ok=True)
    chunks = [range(start, min(start + _CHUNK, galaxies)) for start in range(0, galaxies, _CHUNK)]
    work = partial(_simulate_chunk, out, settings, noise_free)
    with tqdm(total=galaxies, desc="mock", unit="galaxy", disable=None) as progress:
        catalog, truth = zip(*in_parallel(work, chunks, workers, progress.update), strict=True)
    for name, batches in (("truth", truth), ("catalog", catalog)):
        with atomic_path(out / f"{name}.parquet") as temporary:
            pq.write_table(pa.Table.from_batches(batches), temporary)


def _settings(
    galaxies: int,
    surveys: Sequence[str],
    seed: int,
    size: int,
    pixel_scale: float,
    defects: float,
    seeds: str | Path | None,
    conditions: Conditions,
) -> Settings:
    _whole("galaxies", galaxies, 1)
    _whole("seed", seed, 0)
    _whole("size", size, *_SIZES)
    names = tuple(get_survey(name).name for name in surveys)
    if not names or len(set(names)) < len(names):
        raise GalkerasError(f"`surveys` must name each survey once. Received: surveys={','.join(surveys)!r}")
    for name in names:
        if unknown := [band for band in get_survey(name).bands if band not in SIMULATED]:
            raise GalkerasError(
                f"{name} cannot be simulated: it has {', '.join(unknown)}, and the simulated sky has light in"
                f" {', '.join(SIMULATED)} alone"
            )
    binning = pixel_scale / PIXEL_SCALE
    if not math.isfinite(binning) or round(binning) < 1 or abs(binning - round(binning)) > 1e-6:
        raise GalkerasError(
            f"`pixel_scale` must be a whole multiple of {PIXEL_SCALE} arcsec. Received: pixel_scale={pixel_scale}"
        )
    _whole("size x binning", size * round(binning), *_SIZES)
    if not 0 <= defects <= 1:
        raise GalkerasError(f"`defects` must be a fraction, 0 to 1. Received: defects={defects}")
    if seeds is not None:
        seeds = str(Path(seeds).resolve())
        check_seeds(seeds)
    return Settings(seed, names, size, round(round(binning) * PIXEL_SCALE, 6), float(defects), seeds, conditions)


def _conditions(seeing_scale: float, depth_offset: float, zero_point: float) -> Conditions:
    if not 0.1 <= seeing_scale <= 10:
        raise GalkerasError(f"`seeing_scale` must be from 0.1 to 10. Received: seeing_scale={seeing_scale}")
    for name, value in (("depth_offset", depth_offset), ("zero_point", zero_point)):
        if not -10 <= value <= 10:
            raise GalkerasError(f"`{name}` must be magnitudes from -10 to 10. Received: {name}={value}")
    return Conditions(float(seeing_scale), float(depth_offset), float(zero_point))


def _recorded(settings: Settings) -> dict[str, Any]:
    """Return what ``mock.json`` holds: of the conditions only those that are not the surveys' own."""
    values = asdict(settings)
    usual = asdict(Conditions())
    other = {name: value for name, value in values.pop("conditions").items() if value != usual[name]}
    return {"format": _FORMAT, **values, **other}


def _whole(name: str, value: int, low: int, high: int | None = None) -> int:
    if not isinstance(value, int) or value < low or (high and value > high):
        allowed = f"from {low} to {high}" if high else f"{low} or more"
        raise GalkerasError(f"`{name}` must be a whole number, {allowed}. Received: {name}={value!r}")
    return value


def _check_sample(out: Path, settings: Settings, galaxies: int) -> None:
    """Refuse a folder of another sample, and one that would lose galaxies."""
    record = out / MOCK_FILE
    if not record.exists():
        return
    held = read_json(record)
    usual = asdict(Conditions())
    wanted = usual | _recorded(settings)
    for key, value in wanted.items():
        found = held.get(key, usual.get(key)) if isinstance(held, dict) else None
        if key != "surveys" and found != value:
            raise GalkerasError(f"{out} holds a mock sample with {key}={found!r}, not {value!r}: choose another `out`")
    catalog = out / "catalog.parquet"
    # A smaller catalog would leave the cutouts of the others behind without a row.
    if catalog.exists() and (more := pq.read_metadata(catalog).num_rows) > galaxies:
        raise GalkerasError(f"{out} holds {more:,} galaxies, more than {galaxies:,}: choose another `out`")


def _folders(out: Path, survey: str, noise_free: bool) -> list[Path]:
    return [out / "cutouts" / survey] + ([out / "noise-free" / survey] if noise_free else [])


def _simulate_chunk(
    out: Path, settings: Settings, noise_free: bool, indices: range, tick: Callable[[int], object]
) -> tuple[pa.RecordBatch, pa.RecordBatch]:
    """Write the cutouts of some galaxies and return their rows of the catalog and of the truth."""
    made = []
    for index in indices:
        made.append(_simulate_one(out, settings, noise_free, index))
        tick(1)
    return (
        pa.RecordBatch.from_pylist([galaxy.catalog for galaxy in made]),
        pa.RecordBatch.from_pylist([galaxy.truth for galaxy in made]),
    )


def _simulate_one(out: Path, settings: Settings, noise_free: bool, index: int) -> Simulated:
    name = draw_truth(settings.seed, index)["iauname"]
    files = {
        survey: [folder / f"{name}.fits" for folder in _folders(out, survey, noise_free)] for survey in settings.surveys
    }
    missing = {
        file
        for survey, pair in files.items()
        for file in pair
        if not _is_whole(file, settings.size, len(get_survey(survey).bands))
    }
    galaxy = simulate(settings, index, bool(missing), noise_free)
    ra, dec = galaxy.catalog["ra"], galaxy.catalog["dec"]
    for survey, pair in files.items():
        for file, images in zip(pair, (galaxy.images, galaxy.noise_free), strict=False):
            if file in missing:
                data = cutout_bytes(images[survey], get_survey(survey), ra, dec, settings.pixel_scale)
                atomic_write(file, data)
    return galaxy


def _is_whole(file: Path, size: int, bands: int) -> bool:
    """Tell a whole cutout by its length: files appear under their names only when they are complete."""
    try:
        return file.stat().st_size == cutout_length(size, bands)
    except FileNotFoundError:
        return False
