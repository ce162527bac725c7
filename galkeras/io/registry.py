"""Things of one kind by name, each found in a file of its own beside the others."""

__all__ = ["LazyRegistry", "Registry"]

import pkgutil
from collections.abc import Iterator, MutableMapping
from importlib import import_module
from threading import RLock
from typing import Any, Generic, TypeVar, overload

from galkeras.io.errors import GalkerasError, did_you_mean

Entry = TypeVar("Entry")


class Registry(MutableMapping[str, Entry], Generic[Entry]):
    """A mapping of names to things of one kind, which the modules of a package put into it.

    The modules are imported when somebody first looks, so a package that only holds a registry costs nothing to
    import, and one more file in the package is one more entry. The entries come in the order of their ``order``, and
    by name within it, whatever the file system says.

        # galkeras/galaxyzoo/trees/__init__.py
        TREES: Registry[Tree] = Registry("decision tree", package=__name__)

        # galkeras/galaxyzoo/trees/gz2.py
        TREES.add("gz2", Tree(...))

    A test puts its own in for a while with ``monkeypatch.setitem(TREES, "toy", toy)``.

    >>> shapes = Registry("shape")
    >>> shapes.add("square", 4)
    4
    >>> shapes.add("triangle", 3, order=-1)
    3
    >>> list(shapes), "square" in shapes, shapes["triangle"]
    (['triangle', 'square'], True, 3)

    Args:
        kind: What the entries are, in the singular, for messages.
        package: The package whose modules hold the entries, usually ``__name__``; None where all are added by hand.
            Modules whose name begins with an underscore are left alone, and those of packages below are not looked
            for.
    """

    def __init__(self, kind: str, package: str | None = None):
        self.kind = kind
        self._package = package
        self._entries: dict[str, Entry] = {}
        self._order: dict[str, float] = {}
        self._found = package is None
        self._lock = RLock()

    @property
    def names(self) -> tuple[str, ...]:
        """The names, in order."""
        return tuple(self)

    @overload
    def add(self, name: str, entry: Entry, *, order: float = 0) -> Entry: ...
    @overload
    def add(self, name: str, *, order: float = 0) -> Any: ...
    def add(self, name: str, entry: Any = None, *, order: float = 0) -> Any:
        """Put an entry in and return it; without ``entry`` it is a decorator, ``@REGISTRY.add("name")``.

        Args:
            name: What the entry is asked for by.
            entry: The thing.
            order: Entries of a smaller order come first.

        Raises:
            GalkerasError: There is an entry of that name.
        """
        if entry is None:
            return lambda decorated: self.add(name, decorated, order=order)
        with self._lock:
            if name in self._entries:
                raise GalkerasError(f"there is a {self.kind} {name!r} already: two of one name cannot be told apart")
            self._entries[name], self._order[name] = entry, order
        return entry

    def __getitem__(self, name: str) -> Entry:
        """Return the entry of that name; an unknown one is a `GalkerasError` that lists the known."""
        self._find()
        if name not in self._entries:
            known = self.names
            near = did_you_mean(str(name), known)
            raise GalkerasError(f"unknown {self.kind} {name!r}; known: {', '.join(known) or 'none'}.{near}")
        return self._entries[name]

    def __setitem__(self, name: str, entry: Entry) -> None:
        self._find()
        self._entries[name] = entry
        self._order.setdefault(name, 0)

    def __delitem__(self, name: str) -> None:
        self[name]
        del self._entries[name], self._order[name]

    def __contains__(self, name: object) -> bool:
        self._find()
        return name in self._entries

    def __iter__(self) -> Iterator[str]:
        self._find()
        return iter(sorted(self._entries, key=lambda name: (self._order[name], name)))

    def __len__(self) -> int:
        self._find()
        return len(self._entries)

    def get(self, name: str, default: Any = None) -> Any:
        """Return the entry of that name, or the default."""
        return self._entries[name] if name in self else default

    def __repr__(self) -> str:
        return f"Registry({self.kind!r}: {', '.join(self)})"

    def _find(self) -> None:
        with self._lock:
            if self._found or self._package is None:
                return
            # A module may look into the registry while it is imported: it sees what is there by then.
            self._found = True
            try:
                folders = import_module(self._package).__path__
                for name in sorted(module.name for module in pkgutil.iter_modules(folders)):
                    if not name.startswith("_"):
                        import_module(f"{self._package}.{name}")
            except BaseException:
                self._found = False
                raise


class LazyRegistry(Registry[Entry]):
    """A `Registry` whose names are known without importing what they name, which may take seconds.

    The entry ``domain-adaptation`` stands in the module ``domain_adaptation``, which adds it under that name and is
    imported when the entry is asked for.

    Args:
        kind: What the entries are, in the singular, for messages.
        package: The package whose modules hold the entries, one each.
        first: Names that come before the others.
    """

    def __init__(self, kind: str, package: str, first: tuple[str, ...] = ()):
        super().__init__(kind, package)
        self._first = first
        self._modules: dict[str, str] = {}

    def __getitem__(self, name: str) -> Entry:
        """Return the entry of that name; an unknown one is a `GalkerasError` that lists the known."""
        self._find()
        if name in self._modules and name not in self._entries:
            import_module(f"{self._package}.{self._modules[name]}")
        return super().__getitem__(name)

    def __delitem__(self, name: str) -> None:
        super().__delitem__(name)
        self._modules.pop(name, None)

    def __contains__(self, name: object) -> bool:
        self._find()
        return name in self._modules or name in self._entries

    def __iter__(self) -> Iterator[str]:
        self._find()
        names = {*self._modules, *self._entries}
        return iter([*self._first, *sorted(names - {*self._first})])

    def __len__(self) -> int:
        self._find()
        return len({*self._modules, *self._entries})

    def get(self, name: str, default: Any = None) -> Any:
        """Return the entry of that name, or the default."""
        return self[name] if name in self else default

    def _find(self) -> None:
        with self._lock:
            if not self._found and self._package is not None:
                folders = import_module(self._package).__path__
                modules = [module.name for module in pkgutil.iter_modules(folders) if not module.name.startswith("_")]
                self._modules = {name.replace("_", "-"): name for name in modules}
                self._found = True
