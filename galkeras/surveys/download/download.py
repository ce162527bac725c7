"""Cutouts of a catalog's galaxies from the Legacy Surveys' cutout service, every row accounted for."""

__all__ = ["download"]

import hashlib
import logging
import math
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from tqdm import tqdm

from galkeras.io.calls import Call, calls_with, read_calls
from galkeras.io.errors import GalkerasError
from galkeras.io.files import atomic_write, read_json, sha256_of, write_json, written_for
from galkeras.io.folders import OutputFolder
from galkeras.io.text import counted, readable_bytes
from galkeras.surveys.download.client import Client, FetchError, Manners, Stopped, check_url
from galkeras.surveys.download.ledger import LEDGER, Entry, Journal, Ledger, read_entries
from galkeras.surveys.download.service import SERVICE, Request, Verdict
from galkeras.surveys.download.targets import Target, read_targets
from galkeras.surveys.download.threads import in_threads
from galkeras.surveys.facts import PIXEL_SCALE
from galkeras.surveys.image import band_text, bands_of
from galkeras.surveys.origin import DOWNLOAD_FILE

_log = logging.getLogger(__name__)

_FORMAT = 1

# So many failures one after the other are no longer the galaxies' fault.
_GIVE_UP = 20


def download(
    catalog: str | Path,
    layer: str | Sequence[str],
    out: str | Path | Sequence[str | Path],
    *,
    size: int = 256,
    pixel_scale: float = PIXEL_SCALE,
    bands: str | Sequence[str] = "grz",
    id_column: str | None = None,
    service: str = SERVICE,
    connections: int = Manners.connections,
    rate: float = Manners.rate,
    tries: int = Manners.tries,
    timeout: float = Manners.timeout,
    patience: float = Manners.patience,
    redirects: Sequence[str] = (),
    dry_run: bool = False,
    verify: bool = False,
) -> list[Ledger]:
    """Fetch the cutouts of a catalog's galaxies, as `galkeras.make_tfrecords` reads them.

    A cutout is ``ID.fits`` in the folder, or what the catalog's column ``file`` says. It is written whole and only when
    it is what was asked for: a FITS file of this size, these bands, this pixel scale and place, of this layer. What
    became of every row is told in ``ledger.csv``. The same call again, after whatever ended the first, fetches what is
    missing; galaxies outside the footprint are not asked for again.

    Args:
        catalog: One row a galaxy with ``ra`` and ``dec`` in degrees, or with IAU names; see
            `galkeras.surveys.catalog.read_catalog`. Rows that cannot be asked for are rejected, each with the reason.
        layer: A layer of the service, as ``ls-dr9-south``; or several, fetched one after the other.
        out: Folder of the cutouts, new or of an earlier call; as many as layers.
        size: Side of the cutouts in pixels, at most 3000.
        pixel_scale: arcsec a pixel.
        bands: Bands, as ``grz``.
        id_column: Column that names the galaxies.
        service: URL of the cutout service.
        connections: Requests at a time.
        rate: Requests a second at most.
        tries: How often to ask for a cutout.
        timeout: Seconds within which an answer must be whole.
        patience: Seconds that the service may ask to wait.
        redirects: Hosts to which the service may redirect, beside itself.
        dry_run: Only say how much there is to fetch and how long that takes at least.
        verify: Compare the digests of all cutouts that are there, and fetch those anew that have changed; ask again for
            galaxies that were outside the footprint.

    Returns:
        What became of the rows, a `Ledger` for each layer; of a dry run nothing.

    Raises:
        GalkerasError: Bad arguments, an unreadable catalog, a folder that holds something else or is being written, too
            little space, or a service that no longer answers; what was fetched by then is kept.
    """
    layers = [layer] if isinstance(layer, str) else list(layer)
    outs = [Path(out)] if isinstance(out, (str, Path)) else [Path(one) for one in out]
    if not layers or len(layers) != len(outs):
        raise GalkerasError(f"each `layer` needs its `out`. Received: {len(layers)} layers and {len(outs)} folders")
    if len({path.resolve() for path in outs}) < len(outs):
        raise GalkerasError(f"each `layer` needs a folder of its own. Received: out={', '.join(map(str, outs))}")
    check_url(service)
    manners = Manners(connections, rate, tries, timeout, patience, tuple(redirects))
    wanted = bands_of(bands if isinstance(bands, str) else ",".join(bands))
    # Looking again at what is there is no part of how it came there, and neither is how politely it was asked for.
    asked = ("catalog", "size", "pixel_scale", "id_column", "service", "redirects")
    given = {name: one for name, one in locals().items() if name in asked} | {"bands": band_text(wanted)}
    flags = {"layer": "layer", "redirects": "redirect"}
    jobs = [
        _Job(path, Request(one, size, pixel_scale, wanted), service, Call.of(download, given | {"layer": one}, flags))
        for one, path in zip(layers, outs, strict=True)
    ]
    for job in jobs:
        job.check()
    targets = read_targets(catalog, id_column)
    plans = [job.plan(targets, verify and dry_run) for job in jobs]
    for job, plan in zip(jobs, plans, strict=True):
        job.announce(targets, plan, manners)
    _check_space(jobs, plans)
    if dry_run:
        return []
    return [job.run(targets, Client(manners), verify) for job in jobs]


