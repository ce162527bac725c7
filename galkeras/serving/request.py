"""Cutouts in, a served model's answers out."""

__all__ = ["Answers", "request"]

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from tqdm import tqdm

from galkeras.io.columns import check_new, column_writer, write_rejected
from galkeras.io.errors import GalkerasError
from galkeras.latents.table import latent_columns, latent_metadata
from galkeras.records.example import encode_example
from galkeras.records.schema import split_of
from galkeras.records.single import prepare_for
from galkeras.serving.client import Server, connect
from galkeras.serving.description import Description
from galkeras.surveys.cutouts import CutoutError, extension_of, extensions, read_cutout

# Requests under way at once: a server that batches puts them together.
_IN_FLIGHT = 4


@dataclass(frozen=True)
class Answers:
    """What a served model said.

    Attributes:
        galaxies: How many it was asked about.
        rejected: Files left out, each with the reason.
        rows: The answers by name, a row for each galaxy; None where they were written to a table.
    """

    galaxies: int
    rejected: tuple[tuple[Path, str], ...]
    rows: dict[str, np.ndarray] | None


class _Record(NamedTuple):
    """A cutout on its way: its galaxy's name, its survey and the bytes to send."""

    id: str
    survey: str
    example: bytes


def request(
    url: str,
    cutouts: str | Path | Iterable[str | Path],
    out: str | Path | None = None,
    *,
    crop: int | None = None,
    batch_size: int = 32,
    patience: float = 30.0,
    overwrite: bool = False,
) -> Answers:
    """Ask a served model about cutouts: latents, reconstruction error and, with forests, outliers and morphology.

    The model says what it takes and how that was prepared: each cutout is read, cropped or resampled alike,
    and sent as a record, a few batches at a time. All answers are of the version that was the latest at the start.

    Args:
        url: ``http://HOST:8501/v1/models/NAME`` or ``grpc://HOST:8500/NAME``, perhaps with ``/versions/N``.
        cutouts: Files (FITS, PNG or JPEG) or folders of them; a galaxy is named as its file.
        out: Table to write (``.parquet`` streams, so memory stays flat): a latent table, and the columns of
            the morphology beside it. Files that were left out are listed in ``OUT.rejected.csv``.
        crop: Take the central ``crop`` x ``crop`` pixels and resample them to the model's size; by default cutouts are
            prepared as the images were that the model was fitted on.
        batch_size: Cutouts a request.
        patience: Seconds for which to try again where the server is down, starting or overloaded.
        overwrite: Replace what is there.

    Returns:
        How many galaxies were answered, what was left out and why, and the answers unless ``out`` was given:
        ``id``, ``survey``, ``z_mean`` (rows, latent_dim), ``z_log_var``, ``reconstruction_mse``, ``ssim``; with
        forests ``outlier_score``, and a question's answer as ``bar`` and its probabilities as ``bar_strong``, ….

    Raises:
        GalkerasError: No server answers or none with this model, no cutout can be used, or ``out`` cannot be written.
    """
    for name, value in (("batch_size", batch_size), ("crop", crop)):
        if value is not None and value < 1:
            raise GalkerasError(f"`{name}` must be 1 or more. Received: {name}={value}")
    paths = _files([cutouts] if isinstance(cutouts, str | Path) else cutouts)
    if out is not None:
        out = check_new(out, overwrite)
    server = connect(url, patience)
    model = _introduce(server)
    server.version = model.version
    rejected: list[tuple[Path, str]] = []
    records = _records(paths, model, crop, rejected)
    galaxies = 0
    with _collector(out, model) as collect, tqdm(total=len(paths), desc="request", unit="galaxy", disable=None) as bar:
        for answers in _answers(server, records, batch_size):
            answers = _finite(answers, paths, rejected)
            if len(answers["id"]):
                collect(answers)
                galaxies += len(answers["id"])
            bar.update(galaxies + len(rejected) - bar.n)
        if not galaxies:
            path, reason = rejected[0]
            raise GalkerasError(f"none of {len(paths):,} cutouts can be used; {path}: {reason}")
        if out is not None:
            write_rejected(out, ("file", "reason"), rejected)
    return Answers(galaxies, tuple(rejected), None if out is not None else collect.rows)


def _files(cutouts: Iterable[str | Path]) -> dict[str, Path]:
    """Return the files by the names of their galaxies."""
    files: list[Path] = []
    for path in map(Path, cutouts):
        if path.is_dir():
            inside = sorted(p for p in path.rglob("*") if _name(p) and not p.name.startswith("."))
            if not inside:
                raise GalkerasError(f"folder {path} holds no cutouts ({', '.join(extensions())})")
            files += inside
        elif not path.exists():
            raise GalkerasError(f"{path} does not exist")
        else:
            files.append(path)
    seen: dict[str, Path] = {}
    for path in files:
        other = seen.setdefault(_name(path) or path.name, path)
        if other is not path:
            raise GalkerasError(f"{other} and {path} are of one name: which galaxy is which could not be told")
    return seen


