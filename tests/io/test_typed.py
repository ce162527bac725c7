from dataclasses import asdict, dataclass

import pytest

from galkeras.io.errors import GalkerasError
from galkeras.io.files import write_json
from galkeras.io.typed import read_typed


@dataclass(frozen=True)
class Inner:
    name: str
    bounds: tuple[float, float]
    seed: int | None = None


@dataclass(frozen=True)
class Outer:
    parts: tuple[Inner, ...]
    by_name: dict[str, Inner]
    whole: bool


def test_what_was_written_comes_back(tmp_path):
    inner = Inner("a", (0.0, 1.0))
    outer = Outer((inner, Inner("b", (1.0, 2.0), 3)), {"a": inner}, True)
    write_json(tmp_path / "outer.json", {"format": 1, "more": [], **asdict(outer)})
    assert read_typed(tmp_path / "outer.json", Outer, "test", 1) == outer


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"parts": [{"name": "a", "bounds": [0, "x"]}]}, r"`parts\[0\].bounds\[1\]` must be a number. Received: 'x'"),
        ({"parts": [{"name": "a"}]}, r"`parts\[0\].bounds` is missing"),
        ({"parts": [{"name": "a", "bounds": [0]}]}, r"`parts\[0\].bounds` must be 2 values"),
        ({"parts": [1]}, r"`parts\[0\]` must be an object"),
        ({"parts": {}}, "`parts` must be a list"),
        ({"by_name": {"a": {"name": 3}}}, "`by_name.a.name` must be text"),
        ({"by_name": {"a": {"name": "", "bounds": [0, 1], "seed": True}}}, "seed` must be a whole number. Received: T"),
        ({"whole": 1}, "`whole` must be true or false"),
        ({"format": 2}, "`format` must be 1. Received: 2"),
    ],
)
def test_what_is_damaged_is_named(tmp_path, change, message):
    write_json(tmp_path / "outer.json", {"parts": [], "by_name": {}, "whole": True} | change)
    with pytest.raises(GalkerasError, match="outer.json is not what `galkeras test` writes: .*" + message):
        read_typed(tmp_path / "outer.json", Outer, "test", 1)


def test_a_list_is_no_object(tmp_path):
    write_json(tmp_path / "outer.json", [])
    with pytest.raises(GalkerasError, match="`the whole` must be an object"):
        read_typed(tmp_path / "outer.json", Outer, "test", 1)
