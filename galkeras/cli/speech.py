"""Messages of the library, which name Python's keywords, as the shell says them."""

__all__ = ["in_shell"]

import re
from collections.abc import Mapping
from typing import Any

# `name`, `name=value`, `function(name=value)` or `function(…)`.
_NAMED = re.compile(r"`(?:(?P<function>[a-z_]+)\()?(?P<name>[a-z_]*)(?:=(?P<value>[^`]*?))?\)?`")
_SHORT = {"latent_dim": "latent"}
_RECEIVED = re.compile(r"Received: (?P<name>[a-z_]+)=")


def in_shell(message: str, commands: Mapping[str, Any], command: str | None) -> str:
    """Return a message with the options of the shell in place of Python's keywords.

    What stands in backticks is a keyword of the command that was called, with a value or without, or a call of another
    command; what is neither stays as it is.

    Args:
        message: What the library says.
        commands: The commands by name, as Typer has them.
        command: The one that was called.
    """

    def said(match: re.Match[str]) -> str:
        function, name, value = match["function"], match["name"], match["value"]
        other = function.replace("_", "-") if function else command
        words = [] if function is None else ["galkeras", other]
        if function is None and value is None and name.replace("_", "-") in commands:
            return f"`galkeras {name.replace('_', '-')}`"
        if name:
            option = _option(commands.get(other), name, value)
            if option is None:
                return match[0]
            words.append(option)
            if value not in (None, "True", "False", "…"):
                words.append(value.strip("'\""))
        elif other not in commands:
            return match[0]
        return f"`{' '.join(words)}`" if function else " ".join(words)

    def received(match: re.Match[str]) -> str:
        return match[0] if _option(commands.get(command), match["name"]) is None else "Received: "

    return _RECEIVED.sub(received, _NAMED.sub(said, message))


def _option(command: Any, name: str, value: str | None = None) -> str | None:
    """Return what the shell calls a keyword of a command: its long option, or an argument in capitals."""
    known = {} if command is None else {one.name: one for one in command.params}
    # One that may be repeated has the plural in some commands, and `scan` lists what `fit` takes one of.
    names = (name, f"{name}s", name.removesuffix("s"), _SHORT.get(name))
    one = next((known[near] for near in names if near in known), None)
    if one is None:
        return None
    if one.param_type_name == "argument":
        return one.name.upper()
    return max((value == "False" and one.secondary_opts) or one.opts, key=len)