def _name(path: Path) -> str:
    """Return the galaxy's name, empty where the file is no cutout by its name."""
    end = extension_of(path.name)
    return path.name[: -len(end)] if end else ""


def _introduce(server: Server) -> Description:
    """Ask the model what it is."""
    try:
        (text,) = next(iter(server.ask("describe", "anything", [b""]).values()))
        return Description.from_text(text)
    except (TypeError, ValueError) as error:
        raise GalkerasError(f"model {server.name} on {server.root} was not exported by galkeras: {error}") from None


def _records(
    paths: dict[str, Path], model: Description, crop: int | None, rejected: list[tuple[Path, str]]
) -> Iterator[_Record]:
    for name, path in paths.items():
        try:
            cutout = read_cutout(path, bands=model.input.images.bands)
            galaxy, survey = prepare_for(cutout, path.name, model.input.images, model.input.surveys, crop=crop)
            yield _Record(name, survey, encode_example(galaxy))
        except CutoutError as error:
            rejected.append((path, str(error)))


def _answers(server: Server, records: Iterator[_Record], batch_size: int) -> Iterator[dict[str, np.ndarray]]:
    """Yield the answers batch by batch, in order, with a few batches on their way at any time."""

    def ask(batch: list[_Record]) -> dict[str, np.ndarray]:
        answer = server.ask("measure_example", "examples", [record.example for record in batch])
        wrong = [name for name, values in answer.items() if len(values) != len(batch)]
        if wrong or "z_mean" not in answer:
            raise GalkerasError(f"model {server.name} on {server.root} answered with other rows than were asked for")
        return {
            "id": np.array([record.id for record in batch]),
            "survey": np.array([record.survey for record in batch]),
            **dict(sorted(answer.items())),
        }

    pool = ThreadPoolExecutor(_IN_FLIGHT)
    waiting: deque[Future] = deque()
    try:
        while batch := list(islice(records, batch_size)):
            waiting.append(pool.submit(ask, batch))
            if len(waiting) >= _IN_FLIGHT:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        server.close()
        pool.shutdown(cancel_futures=True)


def _finite(
    answers: dict[str, np.ndarray], paths: dict[str, Path], rejected: list[tuple[Path, str]]
) -> dict[str, np.ndarray]:
    """Return the rows with latents that are numbers; note the others."""
    good = np.isfinite(answers["z_mean"]).all(-1)
    rejected += [(paths[name], "the model's answer is not finite") for name in answers["id"][~good].tolist()]
    return {name: values[good] for name, values in answers.items()}


class _Gathered:
    """Keeps the answers in memory."""

    def __init__(self) -> None:
        self._parts: list[dict[str, np.ndarray]] = []

    def __call__(self, answers: dict[str, np.ndarray]) -> None:
        self._parts.append(answers)

    @property
    def rows(self) -> dict[str, np.ndarray]:
        return {name: np.concatenate([part[name] for part in self._parts]) for name in self._parts[0]}


@contextmanager
def _collector(out: Path | None, model: Description) -> Iterator[Any]:
    if out is None:
        yield _Gathered()
        return
    made = latent_metadata(model.model, model.latent_dim, model.views, model.votes, elsewhere=model.votes)
    with column_writer(out, made) as write:
        yield lambda answers: write(_table(answers, model))


def _table(answers: dict[str, np.ndarray], model: Description) -> dict[str, np.ndarray]:
    """Return the columns of a latent table, and the morphology behind them."""
    rest = dict(answers)
    ids, survey = rest.pop("id"), rest.pop("survey")
    # Of a model with a decoder for each survey, each galaxy's own one counts.
    domain = np.array([model.input.surveys.index(name) for name in survey.tolist()])
    scores = {}
    for name in ("reconstruction_mse", "ssim"):
        parts = [rest.pop(f"{name}_{end}" if end else name) for end in model.domains]
        scores[name] = np.choose(np.minimum(domain, len(parts) - 1), parts)
    unknown = np.full(len(ids), np.nan)
    split = np.array([split_of(name) for name in ids.tolist()])
    columns = {"id": ids, "ra": unknown, "dec": unknown, "survey": survey, "split": split}
    return columns | latent_columns(rest.pop("z_mean"), rest.pop("z_log_var")) | scores | rest
