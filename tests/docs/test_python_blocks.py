"""The Python of README and docs runs, in the order in which a reader meets it, on a survey that is small."""

import json
import re
from pathlib import Path

import pytest

import galkeras as gk
from galkeras.morphology import forests

ROOT = Path(__file__).parents[2]
FENCE = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)

# What makes the reader's ten minutes half a minute. The rest runs as it is written.
SMALLER = {"galaxies=1500": "galaxies=240, seed=1", "epochs=20": "epochs=1", "count=36": "count=4"}


def blocks(page: str) -> list[str]:
    return FENCE.findall((ROOT / page).read_text())


def run(page: str, block: str, replaced: dict[str, str], names: dict | None = None) -> None:
    for long, short in replaced.items():
        block = block.replace(long, short)
    exec(compile(block, f"{page}, Python block", "exec"), names if names is not None else {"__name__": "__main__"})


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """An empty folder, and in it what docs/python.md makes."""
    folder = tmp_path_factory.mktemp("reader")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setitem(forests.FOREST, "n_estimators", 10)
        names = {"__name__": "__main__"}  # the page goes on in one notebook
        for block in blocks("docs/python.md"):
            run("docs/python.md", block, SMALLER, names)
        gk.export("demo/saved_models/vae40", forests="demo/forests/gzd5")
    # The other pages speak of the same things without the folder of the demonstration.
    for path in (folder / "demo").iterdir():
        (folder / path.name).symlink_to(path)
    (folder / "saved_models" / "first").symlink_to("vae40")
    return folder


def test_docs_python(folder):
    assert (folder / "rebuilt.png").exists() and (folder / "demo" / "edge-on").is_dir()


@pytest.mark.parametrize("page", ["docs/report.md", "docs/similar.md"])
def test_pages(page, folder, monkeypatch):
    monkeypatch.chdir(folder)
    for block in blocks(page):
        run(page, block, SMALLER)


@pytest.mark.parametrize("page, name", [("docs/tutorial.md", "vae40"), ("docs/serving.md", "first")])
def test_pages_that_ask_a_server(page, name, folder, monkeypatch, capsys):
    """TensorFlow Serving is no Python package: the stand-in of the tests answers, on ports that are free."""
    from serving.stand_in import StandIn

    monkeypatch.chdir(folder)
    galaxy = next((folder / "mock" / "cutouts" / "decals").iterdir()).stem
    with StandIn(folder / "saved_models" / "vae40") as server:
        server.name = name
        ports = {"localhost:8501": server.rest.split("/")[2], "localhost:8500": server.grpc.split("/")[2]}
        for block in blocks(page):
            run(page, re.sub(r"J\d{6}\.\d\d[+-]\d{6}\.\d", galaxy, block), ports)
    assert capsys.readouterr().out


def test_no_page_is_left_out():
    pages = {str(path.relative_to(ROOT)) for path in (ROOT / "README.md", *(ROOT / "docs").glob("*.md"))}
    tried = {"docs/tutorial.md", "docs/python.md", "docs/report.md", "docs/similar.md", "docs/serving.md"}
    assert {page for page in pages if blocks(page)} == tried


def test_the_reference_has_every_name():
    told = re.findall(r"^::: (galkeras[\w.]+)\.(\w+)$", (ROOT / "docs" / "reference.md").read_text(), re.MULTILINE)
    assert {(name, home) for home, name in told} >= set(gk._HOME.items())


@pytest.mark.parametrize("name", ["first_latents", "two_surveys"])
def test_notebooks(name, tmp_path, monkeypatch, capsys):
    """Cell by cell."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(forests.FOREST, "n_estimators", 10)
    cells = json.loads((ROOT / "docs" / "notebooks" / f"{name}.ipynb").read_text())["cells"]
    names = {"__name__": "__main__"}
    for cell in cells:
        if cell["cell_type"] == "code":
            run(name, "".join(cell["source"]), SMALLER, names)
    assert capsys.readouterr().out
