"""A client that asks politely, reads no more than it must, and says what went wrong."""

__all__ = ["Client", "FetchError", "Manners", "Stopped", "check_url"]

import math
import random
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import TypeVar
from urllib.parse import SplitResult, urljoin, urlsplit

import requests
from urllib3.exceptions import HTTPError

import galkeras
from galkeras.io.errors import GalkerasError

Taken = TypeVar("Taken")
Take = Callable[[Iterator[bytes], int | None], Taken]

_BLOCK = 1 << 16
_MOST_REDIRECTS = 5
_REDIRECTS = (301, 302, 303, 307, 308)
_MAY_PASS = (408, 425, 429, 500, 502, 503, 504)
_ASKS_TO_WAIT = (429, 503)

# Seconds: to connect; before the second try at most, doubling; at most.
_CONNECT = 15.0
_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 60.0


class FetchError(GalkerasError):
    """A request without a good answer; the message is the reason.

    Args:
        reason: What went wrong.
        again: Whether another try may end better.
        wait: Seconds for which the server asks to be left alone.
    """

    def __init__(self, reason: str, again: bool = False, wait: float | None = None) -> None:
        super().__init__(reason)
        self.again, self.wait = again, wait


class Stopped(GalkerasError):
    """No more is asked of the server; the message is the reason."""


@dataclass(frozen=True)
class Manners:
    """How a server is asked.

    Attributes:
        connections: Requests at a time.
        rate: Requests a second, at most, over all connections.
        tries: How often the same is asked for.
        timeout: Seconds within which an answer must be whole.
        patience: Seconds that a server may ask to wait; where it asks for more, all asking ends.
        redirects: Hosts beside the server's own to which it may redirect.
    """

    connections: int = 3
    rate: float = 5.0
    tries: int = 5
    timeout: float = 60.0
    patience: float = 600.0
    redirects: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name, low, high in (("connections", 1, 32), ("tries", 1, 100)):
            value = getattr(self, name)
            if not isinstance(value, int) or not low <= value <= high:
                raise GalkerasError(f"`{name}` must be {low} to {high}. Received: {name}={value!r}")
        for name, low, high in (("rate", 0.001, 1000), ("timeout", 0.1, 86_400), ("patience", 0, 86_400)):
            value = getattr(self, name)
            if not low <= value <= high:
                raise GalkerasError(f"`{name}` must be {low:g} to {high:g}. Received: {name}={value!r}")
        object.__setattr__(self, "redirects", tuple(host.lower() for host in self.redirects))


