"""What the record sets hold."""

__all__: list[str] = []

import csv
from collections import Counter
from itertools import islice

import numpy as np
from PIL import Image

from galkeras.records.inspect import read_galaxies
from galkeras.records.schema import REJECTED_FILE, SPLITS, RecordSet
from galkeras.reporting.figures import (
    embedded,
)
from galkeras.reporting.page import Part, Picture, Table, reading
from galkeras.reporting.sections import SECTIONS, Section
from galkeras.reporting.subject import Subject
from galkeras.surveys.pictures import mosaic, to_rgb
from galkeras.training.stored import AdaptationTraining

_SHOWN = 24


def _part(subject: Subject) -> Part | None:
    """Return what the record sets hold, what was rejected and why, and some of the galaxies."""
    sets, training = subject.sets, subject.training
    if not sets:
        return None
    part = Part("data", "Data")
    rows = []
    for records in sets:
        role = "trained on" if records.digest == training.records else "not trained on"
        if isinstance(training, AdaptationTraining):
            roles = {digest: f"adapted to, {name}" for name, digest in training.record_sets.items() if name != "source"}
            role = roles.get(records.digest, role)
        scale = "various" if records.pixel_scale is None else f"{records.pixel_scale:.3g} arcsec"
        splits = (f"{records.count(split):,}" for split in SPLITS)
        side = f"{records.image_size} px, {records.units}"
        rows.append((str(records.path), records.survey, role, side, scale, *splits, f"{records.rejected:,}"))
    header = ("record set", "survey", "", "images", "a pixel", *SPLITS, "rejected")
    part.tables.append(Table(header, rows, "Galaxies of the record sets, by split; the split follows from the id."))
    rejected = [(str(records.path), reason, f"{n:,}") for records in sets for reason, n in _rejected(records)]
    if rejected:
        part.tables.append(Table(("record set", "reason", "galaxies"), rejected, "What was rejected, and why."))
    for records in sets:
        images = np.stack([galaxy.image for galaxy in islice(read_galaxies(records), _SHOWN)])
        sheet = mosaic(to_rgb(images, records.units, records.pixel_scale, records.bands), 12)
        caption = f"The first {len(images)} galaxies of {records.path}, north up."
        alt = f"Mosaic of {len(images)} colour cutouts of galaxies of {records.survey}."
        part.pictures.append(Picture(embedded(Image.fromarray(sheet)), alt, caption, wide=True))
    return part


def _rejected(records: RecordSet) -> list[tuple[str, int]]:
    path = records.path / REJECTED_FILE
    if not path.is_file():
        return []
    with reading(path, "make-tfrecords"), open(path, newline="", errors="replace") as file:
        return Counter(row["reason"].split(":")[0] for row in csv.DictReader(file)).most_common()


SECTIONS.add("data", Section(_part), order=2)
