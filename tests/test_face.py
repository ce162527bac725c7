"""What `import galkeras` gives, and that the command line gives the same."""

import ast
import pkgutil
import subprocess
import sys
from inspect import signature
from pathlib import Path

import pytest
from typer.main import get_command

import galkeras as gk
from galkeras import api, cli
from galkeras.training.options import AdaptOptions, FitOptions, NetworkOptions, choices, flag

FOLDER = Path(gk.__file__).parent


def test_cli_and_face_list_the_same_commands():
    assert [name.replace("_", "-") for name in gk.COMMANDS] == list(cli.COMMANDS)
    files = {name for _, name, _ in pkgutil.iter_modules(cli.__path__)}
    assert files - {"options", "speech", "terminal"} == set(gk.COMMANDS)
    assert api.__all__ == list(gk.COMMANDS) and set(dir(api)) == set(gk.COMMANDS)


def test_every_name_is_there_and_has_its_docstring():
    for name in gk.__all__:
        thing = getattr(gk, name)
        assert callable(thing) and thing.__doc__ and thing.__name__ == name
        assert name in dir(gk)
    assert gk.fit is api.fit and callable(api.mock)


@pytest.mark.parametrize("name", sorted(gk.COMMANDS))
def test_a_command_has_the_functions_defaults(name):
    """What the command line takes for an option left out is what the function takes."""
    function = signature(getattr(gk, name)).parameters
    command = signature(__import__(f"galkeras.cli.{name}", fromlist=["command"]).command).parameters
    for option in function.keys() & command.keys():
        ours, its = function[option].default, command[option].default
        if isinstance(its, (int, float, bool)) and isinstance(ours, (int, float, bool)):
            assert ours == its, f"{name}: {option} is {ours} in Python and {its} on the command line"


@pytest.mark.parametrize(("name", "options"), [("fit", FitOptions), ("adapt", AdaptOptions), ("scan", NetworkOptions)])
def test_options_stand_once(name, options):
    """Function and command take every option of the class, with its default, and the command lists its meaning."""
    function = signature(getattr(gk, name)).parameters
    command = get_command(cli.app).commands[name]
    listed = {param.name: param for param in command.params}
    for one in choices(options):
        assert function[one.name].default == one.default, one.name
        assert listed[one.name].opts == [flag(one)] and listed[one.name].help.startswith(one.metadata["about"])
        assert (listed[one.name].default or None) == (one.default or None), one.name


def test_no_name_hides_a_package():
    assert not {name for _, name, _ in pkgutil.iter_modules(gk.__path__)} & set(gk.__all__)


def test_what_is_not_there_is_an_attribute_error():
    with pytest.raises(AttributeError, match="has no attribute 'fitt'"):
        gk.fitt  # noqa: B018
    with pytest.raises(AttributeError, match="has no attribute 'RecordSet'"):
        api.RecordSet  # noqa: B018
    with pytest.raises(ImportError):
        from galkeras import nothing  # noqa: F401


def test_editors_are_told_the_same_names():
    stub = ast.parse((FOLDER / "__init__.pyi").read_text())
    told = {node.names[0].name: node.module for node in stub.body if isinstance(node, ast.ImportFrom)}
    assert told == gk._HOME
    assert (FOLDER / "py.typed").exists()


def test_import_is_cheap():
    code = "import sys, galkeras, galkeras.api; print(*sorted({name.split('.')[0] for name in sys.modules}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"tensorflow", "keras", "numpy", "astropy", "matplotlib"} & set(done.stdout.split())