@dataclass(frozen=True)
class _Plan:
    """What is known of a folder: the entries of galaxies that are done, and the targets that are not.

    Attributes:
        done: Entries by name.
        todo: Targets to fetch.
        stale: Files that are not what they should be.
    """

    done: dict[str, Entry]
    todo: list[Target]
    stale: list[Path]


@dataclass(frozen=True)
class _Job:
    """A layer that is fetched into a folder."""

    path: Path
    request: Request
    service: str
    call: Call

    @property
    def folder(self) -> OutputFolder:
        return OutputFolder(self.path, "download", ours=r"download\.json", sign=DOWNLOAD_FILE)

    def _record(self) -> dict:
        settings = asdict(self.request)
        return {"format": _FORMAT, **settings, "bands": band_text(self.request.bands)}

    def check(self) -> None:
        """Refuse a folder that holds something else, or cutouts of other settings."""
        self.folder.check()
        if not (self.path / DOWNLOAD_FILE).exists():
            return
        held, wanted = read_json(self.path / DOWNLOAD_FILE), self._record()
        for name, value in wanted.items():
            found = held.get(name) if isinstance(held, dict) else None
            if found != value:
                raise GalkerasError(
                    f"{self.path} holds cutouts with {name}={found!r}, not {value!r}: choose another folder for `out`"
                )

    def plan(self, targets: Sequence[Target], verify: bool) -> _Plan:
        """Look at what is there, and change nothing."""
        known = read_entries(self.path)
        done, todo, stale = {}, [], []
        for target in targets:
            if target.reason:
                continue
            entry = self._kept(target, known.get(target.id), verify)
            if entry is None:
                todo.append(target)
                if (self.path / target.file).exists():
                    stale.append(self.path / target.file)
            else:
                done[target.id] = entry
        return _Plan(done, todo, stale)

    def _kept(self, target: Target, entry: Entry | None, verify: bool) -> Entry | None:
        """Return the entry of a target that need not be fetched."""
        path = self.path / target.file
        same = entry is not None and (entry.ra, entry.dec) == (target.ra, target.dec)
        if same and entry.status == "outside" and not verify and not path.exists():
            return entry
        if not path.is_file():
            return None
        known = same and entry.status == "ok" and entry.file == target.file and entry.bytes == path.stat().st_size
        if known and (not verify or sha256_of(path) == entry.sha256):
            return entry
        if known:
            return None
        # A file that nobody wrote down: the command was killed, or the ledger has gone.
        if path.stat().st_size > self.request.limit:
            return None
        data = path.read_bytes()
        with suppress(FetchError):
            found = _entry(target, self.request.judge(data, target.ra, target.dec), data)
            return found if found.status == "ok" else None
        return None

    def announce(self, targets: Sequence[Target], plan: _Plan, manners: Manners) -> None:
        count, request = len(plan.todo), self.request
        rejected = sum(bool(target.reason) for target in targets)
        seconds = math.ceil(count / manners.rate)
        _log.info(
            f"{self.path}: {counted(len(targets), 'row')}, {rejected:,} rejected, {len(plan.done):,} done,"
            f" {count:,} to fetch from {request.layer}, {request.size} x {request.size} x {band_text(request.bands)} at"
            f" {request.pixel_scale:g} arcsec: about {readable_bytes(count * request.length)}, at least"
            f" {tqdm.format_interval(seconds)} at {manners.rate:g} a second"
        )

    def run(self, targets: Sequence[Target], client: Client, verify: bool) -> Ledger:
        """Fetch what is missing and write the ledger."""
        with self.folder.writing():
            # What is there may have changed since it was announced, when nobody had the lock.
            self.check()
            plan = self.plan(targets, verify)
            if not (self.path / DOWNLOAD_FILE).exists() or self.call not in read_calls(self.path / DOWNLOAD_FILE):
                calls = calls_with(self.path / DOWNLOAD_FILE, self.call)
                write_json(self.path / DOWNLOAD_FILE, {**self._record(), "calls": calls})
            _clear(self.path)
            if plan.stale:
                _log.info(f"{self.path}: {counted(len(plan.stale), 'file')} not as fetched, to be fetched again")
            for path in plan.stale:
                path.unlink()
            entries, trouble = dict(plan.done), None
            with Journal(self.path) as journal:
                try:
                    self._fetch_all(targets, plan, entries, journal, client)
                except Stopped as error:
                    trouble = error
                ledger = Ledger(self.path, tuple(_settled(target, entries, trouble) for target in targets))
                ledger.save()
                journal.remove()
        _log.info(f"{self.path}: {ledger}; {self.path / LEDGER}")
        if trouble is not None:
            raise GalkerasError(f"{self.path}: {trouble}. What was fetched is kept: the same command goes on")
        return ledger

    def _fetch_all(
        self, targets: Sequence[Target], plan: _Plan, entries: dict[str, Entry], journal: Journal, client: Client
    ) -> None:
        in_a_row = 0
        total = len(plan.done) + len(plan.todo)
        bar = tqdm(total=total, initial=len(plan.done), unit="galaxy", disable=None, desc=self.path.name)
        with bar:
            work = _Asking(self.request, self.service, client)
            for target, (entry, data) in in_threads(work, plan.todo, client.manners.connections, client.stopped):
                if data:
                    atomic_write(self.path / target.file, data)
                entries[target.id] = entry
                if entry.status != "failed":
                    journal.add(entry)
                bar.update()
                in_a_row = in_a_row + 1 if entry.status == "failed" else 0
                if in_a_row == _GIVE_UP:
                    raise Stopped(f"{_GIVE_UP} galaxies in a row failed, the last for: {entry.reason}")


