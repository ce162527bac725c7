"""A hook of MkDocs: links that lead out of docs/, into the repository, become their text on the site."""

import re

_OUTSIDE = re.compile(r"\[([^\]]+)\]\(\.\./[^)]*\)")


def on_page_markdown(markdown: str, **_: object) -> str:
    """Return the Markdown of a page without such links."""
    return _OUTSIDE.sub(r"\1", markdown)
