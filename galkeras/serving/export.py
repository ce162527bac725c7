"""From a model folder to a numbered SavedModel that a polling server finds whole or not at all."""

__all__ = ["Exported", "export"]

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from galkeras.backend import tf
from galkeras.io.errors import GalkerasError
from galkeras.io.files import atomic_write
from galkeras.io.locks import locked
from galkeras.latents.table import VIEWS
from galkeras.models.folder import load_model
from galkeras.models.vae import VAE
from galkeras.morphology.forests import Forests
from galkeras.serving.description import DESCRIPTION_FILE, description
from galkeras.serving.signatures import Served, domains_of
from galkeras.serving.warmup import write_warmup

# No number, so a server that polls the model folder for versions does not see them.
_STAGED, _ASSETS = ".export", ".export-assets"


@dataclass(frozen=True)
class Exported:
    """What `export` wrote.

    Attributes:
        path: The SavedModel, ``saved_models/NAME/N``.
        version: N.
        signatures: Names of what it can be asked.
        bytes: Its size.
    """

    path: Path
    version: int
    signatures: tuple[str, ...]
    bytes: int


def export(model: str | Path, *, forests: str | Path | None = None, version: int | None = None) -> Exported:
    """Write a fitted model, and forests on its latents, as a SavedModel for TensorFlow Serving.

    Each signature has one input and named outputs, all with a row for each galaxy and any number of rows; images
    are cutouts as survey files hold them, in the units of the model. See ``docs/serving.md`` for all of them.

    Args:
        model: The model folder, ``saved_models/NAME``; the versions are written into it.
        forests: A folder that `classify` wrote from latents of this model.
        version: Number of the version; by default the one after the highest there is.

    Returns:
        Where the SavedModel is, and what it can be asked.

    Raises:
        GalkerasError: The folder holds no fitted model, the forests are of another model, the version exists, or
            another export is under way.
    """
    model = Path(model)
    if version is not None and version < 1:
        raise GalkerasError(f"`version` must be 1 or more. Received: version={version}")
    vae = load_model(model)
    loaded = None if forests is None else _forests_of(forests, vae, model)
    with _staging(model) as (staged, assets):
        version = _next_version(model) if version is None else version
        target = model / str(version)
        if target.exists():
            raise GalkerasError(f"{target} exists, and servers may hold it: choose another `version`, or leave it out")
        signatures = _write(staged, assets, vae, model.resolve().name, version, loaded)
        _sync(staged)
        try:
            os.rename(staged, target)
        except OSError as error:  # came up in between, and is never replaced
            raise GalkerasError(f"{target} exists, and this export is not it: {error.strerror}") from None
        _sync_folder(model)
    size = sum(file.stat().st_size for file in target.rglob("*") if file.is_file())
    return Exported(target, version, signatures, size)


def _forests_of(folder: str | Path, vae: VAE, model: Path) -> Forests:
    forests = Forests.load(folder)
    if forests.model != vae.digest:
        raise GalkerasError(
            f"{folder} was fitted on latents of model {forests.model[:12]}, and {model} is model {vae.digest[:12]}:"
            " encode with this model and run classify again"
        )
    if not forests.by_question:
        raise GalkerasError(f"{folder} holds no forest of any question")
    if forests.views not in VIEWS:
        raise GalkerasError(f"{folder}: `views` must be 1 or 8. Received: views={forests.views}")
    return forests


def _next_version(model: Path) -> int:
    return 1 + max((int(entry.name) for entry in model.iterdir() if entry.name.isdecimal()), default=0)


def _write(staged: Path, assets: Path, vae: VAE, name: str, version: int, forests: Forests | None) -> tuple[str, ...]:
    about = description(vae, name, version, domains_of(vae), forests).to_json()
    atomic_write(assets / DESCRIPTION_FILE, json.dumps(about, indent=2) + "\n")
    served = Served(vae, json.dumps(about), forests)
    module, signatures = served.module(), served.signatures()
    module.description = tf.saved_model.Asset(str(assets / DESCRIPTION_FILE))
    try:
        tf.saved_model.save(module, str(staged), signatures=signatures)
        inputs = {key: function.input_signature[0].name for key, function in signatures.items()}
        write_warmup(staged, name, vae.config, inputs)
    except tf.errors.OpError as error:
        raise GalkerasError(f"{staged.parent}: the export could not be written: {error.message}") from error
    return tuple(signatures)


@contextmanager
def _staging(model: Path) -> Iterator[tuple[Path, Path]]:
    """Yield paths inside the model folder to build in, which nobody else uses and which are gone afterwards."""
    paths = model / _STAGED, model / _ASSETS
    with locked(model, "export"):
        try:
            for path in paths:  # of an export that was killed
                shutil.rmtree(path, ignore_errors=True)
            yield paths
        finally:
            for path in paths:
                shutil.rmtree(path, ignore_errors=True)


def _sync(folder: Path) -> None:
    for path in [*folder.rglob("*"), folder]:
        if path.is_dir():
            _sync_folder(path)
        else:
            with open(path, "rb+") as file:
                os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    if os.name == "nt":  # where a folder cannot be opened
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
