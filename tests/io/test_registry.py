import subprocess
import sys

import pytest

from galkeras.io.errors import GalkerasError
from galkeras.io.registry import LazyRegistry, Registry

INIT = """
from galkeras.io.registry import Registry

FRUIT = Registry("fruit", package=__name__)
"""


@pytest.fixture
def fruit(tmp_path, monkeypatch):
    """A package whose modules each add one fruit."""
    folder = tmp_path / "orchard"
    folder.mkdir()
    (folder / "__init__.py").write_text(INIT)
    for name, entry in {"pear": "'pear', 1", "apple": "'apple', 2", "quince": "'quince', 3, order=-1"}.items():
        (folder / f"{name}.py").write_text(f"from orchard import FRUIT\n\nFRUIT.add({entry})\n")
    (folder / "_worm.py").write_text("raise RuntimeError('private')\n")
    monkeypatch.syspath_prepend(tmp_path)
    yield __import__("orchard").FRUIT
    for name in [name for name in sys.modules if name.split(".")[0] == "orchard"]:
        del sys.modules[name]


def test_modules_beside_the_registry_are_found_when_somebody_looks(fruit):
    assert not any(name.startswith("orchard.") for name in sys.modules)
    assert fruit["pear"] == 1
    assert {"orchard.apple", "orchard.pear", "orchard.quince"} <= set(sys.modules)


def test_order_is_that_of_the_orders_and_then_of_the_names(fruit):
    assert list(fruit) == list(fruit.names) == ["quince", "apple", "pear"]
    assert dict(fruit) == {"quince": 3, "apple": 2, "pear": 1}
    assert len(fruit) == 3 and "pear" in fruit and "plum" not in fruit
    assert fruit.get("apple") == 2 and fruit.get("plum") is None


def test_an_unknown_name_lists_the_known_ones(fruit):
    with pytest.raises(GalkerasError, match=r"^unknown fruit 'peer'; known: quince, apple, pear\. Did you mean 'pear'"):
        fruit["peer"]
    with pytest.raises(GalkerasError, match="known: none"):
        Registry("stone")["granite"]


def test_two_of_one_name_are_refused(fruit):
    assert len(fruit) == 3
    with pytest.raises(GalkerasError, match="fruit 'pear' already"):
        fruit.add("pear", 4)
    assert fruit["pear"] == 1


def test_two_modules_of_one_name_are_refused_at_every_look(fruit, tmp_path):
    (tmp_path / "orchard" / "williams.py").write_text("from orchard import FRUIT\n\nFRUIT.add('pear', 4)\n")
    for _ in range(2):
        with pytest.raises(GalkerasError, match="fruit 'pear' already"):
            list(fruit)


def test_add_decorates():
    registry = Registry("function")

    @registry.add("double")
    def double(x):
        return 2 * x

    assert registry["double"] is double and double(2) == 4


def test_a_test_may_put_in_its_own_for_a_while(fruit, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setitem(fruit, "plum", 5)
        assert list(fruit) == ["quince", "apple", "pear", "plum"]
    assert "plum" not in fruit and list(fruit) == ["quince", "apple", "pear"]


def test_importing_it_imports_no_tensorflow():
    code = "import galkeras.io.registry, sys; assert not {'tensorflow', 'keras', 'numpy'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_lazy_registry_knows_names_without_importing(tmp_path, monkeypatch):
    folder = tmp_path / "cellar"
    folder.mkdir()
    (folder / "__init__.py").write_text(
        "from galkeras.io.registry import LazyRegistry\n\nWINE = LazyRegistry('wine', __name__, first=('red',))\n"
    )
    for name in ("red", "late_white"):
        dashed = name.replace("_", "-")
        (folder / f"{name}.py").write_text(f"from cellar import WINE\n\nWINE.add({dashed!r}, 1)\n")
    monkeypatch.syspath_prepend(tmp_path)
    wine = __import__("cellar").WINE
    assert isinstance(wine, LazyRegistry)
    assert list(wine) == ["red", "late-white"] and len(wine) == 2 and "late-white" in wine
    assert "cellar.late_white" not in sys.modules
    assert wine["late-white"] == 1 and wine.get("red") == 1 and wine.get("rose") is None
    assert {"cellar.red", "cellar.late_white"} <= set(sys.modules)
    with pytest.raises(GalkerasError, match="unknown wine 'rd'; known: red, late-white. Did you mean 'red'"):
        wine["rd"]
    monkeypatch.setitem(wine, "rose", 2)
    assert list(wine) == ["red", "late-white", "rose"] and wine["rose"] == 2
    monkeypatch.undo()
    assert "rose" not in wine
