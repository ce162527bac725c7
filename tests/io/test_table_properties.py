"""Whatever a table holds, every format gives it back, or refuses to write it."""

import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from galkeras.io.columns import FORMATS, read_columns, write_columns
from galkeras.io.errors import GalkerasError
from galkeras.io.files import read_json, write_json

# Text as names of galaxies and classes are: printed letters of ASCII, which FITS holds too.
WORDS = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=12)
KINDS = {
    "f4": st.floats(width=32),
    "f8": st.floats(),
    "i8": st.integers(-(2**63) + 1, 2**63 - 1),
    "i4": st.integers(-(2**31), 2**31 - 1),
    "U": WORDS,
}


@st.composite
def tables(draw):
    rows = draw(st.integers(1, 5))
    kinds = draw(st.lists(st.sampled_from(sorted(KINDS)), min_size=1, max_size=4))
    columns = {}
    for index, kind in enumerate(kinds):
        values = draw(st.lists(KINDS[kind], min_size=rows, max_size=rows))
        columns[f"c{index}"] = np.array(values, None if kind == "U" else kind)
    return columns


@pytest.mark.parametrize("extension", FORMATS)
@settings(max_examples=25, deadline=None, derandomize=True, database=None)
@given(columns=tables(), note=st.dictionaries(WORDS, st.one_of(WORDS, st.integers(), st.none()), max_size=3))
def test_a_table_comes_back(extension, columns, note):
    note = {key: value for key, value in note.items() if key != "checksum"}
    text = tuple(name for name, values in columns.items() if values.dtype.kind == "U")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"a#b{extension}"
        try:
            write_columns(path, columns, note)
        except GalkerasError as error:
            assert path.name in str(error) or "FITS" in str(error)
            return
        found, metadata = read_columns(path, text)
    assert metadata == note and list(found) == list(columns)
    for name, values in columns.items():
        np.testing.assert_array_equal(found[name].astype(values.dtype), values)


VALUES = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-(10**50), 10**50),
        st.floats(allow_nan=False, allow_infinity=False),
        st.text(),
    ),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(), inner, max_size=3)),
    max_leaves=10,
)


@settings(max_examples=50, deadline=None, derandomize=True, database=None)
@given(value=st.dictionaries(st.text().filter(lambda key: key != "sha256"), VALUES, max_size=4))
def test_json_comes_back(value):
    with tempfile.TemporaryDirectory() as folder:
        write_json(Path(folder) / "v.json", value)
        assert read_json(Path(folder) / "v.json") == value
