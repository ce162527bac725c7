"""A Dask scheduler, found and asked."""

__all__ = ["check_cluster", "connected"]

import asyncio
import logging
import socket
import warnings
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, urlsplit

from galkeras.io.errors import GalkerasError
from galkeras.io.files import read_json

# Seconds to wait for an answer.
_CONNECT = 15

_SCHEMES = ("tcp", "tls", "ws", "wss", "ucx")


def check_cluster(address: str | Path) -> None:
    """Refuse an address at which there is no Dask scheduler, before long work.

    Args:
        address: ``tcp://HOST:PORT``, or the path of a scheduler file.

    Raises:
        GalkerasError: Nobody answers there, or in another version; or Dask is not installed.
    """
    with connected(address):
        pass


@contextmanager
def connected(address: str | Path) -> Iterator[Any]:
    """Yield a client of the scheduler. Errors are those of `check_cluster`."""
    try:
        from distributed import Client
        from distributed.versions import VersionMismatchWarning
    except ImportError:
        raise GalkerasError('`dask` needs Dask: pip install "galkeras[dask]"') from None
    where = _address(address)
    logging.getLogger("distributed").setLevel(logging.CRITICAL)  # What goes wrong is told here, in one line.
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always", VersionMismatchWarning)
        try:
            _shake_hands(where)
            client = Client(where.geturl(), timeout=_CONNECT, set_as_default=False, name="galkeras")
        except OSError as error:
            reason = " ".join(str(error).split())[:150] or "it says nothing"
            raise GalkerasError(f"no Dask scheduler answers at {address}: is it running? ({reason})") from None
    try:
        if any(issubclass(one.category, VersionMismatchWarning) for one in told):
            _check_versions(client, address)
        yield client
    finally:
        with suppress(Exception):
            client.close()


def _shake_hands(where: SplitResult) -> None:
    """Raise an `OSError` where no scheduler is: Dask tries again where nobody is, and waits for who does not answer."""
    from distributed.comm import connect

    socket.create_connection((where.hostname, where.port), timeout=_CONNECT).close()

    async def meet() -> None:
        comm = await asyncio.wait_for(connect(where.geturl()), _CONNECT)
        comm.abort()

    # A notebook has a loop of its own in this thread.
    with ThreadPoolExecutor(1) as pool:
        pool.submit(asyncio.run, meet()).result()


def _address(given: str | Path) -> SplitResult:
    """Return where a scheduler is, by its address or by the file that it wrote."""
    text = str(given)
    if "://" not in text and Path(text).is_file():
        held = read_json(text)
        text = str(held.get("address")) if isinstance(held, dict) else ""
    with suppress(ValueError):  # of a port
        where = urlsplit(text)
        if where.scheme in _SCHEMES and where.hostname and where.port:
            return where
    raise GalkerasError(
        "`dask` must be tcp://HOST:PORT of a scheduler, or the scheduler file that it wrote. Received:"
        f" dask={str(given)!r}"
    )


def _check_versions(client: Any, address: str | Path) -> None:
    """Refuse a scheduler that speaks otherwise than this process. Workers are checked one by one, as they come."""
    known = client.get_versions()
    ours, theirs = known["client"]["packages"], known["scheduler"]["packages"]
    for name in ("python", "dask", "distributed"):
        # Of Python, what it is and not how often it was mended.
        one, other = (str(said[name]).split(".")[: 2 if name == "python" else None] for said in (ours, theirs))
        if one != other:
            raise GalkerasError(
                f"the Dask scheduler at {address} has {name} {theirs[name]}, and here it is {ours[name]}: start"
                " scheduler and workers from this environment"
            )