class Client:
    """Asks servers with `Manners`; safe to use from several threads.

    It asks for bytes as they are (no compression, which could hide gigabytes), sends no password of a ``.netrc``, and
    follows a redirect to another host only where its manners name that.
    """

    def __init__(self, manners: Manners) -> None:
        self.manners = manners
        self.stopped = threading.Event()
        self._lock = threading.Lock()
        self._next = 0.0
        self._local = threading.local()

    def fetch(self, url: str, limit: int, take: Take[Taken], *, deadline: bool = True) -> Taken:
        """Return what ``take`` makes of the answer's bytes, trying again where that may help.

        Args:
            url: What is asked for.
            limit: Bytes that the answer may have at most; no more are read.
            take: Given the blocks of the answer and, where the server says it, their length in all. It may raise
                `FetchError` of an answer that it cannot use.
            deadline: Whether the whole answer must come within the timeout, and not only each part of it.

        Raises:
            FetchError: There is no good answer, after all tries.
            Stopped: The server wants to be left alone for longer than the patience allows, or `stopped` is set.
        """
        tried = 0
        while True:
            tried += 1
            try:
                return self._once(url, limit, take, deadline)
            except FetchError as error:
                self._heed(error, urlsplit(url))
                if not error.again or tried == self.manners.tries:
                    times = f" ({tried} times)" if tried > 1 else ""
                    raise FetchError(f"{error}{times}", error.again) from None
            # Anything up to the pause, so that many clients that failed at once do not come back at once.
            self._wait(random.uniform(0, min(_FIRST_PAUSE * 2 ** (tried - 1), _LONGEST_PAUSE)))

    def _heed(self, error: FetchError, url: SplitResult) -> None:
        """Leave the server alone for as long as it asks, on all connections."""
        if error.wait is None:
            return
        if error.wait > self.manners.patience:
            raise Stopped(f"{url.netloc} asks to be left alone for {error.wait:,.0f} s ({error})")
        with self._lock:
            self._next = max(self._next, time.monotonic() + error.wait)

    def _turn(self) -> None:
        """Wait until another request may be sent."""
        while True:
            with self._lock:
                now = time.monotonic()
                wait = self._next - now
                if wait <= 0:
                    self._next = now + 1 / self.manners.rate
                    return
            self._wait(wait)

    def _wait(self, seconds: float) -> None:
        if self.stopped.wait(seconds):
            raise Stopped("stopped")

    def _once(self, url: str, limit: int, take: Take[Taken], deadline: bool) -> Taken:
        timeout = self.manners.timeout
        for _ in range(_MOST_REDIRECTS + 1):
            self._turn()
            until = time.monotonic() + timeout if deadline else math.inf
            try:
                with self._session().get(
                    url, stream=True, allow_redirects=False, timeout=(min(_CONNECT, timeout), timeout)
                ) as answer:
                    if answer.status_code in _REDIRECTS:
                        url = self._redirected(url, answer.headers.get("Location"))
                        continue
                    length = _length_of(answer, limit)
                    return take(self._blocks(answer, limit, until), length)
            except (requests.Timeout, TimeoutError):
                raise FetchError(f"no answer in {timeout:g} s", again=True) from None
            except (requests.RequestException, HTTPError) as error:
                raise FetchError(f"no answer: {_innermost(error)}", again=True) from None
        raise FetchError(f"more than {_MOST_REDIRECTS} redirects")

    def _session(self) -> requests.Session:
        if not hasattr(self._local, "session"):
            session = requests.Session()
            session.headers.update({"User-Agent": f"galkeras/{galkeras.__version__}", "Accept-Encoding": "identity"})
            session.auth = lambda request: request  # No passwords from a .netrc.
            self._local.session = session
        return self._local.session

    def _redirected(self, url: str, location: str | None) -> str:
        try:
            target = check_url(urljoin(url, location or ""), query=True)
        except GalkerasError:
            raise FetchError(f"redirect to {location!r}") from None
        old, new = urlsplit(url), urlsplit(target)
        if new.netloc != old.netloc and not {new.netloc.lower(), new.hostname} & {*self.manners.redirects}:
            raise FetchError(f"redirect to another host, {new.netloc}, which is followed only where it is named")
        if old.scheme == "https" and new.scheme == "http":
            raise FetchError(f"redirect from https to http://{new.netloc}")
        return target

    def _blocks(self, answer: requests.Response, limit: int, until: float) -> Iterator[bytes]:
        read = 0
        # read1 gives what has come, so that an answer that trickles cannot outlast the deadline.
        while block := answer.raw.read1(_BLOCK, decode_content=False):
            read += len(block)
            if read > limit:
                raise FetchError(f"more than the {limit:,} bytes that it may have")
            if time.monotonic() > until:
                raise FetchError(f"not whole in {self.manners.timeout:g} s", again=True)
            if self.stopped.is_set():
                raise Stopped("stopped")
            yield block


def check_url(url: str, query: bool = False) -> str:
    """Return a URL that can be asked: of http or https, with a host, without a password.

    Args:
        url: The URL.
        query: Whether it may have a query.

    Raises:
        GalkerasError: It is none.
    """
    try:
        parts = urlsplit(url)
        good = parts.scheme in ("http", "https") and parts.hostname and parts.username is None and (parts.port or True)
    except ValueError:
        good = False
    if not good or (not query and (parts.query or parts.fragment)) or any(not " " < letter <= "~" for letter in url):
        raise GalkerasError(f"the URL must be http://HOST/PATH or https://HOST/PATH. Received: {url}")
    return url


def _length_of(answer: requests.Response, limit: int) -> int | None:
    """Return how many bytes the answer says it has, None where it does not; a bad answer is a `FetchError`."""
    status = answer.status_code
    if status != 200:
        wait = _seconds(answer.headers.get("Retry-After")) if status in _ASKS_TO_WAIT else None
        raise FetchError(f"status {status} {answer.reason or ''}".strip(), status in _MAY_PASS, wait)
    if answer.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise FetchError("compressed, which was not asked for")
    length = answer.headers.get("Content-Length", "")
    if not (length.isascii() and length.isdigit()):
        return None
    if int(length) > limit:
        raise FetchError(f"{int(length):,} bytes, more than the {limit:,} that it may have")
    return int(length)


def _seconds(retry_after: str | None) -> float | None:
    """Return how long a Retry-After header asks to wait, given as seconds or as a date; None where it says nothing."""
    if retry_after is None:
        return None
    text = retry_after.strip()
    if text.isascii() and text.isdigit():
        return float(text)
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - time.time())
    except (ValueError, TypeError, OverflowError):
        return None


def _innermost(error: BaseException) -> str:
    """Return the reason at the bottom of what requests and urllib3 wrap around it, in one line."""
    if "IncompleteRead" in str(error):
        return "truncated, the connection ended before the answer did"
    text = " ".join(str(error).rsplit(": ", 1)[-1].strip("\"')( ").split())
    return text[:200] or type(error).__name__
