"""Galaxies that never were: latents drawn, of a class asked for, and decoded."""

__all__ = ["SAMPLINGS", "Generated", "draw_accepted", "generate"]

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image
from tqdm import tqdm

from galkeras.io.errors import GalkerasError, did_you_mean
from galkeras.io.files import naming, write_json
from galkeras.io.folders import OutputFolder, atomic_folder
from galkeras.latents.mixture import AggregatePosterior, fit_aggregate_posterior
from galkeras.latents.neighbourhoods import Neighbourhoods, galaxy_neighbourhoods
from galkeras.latents.table import LatentTable, pose_columns, read_latents
from galkeras.models.folder import load_model
from galkeras.models.vae import VAE
from galkeras.morphology.forests import Forests
from galkeras.surveys.cutouts.fits_file import cutout_bytes
from galkeras.surveys.facts import SURVEYS, Survey
from galkeras.surveys.pictures import PICTURE, save_mosaic, to_rgb

SAMPLINGS = ("neighbours", "posterior", "prior")
"""Where latents are drawn from: between galaxies that are alike, the aggregate posterior of a sample, or N(0, 1)."""

_OURS = r"mosaic\.png|cutouts|latents\.parquet|generate\.json"
_BATCH = 64
_SHOWN = 100
_MOST = 100_000
# Rejection draws so many latents at a time, and gives up when less than one in so many is accepted.
_PROPOSED, _MOST_TRIES = 1024, 2000
# Accepted galaxies that would settle that.
_PATIENCE = 10
# Log variance of a latent that is known: the narrowest that a posterior can be.
_KNOWN = -20.0


@dataclass(frozen=True, eq=False)
class Generated:
    """What `generate` wrote.

    Attributes:
        path: The folder.
        latents: The samples, one row each.
        tried: Latents drawn to get them; more than there are samples where a class was asked for.
        origin: What they were drawn from, None for the prior.
    """

    path: Path
    latents: LatentTable
    tried: int
    origin: Neighbourhoods | AggregatePosterior | None

    @property
    def acceptance(self) -> float:
        """Share of the latents drawn that were accepted."""
        return len(self.latents) / self.tried


def generate(
    model: str | Path,
    out: str | Path,
    *,
    count: int = 36,
    latents: str | Path | LatentTable | None = None,
    sampling: str = "neighbours",
    classes: Mapping[str, str] | None = None,
    forests: str | Path | Forests | None = None,
    survey: str | None = None,
    seed: int = 0,
    overwrite: bool = False,
) -> Generated:
    """Draw latents, decode them and write the images as the survey would give them.

    A class is got by rejection: a latent is kept with the probability that the forest gives to the class (with
    several questions, with the product). What comes out follows the sampled distribution times that probability. Of an
    answer that no forest has for a class, ``smooth-or-featured=smooth`` say, the share of volunteers who are expected
    to give it takes its place, where the forests come with expected votes.

    Args:
        model: A model folder, ``saved_models/NAME``.
        out: The folder to write, new or empty: ``mosaic.png`` (of the first 100), ``cutouts/ID.fits`` ((3, side,
            side) float32 nanomaggies, noise-free, ORIGIN = galkeras; PNG for a model of pictures),
            ``latents.parquet``, a latent table whose log variances are the least there can be, and
            ``generate.json``.
        count: How many.
        latents: The latent table, of this model, whose galaxies are drawn between; not needed by the prior.
        sampling: ``neighbours`` draws between a galaxy and those most like it (`galaxy_neighbourhoods`),
            ``posterior`` from a mixture fitted to the galaxies' posteriors (`fit_aggregate_posterior`), ``prior`` from
            N(0, 1). See ``docs/generate.md`` for what each is fit for.
        classes: Question to class or answer, as in ``{"bar": "strong"}``. Forests answer for any latent, so ask for
            what leads to a question too: ``{"disk-edge-on": "no", "bar": "strong"}``.
        forests: The forests that know these classes, fitted on latents of this model.
        survey: Whose decoder, for a model of several surveys; by default the first.
        seed: Any whole number. The same seed gives the same galaxies.
        overwrite: Replace what is there.

    Returns:
        The samples, and how many draws they took.

    Raises:
        GalkerasError: A bad argument, latents or forests of another model, an unknown class, or one that is
            accepted less than once in 2,000 draws.
    """
    if not 1 <= count <= _MOST:
        raise GalkerasError(f"`count` must lie between 1 and {_MOST:,}. Received: count={count}")
    if sampling not in SAMPLINGS:
        raise GalkerasError(
            f"`sampling` must be one of {', '.join(SAMPLINGS)}.{did_you_mean(sampling, SAMPLINGS)}"
            f" Received: {sampling!r}"
        )
    if sampling != "prior" and latents is None:
        raise GalkerasError(
            "galaxies to draw by are in a latent table: name one with `latents`, or draw `sampling=prior`"
        )
    classes = dict(classes or {})
    if bool(classes) != (forests is not None):
        raise GalkerasError("a class is asked for with `classes` and `forests`, both or neither")
    out = Path(out)
    OutputFolder(out, "generate", ours=_OURS if overwrite else "").check()
    known = forests if forests is None or isinstance(forests, Forests) else Forests.load(forests)
    if known is not None:
        _chances(known, classes)
    given = None if latents is None else read_latents(latents)
    vae = load_model(model)
    survey = _checked(vae, Path(model), given, known, survey)

    start = _start(seed)
    origin = _origin(sampling, given, start)
    rng = np.random.default_rng(start)
    draw = _prior(vae.config.latent_dim) if origin is None else origin.sample
    z, tried = (draw(count, rng), count) if known is None else draw_accepted(draw, known, classes, count, rng)
    views = next((source.views for source in (given, known) if source is not None), 1)
    pose = vae.architecture.random_pose(count, rng)
    table = _table(z, survey, vae.digest, views, pose)
    with atomic_folder(out, "generate", overwrite) as folder:
        _write_images(folder, vae, table, survey, pose)
        table.save(folder / "latents.parquet")
        write_json(
            folder / "generate.json",
            {
                "model": vae.digest,
                "sampling": sampling,
                "origin": None if origin is None else origin.to_json(),
                "classes": classes,
                "count": count,
                "tried": tried,
                "survey": survey,
                "seed": seed,
            },
        )
    return Generated(out, table, tried, origin)


