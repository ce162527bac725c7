"""Galaxies that look like others."""

__all__: list[str] = []

from pathlib import Path

import numpy as np

from galkeras.discovery.similar import MOSAIC, TABLE
from galkeras.discovery.similar_table import read_similar
from galkeras.reporting.figures import stored_picture
from galkeras.reporting.page import Part, Table
from galkeras.reporting.sections import SECTIONS, Section
from galkeras.reporting.subject import Subject, check_model

# Queries that are listed, and neighbours of each: all of them are in the table on disk.
_QUERIES, _NEIGHBOURS = 12, 3


def _part(subject: Subject) -> Part | None:
    """Return the neighbours of each query, and the mosaic where `similar` was given the record sets."""
    if "similar" not in subject.inputs:
        return None
    folder: Path = subject.inputs["similar"]
    found = read_similar(folder)
    check_model(folder / TABLE, found.model, subject.digest)
    part = Part("similar", "Galaxies that look alike")
    part.pictures += stored_picture(
        folder / MOSAIC, "Mosaic of galaxies and those most like them.", "A query in each row, and its neighbours."
    )
    columns = found.columns
    queries = list(dict.fromkeys(zip(*(columns[name].tolist() for name in ("query", "query_survey")), strict=True)))
    rows = []
    for query, survey in queries[:_QUERIES]:
        of_query = np.flatnonzero((columns["query"] == query) & (columns["query_survey"] == survey))
        nearest = of_query[np.argsort(columns["neighbour"][of_query], kind="stable")][:_NEIGHBOURS]
        rows += [
            (str(query), str(columns["id"][row]), str(columns["survey"][row]), f"{columns['distance'][row]:.2f}")
            for row in nearest
        ]
    typical = found.typical_distance
    part.facts = [("galaxies asked for", f"{len(queries):,}"), ("two galaxies at random", f"{typical:.1f} apart")]
    part.tables.append(
        Table(("query", "like it", "survey", "distance"), rows, "The nearest of each, by their latents.")
    )
    return part


SECTIONS.add("similar", Section(_part, option="similar", first=True), order=7.5)
