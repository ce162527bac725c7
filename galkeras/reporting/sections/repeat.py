"""How to come by the same results: versions, and the commands as far as files remember them."""

__all__: list[str] = []

import json
import platform
import shlex
from dataclasses import fields
from importlib import metadata
from typing import Any

from galkeras import __version__
from galkeras.galaxyzoo.trees import TREES
from galkeras.models.config import ModelConfig
from galkeras.morphology.report import Classification
from galkeras.reporting.page import Part, Table
from galkeras.reporting.sections import SECTIONS, Section
from galkeras.reporting.subject import Subject
from galkeras.training.options import AdaptOptions, FitOptions, choices, flag
from galkeras.training.stored import AdaptationTraining

_PACKAGES = ("tensorflow", "keras", "tensorflow-probability", "numpy", "scikit-learn", "skops", "astropy")
# All that an adapted model has beside what it has from its VAE is an option of adapt.
_FROM_VAE = {field.name for field in fields(ModelConfig)}
_DEFAULT_ADAPTER = AdaptOptions().adapter


def _part(subject: Subject) -> Part:
    """Return versions and commands; what no file remembers is in capitals."""
    folder, stored, sets, latents = subject.folder, subject.stored, subject.sets, subject.latents
    digest, catalog, forests = subject.digest, subject.catalog, subject.inputs.get("forests") or ()
    part = Part("repeat", "To repeat it")
    training, model = subject.training, stored.model
    digests = {one.digest: str(one.path) for one in sets}
    source = digests.get(training.records, "RECORDS")
    votes = "CATALOG" if catalog is None else str(catalog)
    lines = [
        _command("make-tfrecords", votes, "CUTOUTS", **{"image-size": one.image_size}, out=str(one.path))
        for one in sets
    ]
    settings = model | {"image_size": model["network_size"], "focus": model["focus"] or 0} | stored.training
    options = {
        flag(one)[2:]: settings[one.name]
        for one in choices(AdaptOptions if stored.adapted else FitOptions)
        if one.name in settings and not (stored.adapted and one.name in _FROM_VAE | {"pairs_only"})
    }
    if stored.adapted and stored.kind != _DEFAULT_ADAPTER:
        options["adapter"] = stored.kind
        own = [name for name in model if name not in _FROM_VAE | {one.name for one in choices(AdaptOptions)}]
        flags_of_adapter = [word for name in own for word in ("--set", f"{name}={json.dumps(model[name])}")]
    else:
        flags_of_adapter = []
    if not stored.questions:
        options.pop("votes-weight", None)
    if not isinstance(training, AdaptationTraining):
        learned = _learned_from(stored.questions, votes)
        lines.append(_command("fit", source, *learned, **options, out=str(folder)))
    else:
        flags = [] if training.paired else ["--unpaired"]
        flags += ["--pairs-only"] if training.pairs_only else []
        flags += flags_of_adapter
        target = digests.get(training.target_records, "TARGET_RECORDS")
        lines.append(_command("adapt", "VAE", source, target, *flags, **options, out=str(folder)))
    if latents is not None:
        path, table = latents
        lines.append(_command("encode", str(folder), source, views=table.views, out=str(path)))
        for one in forests:
            found = Classification.load(one)
            given = {name: getattr(found, name) for name in ("seed", "minimum", "folds", "samples")}
            options = {name: value for name, value in given.items() if value is not None}
            lines.append(_command("classify", str(path), votes, **options, out=str(one)))
    part.commands = lines
    part.text.append(
        "What is in capitals, no file remembers. The split, the order and all draws follow from ids and seeds."
    )
    rows = [("galkeras", __version__), ("Python", platform.python_version())]
    rows += [(name, _version(name)) for name in _PACKAGES]
    part.tables.append(Table(("package", "version"), rows, "Versions where this report was made."))
    made = "" if latents is None else f" The latents were written by galkeras {latents[1].version}."
    part.text.append(f"The model's digest begins with {digest[:12]}; latents and forests name it, too.{made}")
    return part


def _learned_from(told: dict[str, tuple[str, ...]], catalog: str) -> list[str]:
    """Return the options by which a model learned from these questions: a tree's votes, or columns of labels."""
    if not told:
        return []
    by_votes = any(told == {one.name: one.answers for one in tree.asks} for tree in TREES.values())
    columns = () if by_votes else told
    return ["--catalog", catalog, *(word for column in columns for word in ("--label-column", column))]


def _command(name: str, *arguments: str, **options: Any) -> str:
    words = ["galkeras", name, *arguments]
    for option, value in options.items():
        words += [f"--{option}", f"{value:g}" if isinstance(value, float) else str(value)]
    return shlex.join(words)


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "not installed"


SECTIONS.add("repeat", Section(_part), order=10)