def draw_accepted(
    draw: Callable[[int, np.random.Generator], np.ndarray],
    forests: Forests,
    classes: Mapping[str, str],
    count: int,
    rng: np.random.Generator,
) -> tuple[np.ndarray, int]:
    """Draw latents until ``count`` are accepted, each with the probability that the forests give to the classes.

    Args:
        draw: Gives (n, latent_dim) latents for n and a random generator.
        forests: Forests that know the questions, or expect votes of them.
        classes: Question to class or answer.
        count: How many are wanted.
        rng: Where chance comes from.

    Returns:
        (count, latent_dim) latents, and how many were drawn to get them.

    Raises:
        GalkerasError: An unknown class, or one that is accepted less than once in 2,000 draws.
    """
    chances = _chances(forests, classes)
    kept: list[np.ndarray] = []
    found = tried = 0
    with tqdm(total=count, desc="draw", unit="galaxy", disable=None) as bar:
        while found < count:
            if tried >= _MOST_TRIES * (found + _PATIENCE):
                asked = ", ".join(f"{question}={answer}" for question, answer in classes.items())
                raise GalkerasError(
                    f"{asked}: of {tried:,} latents drawn {found} were accepted, and {count} are wanted. The forests"
                    " hardly give this to any galaxy drawn: ask for fewer or other classes, or give other latents"
                )
            z = draw(_PROPOSED, rng)
            probability = np.ones(len(z))
            for chance in chances:
                probability *= chance(z)
            rows = np.flatnonzero(rng.random(len(z)) < probability)[: count - found]
            # Draws after the last that was needed do not count.
            tried += int(rows[-1]) + 1 if found + len(rows) == count else len(z)
            kept.append(z[rows])
            found += len(rows)
            bar.update(len(rows))
    return np.concatenate(kept), tried


def _chances(forests: Forests, classes: Mapping[str, str]) -> list[Callable[[np.ndarray], np.ndarray]]:
    """Return for each question what gives the (rows,) probabilities of the asked class, or shares of the answer."""
    known, voted = forests.by_question, {} if forests.votes is None else forests.votes.questions
    chances: list[Callable[[np.ndarray], np.ndarray]] = []
    for question, answer in classes.items():
        if question not in {*known, *voted}:
            there = list(dict.fromkeys([*known, *voted]))
            near = did_you_mean(question, there)
            raise GalkerasError(f"the forests know no question {question!r}.{near} They know: {', '.join(there)}")
        names = known[question].classes if question in known else ()
        answers = voted[question].answers if question in voted else ()
        if answer in names:
            chances.append(partial(_column, known[question].probabilities, names.index(answer)))
        elif answer in answers:
            chances.append(partial(_column, voted[question].shares, answers.index(answer)))
        else:
            there = list(dict.fromkeys([*names, *answers]))
            near = did_you_mean(answer, there)
            raise GalkerasError(f"{question!r} has no class {answer!r}.{near} It has: {', '.join(there)}")
    return chances


