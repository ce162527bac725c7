"""What a record set is: its splits, its shards and its ``dataset.json``."""

__all__ = [
    "DATASET_FILE",
    "DTYPES",
    "ITEM_SIZES",
    "REJECTED_FILE",
    "SHARD_NAME",
    "SCHEMA_VERSION",
    "SPLITS",
    "RecordSet",
    "Shard",
    "split_of",
]

import hashlib
import re
from dataclasses import asdict, dataclass, field, fields
from functools import cached_property
from pathlib import Path
from typing import Any

from galkeras.io.calls import Call
from galkeras.io.errors import GalkerasError
from galkeras.io.files import read_json, write_json
from galkeras.io.typed import from_json
from galkeras.surveys.image import BANDS, MAX_SCALE, NANOMAGGY, PICTURE, ImageSpec, Preparation, band_text

SCHEMA_VERSION = 2
_READABLE = (1, 2)  # 1 knew nothing of the preparation
SPLITS = ("train", "validation", "test")
ITEM_SIZES = {"uint8": 1, "float16": 2, "float32": 4}
DTYPES = tuple(ITEM_SIZES)
DATASET_FILE = "dataset.json"
REJECTED_FILE = "rejected.csv"

SHARD_NAME = re.compile(rf"({'|'.join(SPLITS)})-\d{{5}}-of-\d{{5}}\.tfrecord", re.ASCII)

# Cumulative fractions: 80 % train, 10 % validation, 10 % test.
_EDGES = (0.8, 0.9, 1.0)


def split_of(galaxy_id: str) -> str:
    """Return the split of a galaxy, which follows from a hash of its id alone.

    So the same galaxy is on the same side in every survey and after every rebuild.
    """
    digest = hashlib.sha256(f"galkeras split {galaxy_id}".encode()).digest()
    position = int.from_bytes(digest[:8], "big") / 2**64
    return next(split for split, edge in zip(SPLITS, _EDGES, strict=True) if position < edge)


@dataclass(frozen=True)
class Shard:
    """One TFRecord file of a record set.

    Attributes:
        name: File name, ``SPLIT-00000-of-00008.tfrecord``.
        split: One of `SPLITS`.
        examples: Number of records in it.
        bytes: Its size.
        sha256: Hexadecimal checksum of the file.
    """

    name: str
    split: str
    examples: int
    bytes: int
    sha256: str


