"""The ``galkeras`` command. Each command is one file here, a thin parser over a function of galkeras' face."""

__all__ = ["app", "main"]

import sys
from importlib import import_module
from typing import Annotated

import typer

import galkeras
from galkeras.cli.speech import in_shell
from galkeras.cli.terminal import told
from galkeras.io.errors import GalkerasError
from galkeras.io.text import printable

# In the order in which the data flows. Each module holds `command`, and imports nothing heavy at its top.
COMMANDS: tuple[str, ...] = tuple(name.replace("_", "-") for name in galkeras.COMMANDS)

_INTERRUPTED = 130

app = typer.Typer(
    name="galkeras",
    help="Galaxy images to features: VAE latents, domain adaptation and Galaxy Zoo morphology.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for _name in COMMANDS:
    app.command(_name)(import_module(f"galkeras.cli.{_name.replace('-', '_')}").command)


def _print_version(value: bool) -> None:
    if value:
        typer.echo(f"galkeras {galkeras.__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    pass


def main() -> None:
    """Run the command line. Expected trouble is one line on stderr and exit code 1, never a traceback."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # Names of files need not be UTF-8.
            stream.reconfigure(errors="backslashreplace")

    def say(message: str) -> str:
        # Only where there is something to say: `app` makes its commands itself.
        commands = typer.main.get_command(app).commands
        return in_shell(message, commands, next((word for word in sys.argv[1:] if word in commands), None))

    try:
        with told(say):
            app()
    except GalkerasError as error:
        _fail(say(str(error)))
    except OSError as error:  # a full disk, a path that cannot be written, a file that has gone
        # Of a file that cannot be renamed, where it was to go.
        _fail(f"{error.filename2 or error.filename or 'writing'}: {error.strerror or error}")
    except UnicodeEncodeError as error:  # of libraries that take names in UTF-8 alone
        _fail(f"{error.object!r} is not UTF-8: choose another name")
    except MemoryError as error:
        _fail(f"not enough memory: {error or 'give fewer galaxies, or a smaller batch'}")
    except SystemExit as end:
        if end.code == _INTERRUPTED:  # Typer has turned Ctrl-C into this, and says nothing
            _fail("interrupted", _INTERRUPTED)
        raise


def _fail(message: str, code: int = 1) -> None:
    print(f"galkeras: {printable(message)}", file=sys.stderr)
    raise SystemExit(code)