def _column(table: Callable[[np.ndarray], np.ndarray], column: int, z: np.ndarray) -> np.ndarray:
    return table(z)[:, column]


def _checked(vae: VAE, path: Path, latents: LatentTable | None, forests: Forests | None, survey: str | None) -> str:
    """Return the survey to decode for, once latents and forests turn out to be of this model."""
    for what, digest in (("latents", latents and latents.model), ("forests", forests and forests.model)):
        if digest is not None and digest != vae.digest:
            raise GalkerasError(
                f"the {what} are of model {digest[:12]}, and {path} is model {vae.digest[:12]}:"
                f" {'encode with it' if what == 'latents' else 'classify its latents'} first"
            )
    if latents is not None and forests is not None:
        forests.check(latents)
    surveys = vae.config.surveys
    if survey is not None and survey not in surveys:
        raise GalkerasError(
            f"{path} knows no survey {survey!r}.{did_you_mean(survey, surveys)} It knows: {', '.join(surveys)}"
        )
    return survey or surveys[0]


def _start(seed: int) -> int:
    """Return a seed that generators take: any other whole number is mixed into one, itself otherwise."""
    if 0 <= seed < 2**32:
        return seed
    return int(np.random.SeedSequence([abs(seed), int(seed < 0)]).generate_state(1)[0])


def _origin(sampling: str, latents: LatentTable | None, seed: int) -> Neighbourhoods | AggregatePosterior | None:
    if sampling == "prior" or latents is None:
        return None
    return galaxy_neighbourhoods(latents) if sampling == "neighbours" else fit_aggregate_posterior(latents, seed=seed)


def _prior(latent_dim: int) -> Callable[[int, np.random.Generator], np.ndarray]:
    return lambda count, rng: rng.standard_normal((count, latent_dim), np.float32)


def _table(z: np.ndarray, survey: str, digest: str, views: int, pose: np.ndarray | None) -> LatentTable:
    unknown = np.full(len(z), np.nan, np.float32)
    return LatentTable(
        id=np.array([f"sample-{index:05d}" for index in range(len(z))]),
        ra=unknown.astype(np.float64),
        dec=unknown.astype(np.float64),
        survey=np.full(len(z), survey),
        split=np.full(len(z), "generated"),
        z=z,
        log_var=np.full_like(z, _KNOWN),
        reconstruction_mse=unknown,
        ssim=unknown,
        model=digest,
        views=views,
        pose=None if pose is None else pose_columns(pose),
    )


def _write_images(folder: Path, vae: VAE, table: LatentTable, survey: str, pose: np.ndarray | None) -> None:
    config = vae.config
    # The decoder works at the network's side, whose pixels may be larger than the images'.
    scale = config.network_pixel_scale
    (folder / "cutouts").mkdir()
    shown: list[np.ndarray] = []
    with tqdm(total=len(table), desc="decode", unit="image", disable=None) as bar:
        for start in range(0, len(table), _BATCH):
            rows = table[start : start + _BATCH]
            images = vae.decode(rows.z, survey, None if pose is None else pose[start : start + _BATCH]).numpy()
            pictures = to_rgb(images, config.units, scale, config.bands)
            if start < _SHOWN:
                shown.append(pictures)
            for name, image, picture in zip(rows.id.tolist(), images, pictures, strict=True):
                path = folder / "cutouts" / f"{name}{'.png' if config.units == PICTURE else '.fits'}"
                with naming(path):
                    if config.units == PICTURE:
                        Image.fromarray(picture[..., 0] if len(config.bands) == 1 else picture).save(path)
                    else:
                        path.write_bytes(_fits(image, survey, config.bands, scale, table.model))
            bar.update(len(rows))
    save_mosaic(folder / "mosaic.png", np.concatenate(shown)[:_SHOWN])


def _fits(image: np.ndarray, survey: str, bands: tuple[str, ...], scale: float | None, digest: str) -> bytes:
    facts = SURVEYS.get(survey) or Survey(survey, survey, "", survey, "", {})
    # No place on the sky: 0, 0.
    return cutout_bytes(np.moveaxis(image, -1, 0), facts, 0.0, 0.0, scale, f"galkeras model {digest[:12]}", bands)
