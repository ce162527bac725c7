"""What `import galkeras` gives, and that the command line gives the same."""

import ast
import pickle
import pkgutil
import subprocess
import sys
from collections.abc import Sequence  # noqa: F401 - of an annotation
from inspect import signature
from pathlib import Path

import numpy as np
import pytest
from typer.main import get_command

import galkeras as gk
from galkeras import api, cli
from galkeras.io.arguments import checked
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


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: gk.encode("m", ["a", "b"]), "`records` must be a path or a RecordSet. Received: records=['a', 'b']"),
        (
            lambda: gk.make_tfrecords(["c.csv"], "x", "y"),
            "`catalog` must be a path or None. Received: catalog=['c.csv']",
        ),
        (lambda: gk.make_tfrecords(None, "x", 3), "`out` must be a path. Received: out=3"),
        (
            lambda: gk.classify("l", "c", label_column=3),
            "`label_column` must be text, a sequence of text or None. Received: label_column=3",
        ),
        (lambda: gk.classify("l", "c", trees="many"), "`trees` must be a whole number or None. Received: trees='many'"),
        (lambda: gk.predict({}, "f"), "`latents` must be a path or a LatentTable. Received: latents={}"),
        (lambda: gk.predict("l", "f", catalog=3), "`catalog` must be a path, a Table or None. Received: catalog=3"),
        (
            lambda: gk.predict("l", "f", label_column=[1]),
            "`label_column` must be text or None. Received: label_column=[1]",
        ),
        (lambda: gk.fit("r", "o", catalog=["c.csv"]), "`catalog` must be a path or None. Received: catalog=['c.csv']"),
        (
            lambda: gk.fit("r", "o", label_columns=3),
            "`label_columns` must be a sequence of text. Received: label_columns=3",
        ),
        (lambda: gk.outliers("l", records=[3]), "`records` must be a sequence of paths. Received: records=[3]"),
        (lambda: gk.report("m", "o", inputs=["a"]), "`inputs` must be a mapping or None. Received: inputs=['a']"),
        (lambda: gk.outliers("l", sigma="8"), "`sigma` must be a number. Received: sigma='8'"),
        (lambda: gk.similar(object(), "a"), "`latents` must be a path or a LatentTable. Received: latents=<object>"),
        (lambda: gk.load_model(["m"]), "`path` must be a path or a VAE. Received: path=['m']"),
        (lambda: gk.api.similar("l", "a", count="x" * 99), f"Received: count='{'x' * 59}…"),
    ],
)
def test_an_argument_of_another_type_is_told_by_name(call, said):
    with pytest.raises(gk.GalkerasError) as caught:
        call()
    assert str(caught.value).endswith(said) and "\n" not in str(caught.value)


def test_what_fits_an_annotation_goes_through():
    def function(
        one: "str | Path | Missing", many: "Sequence[str | Path]" = (), number: float = 1.0, *, whole: int = 1
    ):
        return one, many, number, whole

    class Missing:
        """Stands for a class that is imported for type checkers alone."""

    given = checked(function)
    one = Missing()
    assert given(one, "a", 2, whole=np.int64(3)) == (one, "a", 2, 3)
    assert given(Path("a"), iter(()), np.float32(2))[0] == Path("a")
    with pytest.raises(TypeError, match="unexpected keyword"):
        given("a", other=1)
    assert pickle.loads(pickle.dumps(gk.inspect)) is gk.inspect
