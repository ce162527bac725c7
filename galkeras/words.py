"""Numbers in sentences."""

__all__ = ["counted"]


def counted(count: int, singular: str, plural: str | None = None) -> str:
    """Return a count with its noun.

    >>> counted(1, "galaxy", "galaxies"), counted(1500, "shard")
    ('1 galaxy', '1,500 shards')
    """
    return f"{count:,} {singular if count == 1 else plural or singular + 's'}"
