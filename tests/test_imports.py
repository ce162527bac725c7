"""Imports run downwards only, and TensorFlow is loaded by what computes with tensors alone."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import galkeras

# A room may import those before it. `backend` is TensorFlow itself, with its settings; the face finds by name.
ROOMS = (
    *("io", "backend", "galaxyzoo", "surveys", "simulation", "records", "models", "training", "latents"),
    *("morphology", "discovery", "evaluation", "serving", "reporting", "cli"),
)
FACE = {"galkeras", "galkeras.api"}

# What answers in a second, because it works on tables, records or a server.
WITHOUT_TENSORFLOW = (
    *("mock", "download", "make_tfrecords", "inspect", "classify", "predict", "scan", "outliers", "similar", "explore"),
    *("report", "request", "fit"),
)
HEAVY = {"tensorflow", "keras", "tensorflow_probability", "tf_keras"}

ROOT = Path(galkeras.__file__).parent
MODULES = {
    ".".join((ROOT.name, *path.relative_to(ROOT).with_suffix("").parts)).removesuffix(".__init__"): path
    for path in ROOT.rglob("*.py")
}


def imported(module: str, top_only: bool = False) -> Iterator[str]:
    """Yield the modules that a module imports, anywhere in it or while it is itself imported."""
    tree = _Run().visit(ast.parse(MODULES[module].read_text()))
    for node in _at_import(tree) if top_only else ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module}: imports are absolute"
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                yield inner if inner in MODULES else node.module


class _Run(ast.NodeTransformer):
    """Leaves out what is imported for annotations alone, which never runs."""

    def visit_If(self, node: ast.If) -> ast.If | None:
        return None if isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING" else self.generic_visit(node)


def _at_import(node: ast.AST) -> Iterator[ast.AST]:
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            yield child
            yield from _at_import(child)


def room(module: str) -> str:
    return module.split(".")[1]


def found(module: str) -> set[str]:
    """Return the modules that the registry of a module imports when somebody asks it, all of its package at once."""
    packages = {
        module if isinstance(one.value, ast.Name) else ast.literal_eval(one.value)
        for node in ast.walk(ast.parse(MODULES[module].read_text()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Registry"
        for one in node.keywords
        if one.arg == "package"
    }
    return {name for name in MODULES if name.rpartition(".")[0] in packages}


def ours(module: str, top_only: bool = False) -> set[str]:
    return {name for name in imported(module, top_only) if name in MODULES and name != "galkeras"}


def test_every_room_has_its_place():
    assert {room(module) for module in MODULES.keys() - FACE} == set(ROOMS)


@pytest.mark.parametrize("upper", ROOMS)
def test_a_room_imports_those_below_it(upper):
    for module in sorted(MODULES.keys() - FACE):
        if room(module) != upper:
            continue
        for name in sorted(ours(module)):
            assert name not in FACE, f"{module} imports {name}, which stands above it"
            below = ROOMS.index(room(name)) <= ROOMS.index(upper)
            assert below, f"{module} imports {name}: {room(name)} stands above {upper}"


def test_nothing_but_the_command_line_imports_it():
    for module in MODULES:
        assert room(f"{module}.") == "cli" or not any(name.startswith("galkeras.cli") for name in imported(module))


def test_no_module_imports_itself_by_others():
    try:
        TopologicalSorter({module: ours(module) for module in MODULES}).prepare()
    except CycleError as circle:
        pytest.fail(" -> ".join(reversed(circle.args[1])))


def test_tensorflow_is_imported_in_one_place():
    for module in MODULES.keys() - {"galkeras.backend"}:
        heavy = {name for name in imported(module) if name.split(".")[0] in HEAVY}
        assert not heavy, f"{module} imports {heavy}: it comes from galkeras.backend"


@pytest.mark.parametrize("start", ["galkeras.cli", *(galkeras.COMMANDS[name] for name in WITHOUT_TENSORFLOW)])
def test_a_command_on_tables_does_not_wait_for_tensorflow(start):
    not_loaded(start, {"galkeras.backend"})


@pytest.mark.parametrize(
    "start, unneeded",
    [
        ("galkeras.latents.encode", {"astropy", "matplotlib", "sklearn"}),
        ("galkeras.models.architectures.upright", {"astropy", "matplotlib", "sklearn"}),
        ("galkeras.morphology.predict", {"astropy", "matplotlib"}),
    ],
)
def test_a_command_does_not_wait_for_what_it_may_not_need(start, unneeded):
    not_loaded(start, unneeded)


def not_loaded(start: str, unneeded: set[str]) -> None:
    """Fail with the way by which importing ``start``, or asking a registry, leads to one of the modules or packages."""
    came_from: dict[str, str] = {start: ""}
    waiting = [start]
    while waiting:
        module = waiting.pop()
        for name in {*imported(module, top_only=True), *found(module)} - came_from.keys() - {"galkeras"}:
            came_from[name] = module
            if name in MODULES:
                waiting.append(name)
    for name in sorted(came_from):
        if name in unneeded or name.split(".")[0] in unneeded:
            way = [name]
            while way[-1] != start:
                way.append(came_from[way[-1]])
            pytest.fail(" <- ".join(way))


# Help needs no numbers; and Keras would load the others if it found them.
@pytest.mark.parametrize(
    "start, unneeded", [("galkeras.cli", ["numpy"]), ("galkeras.backend", ["sklearn", "matplotlib"])]
)
def test_what_loading_leaves_out_can_be_imported_afterwards(start, unneeded):
    code = f"import sys, {start}; assert not sys.modules.keys() & {set(unneeded)}; import {', '.join(unneeded)}"
    subprocess.run([sys.executable, "-c", code], check=True)
