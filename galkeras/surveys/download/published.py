"""Published catalogs and ready models: one file from a URL, taken only if its digest is the one that was expected."""

__all__ = ["FILES", "PublishedFile", "download_file"]

import hashlib
import logging
import re
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urlsplit

from tqdm import tqdm

from galkeras.io.errors import GalkerasError
from galkeras.io.files import atomic_path, written_for
from galkeras.io.locks import locked
from galkeras.io.registry import Registry
from galkeras.io.text import readable_bytes
from galkeras.surveys.download.client import Client, FetchError, Manners, check_url

_log = logging.getLogger(__name__)

_DIGESTS = {"sha256": 64, "md5": 32}


@dataclass(frozen=True)
class PublishedFile:
    """A file that somebody publishes.

    Attributes:
        title: What it is.
        url: Where it is.
        sha256: Its digest, where that is known here; otherwise whoever fetches it says one.
    """

    title: str
    url: str
    sha256: str = ""


FILES: Registry[PublishedFile] = Registry("published file")
"""The files by name."""

# Zenodo shows an MD5 of each file on the record's page, which is the place to take it from.
for _name, _file in (
    ("gz-decals-volunteers-5", "gz_decals_volunteers_5.parquet"),
    ("gz-decals-volunteers-1-and-2", "gz_decals_volunteers_1_and_2.parquet"),
    ("gz-decals-auto-posteriors", "gz_decals_auto_posteriors.parquet"),
):
    FILES.add(
        _name,
        PublishedFile(
            f"Galaxy Zoo DECaLS (Walmsley et al. 2022): {_file}", f"https://zenodo.org/records/4573248/files/{_file}"
        ),
    )


def download_file(
    file: str,
    out: str | Path = ".",
    *,
    sha256: str | None = None,
    md5: str | None = None,
    tries: int = Manners.tries,
    timeout: float = Manners.timeout,
    patience: float = Manners.patience,
    redirects: Sequence[str] = (),
) -> Path:
    """Fetch one file into a folder, whole and with the digest that is expected, or not at all.

    A file that is there with this digest is not fetched again.

    Args:
        file: A name of `FILES`, or a URL.
        out: The folder.
        sha256: The digest that the file must have; not needed where `FILES` knows it.
        md5: Instead, for servers that publish no other. It tells damage, not malice.
        tries: How often to ask.
        timeout: Seconds within which each part of the answer must come.
        patience: Seconds that the server may ask to wait.
        redirects: Hosts to which the server may redirect, beside itself.

    Returns:
        The path of the file.

    Raises:
        GalkerasError: No digest is known, the file has another, something else has its name, or no good answer comes.
    """
    known = FILES[file] if file in FILES else PublishedFile("", file)
    if not known.url.startswith(("http://", "https://")):
        FILES[file]  # A name that is not known is an error that lists the names.
    url = check_url(known.url, query=True)
    kind, digest = _expected(file, known, sha256, md5)
    path = Path(out) / _name_of(url)
    if Path(out).exists() and not Path(out).is_dir():
        raise GalkerasError(f"{out} is a file: choose a folder for `out`")
    Path(out).mkdir(parents=True, exist_ok=True)
    with locked(Path(out), "download"):
        for entry in list(Path(out).iterdir()):
            if written_for(entry.name) == path.name:
                entry.unlink()
        if path.exists():
            if not path.is_file() or _digest_of(path, kind) != digest:
                raise GalkerasError(f"{path} is there with another {kind} than {digest}: move it away first")
            _log.info(f"{path}: is there already")
            return path
        client = Client(Manners(1, tries=tries, timeout=timeout, patience=patience, redirects=tuple(redirects)))
        free = shutil.disk_usage(out).free
        with atomic_path(path) as temporary:

            def take(blocks: Iterator[bytes], length: int | None) -> None:
                _save(blocks, length, temporary, kind, digest)

            try:
                client.fetch(url, free, take, deadline=False)
            except FetchError as error:
                raise GalkerasError(f"{url}: {error}") from None
        _log.info(f"{path}: {readable_bytes(path.stat().st_size)}, {kind} {digest}")
    return path


def _expected(file: str, known: PublishedFile, sha256: str | None, md5: str | None) -> tuple[str, str]:
    """Return the kind of digest to compare, and the digest."""
    if sha256 and md5:
        raise GalkerasError("one digest is enough: give `sha256` or `md5`")
    kind = "md5" if md5 else "sha256"
    given = (md5 or sha256 or known.sha256).lower()
    if not given:
        raise GalkerasError(f"the digest of {file} is not known here: say `sha256` (or `md5`) as its publisher does")
    if not re.fullmatch(rf"[0-9a-f]{{{_DIGESTS[kind]}}}", given):
        raise GalkerasError(f"`{kind}` must be {_DIGESTS[kind]} hexadecimal digits. Received: {kind}={given}")
    if known.sha256 and kind == "sha256" and given != known.sha256:
        raise GalkerasError(f"{file} has the sha256 {known.sha256}. Received: sha256={given}")
    return kind, given


def _name_of(url: str) -> str:
    name = PurePosixPath(unquote(urlsplit(url).path)).name
    if not name or name.startswith(".") or not name.isprintable() or "\\" in name or len(name.encode()) > 200:
        raise GalkerasError(f"the URL must end with the name of a file. Received: {url}")
    return name


def _save(blocks: Iterator[bytes], length: int | None, path: Path, kind: str, expected: str) -> None:
    digest = hashlib.new(kind, usedforsecurity=False)
    with (
        open(path, "wb") as file,
        tqdm(total=length, unit="B", unit_scale=True, disable=None, desc=path.suffix.lstrip(".")) as bar,
    ):
        for block in blocks:
            file.write(block)
            digest.update(block)
            bar.update(len(block))
    if digest.hexdigest() != expected:
        raise FetchError(f"it has the {kind} {digest.hexdigest()}, not {expected}", again=True)


def _digest_of(path: Path, kind: str) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.new(kind, usedforsecurity=False)).hexdigest()
