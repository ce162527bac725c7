"""The skops file of one forest: the same forest is the same bytes, and nothing that is loaded can run."""

__all__ = ["TRUSTED", "read_forest", "write_forest"]

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import sklearn
import skops.io
from sklearn.ensemble import RandomForestClassifier
from sklearn.tree import DecisionTreeClassifier

from galkeras.io.errors import GalkerasError

TRUSTED = ("sklearn.tree._tree.Tree",)
"""The one type beyond skops' own defaults that a forest needs. A file that asks for any other is refused."""

# How many times larger than its file an unpacked forest may be. Those of real latents are four to six times.
_MOST_UNPACKED = 50

_SCHEMA, _ID, _FILE = "schema.json", "__id__", "file"


def write_forest(path: Path, classifier: RandomForestClassifier) -> None:
    """Write a forest as a skops file whose bytes follow from the forest alone.

    skops numbers objects, and names the files of arrays, by where these are in memory, and an archive holds the time:
    the objects are numbered anew in the order in which they stand there, and the time is the first that an archive can
    have.
    """
    dumped = io.BytesIO()
    # Packed lightly, as forests are large.
    skops.io.dump(classifier, dumped, compression=zipfile.ZIP_DEFLATED, compresslevel=1)
    with zipfile.ZipFile(dumped) as source, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as target:
        numbers: dict[int, int] = {}
        files: dict[str, str] = {}
        schema = _renumbered(json.loads(source.read(_SCHEMA)), numbers, files)
        for old, new in files.items():
            _add(target, new, source.read(old))
        _add(target, _SCHEMA, json.dumps(schema, indent=2).encode())


def _renumbered(node: Any, numbers: dict[int, int], files: dict[str, str]) -> Any:
    """Return a part of the schema with the numbers of objects, and the names of files, in the order of their coming."""
    if isinstance(node, list):
        return [_renumbered(part, numbers, files) for part in node]
    if not isinstance(node, dict):
        return node
    found = {}
    for key, part in node.items():
        if key == _ID:
            found[key] = numbers.setdefault(part, len(numbers))
        elif key == _FILE:
            found[key] = files.setdefault(part, f"{len(files)}{Path(part).suffix}")
        else:
            found[key] = _renumbered(part, numbers, files)
    return found


def _add(archive: zipfile.ZipFile, name: str, data: bytes) -> None:
    archive.writestr(zipfile.ZipInfo(name), data, zipfile.ZIP_DEFLATED)


def read_forest(file: Path, features: int, classes: int, version: str) -> RandomForestClassifier:
    """Return the forest in a file.

    Args:
        file: The file.
        features: How many it must read.
        classes: Number of classes that it must know.
        version: Of the scikit-learn that wrote it, for messages.

    Raises:
        GalkerasError: It cannot be loaded, asks for types that no forest needs, or holds no forest, or another one.
    """
    classifier = _read_skops(file, version)
    _check_forest(file, classifier, features, classes)
    return classifier


def _read_skops(file: Path, version: str) -> Any:
    try:
        with zipfile.ZipFile(file) as archive:
            # No member is read past the size that it declares.
            unpacked = sum(member.file_size for member in archive.infolist())
        if unpacked > _MOST_UNPACKED * file.stat().st_size:
            raise GalkerasError(f"{file} unpacks to {unpacked:,} bytes, far more than a forest of its size does")
        foreign = sorted(set(skops.io.get_untrusted_types(file=file)) - set(TRUSTED))
        if foreign:
            raise GalkerasError(f"{file} is refused: it asks to load {', '.join(foreign)}, which no forest needs")
        return skops.io.load(file, trusted=list(TRUSTED))
    except (GalkerasError, MemoryError):
        raise
    except Exception as error:
        # Whatever a damaged file, or one of another scikit-learn, makes skops raise.
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise GalkerasError(
            f"{file} cannot be loaded: {reason} (of scikit-learn {version}, this is {sklearn.__version__})"
        ) from None


def _check_forest(file: Path, classifier: Any, features: int, classes: int) -> None:
    """Refuse what is no forest, and trees whose nodes point outside: compiled code follows them unchecked."""

    def sound(tree: Any) -> bool:
        if tree.node_count < 1 or tree.n_features != features:
            return False
        left, right, feature = tree.children_left, tree.children_right, tree.feature
        leaf = left == -1
        here = np.arange(tree.node_count)
        inside = (left > here) & (left < tree.node_count) & (right > here) & (right < tree.node_count)
        split = inside & (feature >= 0) & (feature < features)
        return bool(np.all(leaf | split)) and tree.value.shape == (tree.node_count, 1, classes)

    if type(classifier) is not RandomForestClassifier:
        raise GalkerasError(f"{file} holds no random forest but {type(classifier).__name__}")
    try:
        good = (
            classifier.n_features_in_ == features
            and np.array_equal(classifier.classes_, np.arange(classes))
            and classifier.n_classes_ == classes
            and classifier.n_outputs_ == 1
            and len(classifier.estimators_) > 0
            and all(type(tree) is DecisionTreeClassifier and sound(tree.tree_) for tree in classifier.estimators_)
        )
    except (AttributeError, TypeError) as error:
        raise GalkerasError(f"{file} holds no whole forest: {error}") from None
    if not good:
        raise GalkerasError(f"{file} holds a forest that does not fit forests.json: other features, classes or nodes")