@dataclass(frozen=True)
class _Asking:
    """Asks for one galaxy: its entry, and the bytes of its file where there is one."""

    request: Request
    service: str
    client: Client

    def __call__(self, target: Target) -> tuple[Entry, bytes]:
        def take(blocks: Iterator[bytes], length: int | None) -> tuple[Verdict, bytes]:
            data = b"".join(blocks)
            return self.request.judge(data, target.ra, target.dec), data

        url = self.request.url(self.service, target.ra, target.dec)
        try:
            verdict, data = self.client.fetch(url, self.request.limit, take)
        except FetchError as error:
            return Entry(target.id, target.ra, target.dec, "failed", reason=str(error)), b""
        return _entry(target, verdict, data), data if verdict.status == "ok" else b""


def _entry(target: Target, verdict: Verdict, data: bytes) -> Entry:
    if verdict.status != "ok":
        return Entry(target.id, target.ra, target.dec, verdict.status, reason=verdict.reason)
    digest = hashlib.sha256(data).hexdigest()
    return Entry(target.id, target.ra, target.dec, "ok", target.file, len(data), digest, verdict.reason)


def _settled(target: Target, entries: dict[str, Entry], trouble: Stopped | None) -> Entry:
    if target.reason:
        return Entry(target.id, target.ra, target.dec, "rejected", reason=target.reason)
    if target.id in entries:
        return entries[target.id]
    return Entry(target.id, target.ra, target.dec, "failed", reason=f"not tried: {trouble}")


def _clear(folder: Path) -> None:
    """Remove what a command that was killed left half-written."""
    for parent, _, names in os.walk(folder):
        for name in names:
            if written_for(name) is not None:
                Path(parent, name).unlink(missing_ok=True)


def _check_space(jobs: Sequence[_Job], plans: Sequence[_Plan]) -> None:
    for job, plan in zip(jobs, plans, strict=True):
        needed = len(plan.todo) * job.request.length
        existing = next(path for path in (job.path.absolute(), *job.path.absolute().parents) if path.exists())
        free = shutil.disk_usage(existing).free
        if needed > free:
            raise GalkerasError(
                f"{job.path} needs about {readable_bytes(needed)}, and {readable_bytes(free)} are free: choose another"
                " disk, or a smaller `size`"
            )
