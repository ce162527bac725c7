"""A cutout service on this machine that misbehaves where it is told to."""

import socket
import struct
import threading
import time
from collections import defaultdict
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import numpy as np
from sky import galaxy, write_csv

from galkeras.surveys.cutouts.fits_file import cutout_bytes
from galkeras.surveys.facts import SURVEYS

SIDE = 16
DEC = 33.0
HTML = b"<!DOCTYPE html><html><body>The viewer is being mended.</body></html>"


def write_catalog(path: Path, count: int = 8) -> Path:
    """Write a catalog of so many galaxies, g000 at right ascension 10, g001 at 11 and so on."""
    ids = [f"g{index:03d}" for index in range(count)]
    return write_csv(path, {"id": ids, "ra": [10.0 + index for index in range(count)], "dec": [DEC] * count})


def fits_answer(layer: str, ra: float, dec: float, size: int, bands: str, scale: float, spoil: str = "") -> bytes:
    """Return the cutout of a galaxy, spoilt on purpose."""
    if spoil == "wrong layer":
        layer = {"ls-dr9-south": "ls-dr9-north", "ls-dr9-north": "ls-dr9-south"}[layer]
    survey = next(survey for survey in SURVEYS.values() if survey.layer == layer)
    size = {"wrong size": size - 1}.get(spoil, size)
    image = np.moveaxis(galaxy(size, round(ra)), -1, 0)[: len(bands)] * (1.0 if "south" in layer else 0.9)
    if spoil == "zeros":
        image = 0 * image
    if spoil == "no z":
        image[-1] = 0
    if spoil == "half":
        image[:, : size // 2] = 0
    if spoil == "nan":
        image[0, 0, 0] = np.nan
    bands = {"wrong bands": bands[::-1]}.get(spoil, bands)
    scale = {"wrong scale": 2 * scale}.get(spoil, scale)
    ra = {"wrong position": ra + 0.1}.get(spoil, ra)
    return cutout_bytes(image, survey, ra, dec, scale, bands=bands)


class CutoutService:
    """Serves cutouts of `write_catalog`'s galaxies while the block lasts.

    Attributes:
        plans: By the number of a galaxy, what to do at its first, second, … request, and then all is well.
        files: What else is served, by path.
        asked: Number of each galaxy, layer and time, of each request.
        trickled: How many slow answers somebody waited for to the end.
    """

    def __init__(self, plans: dict[int, list[str]] | None = None) -> None:
        self.plans = defaultdict(list, {key: list(value) for key, value in (plans or {}).items()})
        self.files: dict[str, bytes] = {}
        self.asked: list[tuple[int, str, float]] = []
        self.agents: set[str] = set()
        self.passwords: set[str | None] = set()
        self.busy, self.most_busy = 0, 0
        self.pause = 0.0
        self.trickled = 0
        self.elsewhere = "http://elsewhere.invalid/"
        self._lock = threading.Lock()

    def __enter__(self) -> "CutoutService":
        service = self

        class Handler(_Handler):
            owner = service

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._server.handle_error = lambda *_: None
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        self.root = f"http://127.0.0.1:{self._server.server_port}"
        self.url = f"{self.root}/viewer/fits-cutout"
        return self

    def __exit__(self, *_) -> None:
        self._server.shutdown()
        self._server.server_close()

    def numbers(self) -> list[int]:
        return [number for number, _, _ in self.asked]


class _Handler(BaseHTTPRequestHandler):
    owner: CutoutService
    protocol_version = "HTTP/1.1"

    def log_message(self, *_) -> None:
        pass

    def do_GET(self) -> None:
        owner, url = self.owner, urlsplit(self.path)
        if url.path in owner.files:
            self._send(owner.files[url.path])
            return
        given = {name: values[0] for name, values in parse_qs(url.query).items()}
        ra, dec, size = float(given["ra"]), float(given["dec"]), int(given["size"])
        number = round(ra) - 10
        with owner._lock:
            owner.asked.append((number, given["layer"], time.monotonic()))
            owner.agents.add(self.headers["User-Agent"])
            owner.passwords.add(self.headers["Authorization"])
            plan = owner.plans[number]
            what = plan.pop(0) if plan else ""
            owner.busy += 1
            owner.most_busy = max(owner.most_busy, owner.busy)
        try:
            time.sleep(owner.pause)
            place = (given["layer"], ra, dec, size, given["bands"], float(given["pixscale"]))
            self._answer(what, place)
        finally:
            with owner._lock:
                owner.busy -= 1

    def _answer(self, what: str, place: tuple) -> None:
        kind, _, value = what.partition(":")
        data = fits_answer(*place, spoil=what)
        match kind:
            case "status":
                code, _, wait = value.partition(" ")
                self._send(b"no", int(code), {"Retry-After": wait} if wait else {})
            case "redirect":
                self._send(b"", 302, {"Location": value or self.owner.elsewhere})
            case "again":
                self._send(b"", 302, {"Location": self.path})
            case "html":
                self._send(HTML, headers={"Content-Type": "text/html"})
            case "garbage":
                self._send(np.random.default_rng(1).bytes(len(data)))
            case "fits garbage":
                self._send(data[:80] + np.random.default_rng(1).bytes(len(data) - 80))
            case "empty":
                self._send(b"")
            case "short":
                self._send(data[: int(value)])
            case "gzip":
                self._send(data, headers={"Content-Encoding": "gzip"})
            case "truncated":
                self._send(data, sent=len(data) // 2)
            case "reset":
                self._send(data, sent=len(data) // 2, reset=True)
            case "slow":
                self._trickle(data)
            case "chunked":
                self._chunked([data])
            case "endless":
                self._chunked(iter(lambda: bytes(1 << 16), None))
            case "long":
                self._send(data + bytes(1 << 20))
            case _:
                self._send(data)

    def _send(self, data: bytes, code: int = 200, headers: dict | None = None, sent: int | None = None, reset=False):
        self.send_response(code)
        for name, value in {"Content-Length": str(len(data)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data[:sent])
        if sent is not None:
            self.wfile.flush()
            if reset:
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()
            self.close_connection = True

    def _chunked(self, blocks) -> None:
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for block in blocks:
            self.wfile.write(f"{len(block):x}\r\n".encode() + block + b"\r\n")
        self.wfile.write(b"0\r\n\r\n")

    def _trickle(self, data: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        for start in range(0, len(data), 100):
            self.wfile.write(data[start : start + 100])
            self.wfile.flush()
            time.sleep(0.05)
        self.owner.trickled += 1