@dataclass(frozen=True, repr=False)
class RecordSet:
    """A folder of sharded TFRecords, as its ``dataset.json`` describes it.

    A record holds ``id`` (bytes), ``image`` (the raw little-endian bytes of an ``(image_size, image_size, band)``
    array of ``dtype``, row 0 south), ``ra``, ``dec`` (degrees; NaN where unknown; the 8 bytes of a
    little-endian float64, because TFRecord's own floats would cost a twentieth of an arcsecond) and
    ``pixel_scale`` (float, arcsec; NaN where unknown). See `galkeras.records.example`.

    Attributes:
        path: The folder.
        survey: Name of the survey, as in `galkeras.surveys.facts` or the user's own.
        image_size: Side of the square images in pixels.
        pixel_scale: Common pixel scale in arcsec after any resampling, or None where images differ or nothing
            is known.
        units: ``nanomaggy`` or ``picture`` (0..255).
        dtype: Storage dtype, one of `DTYPES`.
        shards: All shards, split by split.
        read: Catalog rows read; equals ``written + rejected``.
        written: Records written.
        rejected: Rows left out, each with its reason in ``rejected.csv``.
        bands: Bands of the images, in the order of their planes.
        preparation: How the images were made from cutouts, or None where that is not known.
        call: How it was made, None where that was not written down yet.
    """

    path: Path
    survey: str
    image_size: int
    pixel_scale: float | None
    units: str
    dtype: str
    shards: tuple[Shard, ...]
    read: int
    written: int
    rejected: int
    bands: tuple[str, ...] = BANDS
    preparation: Preparation | None = None
    schema_version: int = SCHEMA_VERSION
    call: Call | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        def check(name: str, good: bool, must: str) -> None:
            if not good:
                raise GalkerasError(
                    f"{self.path / DATASET_FILE}: {name} must be {must}. Received: {getattr(self, name)!r}"
                )

        check("schema_version", self.schema_version in _READABLE, " or ".join(map(str, _READABLE)))
        check("units", self.units in (NANOMAGGY, PICTURE), f"{NANOMAGGY} or {PICTURE}")
        check("dtype", self.dtype in DTYPES, f"one of {', '.join(DTYPES)}")
        check("image_size", type(self.image_size) is int and 0 < self.image_size <= 4096, "1 to 4096")
        scale = self.pixel_scale
        known = isinstance(scale, int | float) and 0 < scale < MAX_SCALE
        check("pixel_scale", scale is None or known, "positive or null")
        try:
            object.__setattr__(self, "preparation", Preparation.from_json(self.preparation))
            self.images  # noqa: B018  its making checks the bands
        except GalkerasError as error:
            raise GalkerasError(f"{self.path / DATASET_FILE}: {error}") from None
        check("survey", isinstance(self.survey, str) and bool(self.survey), "a name")
        check("shards", all(s.split in SPLITS for s in self.shards), f"of splits {', '.join(SPLITS)}")
        # A name with a folder in it would lead out of the record set.
        named = all(SHARD_NAME.fullmatch(str(s.name)) for s in self.shards)
        check("shards", named, "named SPLIT-00000-of-00008.tfrecord")
        check("shards", len({s.name for s in self.shards}) == len(self.shards), "of different names")
        check("shards", all(self._plausible(s) for s in self.shards), "large enough for their examples")
        for name in ("read", "written", "rejected"):
            check(name, type(getattr(self, name)) is int and getattr(self, name) >= 0, "0 or more")
        check("read", self.read == self.written + self.rejected, "written + rejected")
        check("written", self.written == sum(shard.examples for shard in self.shards), "the sum over shards")

    def __repr__(self) -> str:
        side, bands = self.image_size, band_text(self.bands)
        return f"<RecordSet {self.path}: {self.written:,} galaxies of {self.survey}, {side} x {side} x {bands}>"

    def __str__(self) -> str:
        return str(self.path)

    def __fspath__(self) -> str:
        return str(self.path)

    def _plausible(self, shard: Shard) -> bool:
        counts = isinstance(shard.examples, int) and isinstance(shard.bytes, int)
        return counts and 0 <= shard.examples * self.image_bytes <= shard.bytes

    @classmethod
    def load(cls, path: "str | Path | RecordSet") -> "RecordSet":
        """Read the record set in folder ``path``; anything wrong with it is a `GalkerasError`."""
        if isinstance(path, RecordSet):
            return path
        path = Path(path)
        file = path / DATASET_FILE
        if not file.exists():
            raise GalkerasError(f"{path} is not a finished record set: it holds no {DATASET_FILE}")
        return cls._from_json(path, read_json(file))

    @classmethod
    def _from_json(cls, path: Path, value: Any) -> "RecordSet":
        try:
            known = {one.name for one in fields(cls)} - {"path", "call"}
            if value["schema_version"] == 1:
                value = {**value, "preparation": None}
            call = from_json(Call | None, value.get("call"), "call")
            value = {key: value[key] for key in known}
            shards = tuple(Shard(**shard) for shard in value.pop("shards"))
            return cls(path=path, shards=shards, bands=tuple(value.pop("bands")), call=call, **value)
        except (KeyError, TypeError, ValueError) as error:
            raise GalkerasError(f"{path / DATASET_FILE} is not a record set's: {error}") from None

    def save(self) -> None:
        """Write ``dataset.json``, the last file of a record set."""
        value = {name: one for name, one in asdict(self).items() if name != "path" and (name, one) != ("call", None)}
        write_json(self.path / DATASET_FILE, value)

    def in_split(self, split: str) -> tuple[Shard, ...]:
        """Return the shards of one split."""
        return tuple(shard for shard in self.shards if shard.split == split)

    def count(self, *splits: str) -> int:
        """Return the number of records in the named splits, or in all."""
        return sum(shard.examples for shard in self.shards if not splits or shard.split in splits)

    @property
    def digest(self) -> str:
        """What identifies the records: a SHA-256 over the checksums of all shards."""
        return hashlib.sha256("".join(shard.sha256 for shard in self.shards).encode()).hexdigest()

    @property
    def images(self) -> ImageSpec:
        """What the images are."""
        return ImageSpec(self.image_size, self.units, self.bands, self.pixel_scale, self.preparation)

    @cached_property
    def image_bytes(self) -> int:
        """Bytes of one stored image."""
        return self.image_size**2 * len(self.bands) * ITEM_SIZES[self.dtype]
