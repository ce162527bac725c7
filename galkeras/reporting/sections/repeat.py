"""How to come by the same results: versions, and the commands as files remember them."""

__all__: list[str] = []

import platform
from collections.abc import Iterable, Iterator
from dataclasses import fields
from importlib import metadata
from pathlib import Path
from typing import Any

from galkeras import __version__
from galkeras.discovery.outlier_table import read_outliers
from galkeras.discovery.similar_table import read_similar
from galkeras.evaluation.scan.report import Scan
from galkeras.evaluation.shift.result import Shift
from galkeras.galaxyzoo.trees import TREES
from galkeras.io.calls import Call
from galkeras.io.errors import GalkerasError
from galkeras.models.config import ModelConfig
from galkeras.models.stored import StoredModel
from galkeras.morphology.report import Classification
from galkeras.reporting.page import Part, Table
from galkeras.reporting.sections import SECTIONS, Section
from galkeras.reporting.subject import Subject
from galkeras.surveys.origin import origin
from galkeras.training.options import AdaptOptions, FitOptions, choices, flag
from galkeras.training.stored import AdaptationTraining, FitSummary, TrainingConfig, read_training

_PACKAGES = ("tensorflow", "keras", "tensorflow-probability", "numpy", "scikit-learn", "skops", "astropy")
# All that an adapted model has beside what it has from its VAE is an option of adapt.
_FROM_VAE = {field.name for field in fields(ModelConfig)}
_DEFAULT_ADAPTER = AdaptOptions().adapter


def _part(subject: Subject) -> Part:
    """Return versions and commands; what no file remembers is in capitals."""
    part = Part("repeat", "To repeat it")
    calls: list[Call | None] = []
    for call, known, out, places in _steps(subject):
        calls.append(call)
        part.commands.append((call or known).line(out, **places))
    part.text += _said_of(calls)
    rows = [("galkeras", __version__), ("Python", platform.python_version())]
    rows += [(name, _version(name)) for name in _PACKAGES]
    part.tables.append(Table(("package", "version"), rows, "Versions where this report was made."))
    made = "" if subject.table is None else f" The latents were written by galkeras {subject.table.version}."
    part.text.append(f"The model's digest begins with {subject.digest[:12]}; latents and forests name it, too.{made}")
    return part


def _steps(subject: Subject) -> Iterator[tuple[Call | None, Call, Path, dict[str, str]]]:
    """Yield what led here, in order: its call, what else is known of it, what it made, and where its inputs are now."""
    votes = "CATALOG" if subject.catalog is None else str(subject.catalog)
    yield from _gathered(subject)
    for one in subject.sets:
        known = Call("make-tfrecords", {"catalog": votes, "cutouts": None}, {"image-size": one.image_size})
        yield one.call, known, one.path, {}
    sets = {one.digest: str(one.path) for one in subject.sets}
    for folder, stored, training in _models(subject.folder, subject.stored, subject.training):
        adapted = isinstance(training, AdaptationTraining)
        places = training.record_sets if adapted else {"records": training.records}
        places = {name: sets[digest] for name, digest in places.items() if digest in sets}
        yield stored.call, _of_model(stored, training, votes), folder, places
    yield from _of_latents(subject, sets, votes)
    yield from _compared(subject)


def _gathered(subject: Subject) -> Iterator[tuple[Call, Call, Path, dict[str, str]]]:
    """Yield how the cutouts came that record sets were made of, as far as these still are where they were."""
    told = {}
    for one in subject.sets:
        given = {} if one.call is None else one.call.inputs
        found = origin(given.get("cutouts") or given.get("catalog") or "")
        if found is not None:
            told[found[0]] = found[1]
    for folder, calls in told.items():
        yield from ((call, call, folder, {}) for call in calls)


def _of_latents(
    subject: Subject, sets: dict[str, str], votes: str
) -> Iterator[tuple[Call | None, Call, Path, dict[str, str]]]:
    """Yield how the latents and the forests were made."""
    if subject.latents is None:
        return
    path, table = subject.latents
    places = {"model": str(subject.folder)}
    encoded = Call("encode", {"model": None, "records": "RECORDS"}, {"views": table.views})
    if subject.training.records in sets and _same_records(table.call, subject.stored.call):
        places["records"] = sets[subject.training.records]
    yield table.call, encoded, path, places
    for one in subject.inputs.get("forests") or ():
        found = Classification.load(one)
        given = {name: getattr(found, name) for name in ("seed", "minimum", "folds", "samples")}
        options = {name: value for name, value in given.items() if value is not None}
        yield found.call, Call("classify", {"latents": None, "catalog": votes}, options), one, {"latents": str(path)}


def _compared(subject: Subject) -> Iterator[tuple[Call | None, Call, Path, dict[str, str]]]:
    """Yield what led to the parts of the page that are commands of their own: outliers, the shift, the scan."""
    places = {} if subject.latents is None else {"latents": str(subject.latents[0])}
    if one := subject.inputs.get("outliers"):
        table = read_outliers(one)
        yield table.call, Call("outliers", {"latents": None}, {"sigma": table.threshold}), one, places
    if one := subject.inputs.get("similar"):
        yield read_similar(one).call, Call("similar", {"latents": None}, {}), one, places
    if one := subject.inputs.get("shift"):
        shift = Shift.load(one)
        known = Call("shift", {"model": None, "source": None, "target": None}, {"split": shift.split})
        yield shift.call, known, one, {"model": str(subject.folder)}
    if one := subject.inputs.get("scan"):
        scan = Scan.load(one)
        fitted = {"latent": sorted({point.latents for point in scan.points}), "loss": list(scan.knees)}
        known = Call("scan", {"records": None}, {name: ",".join(map(str, all_)) for name, all_ in fitted.items()})
        yield scan.call, known, one, {}


def _same_records(encoded: Call | None, trained: Call | None) -> bool:
    """Tell whether latents are of the records that the model was trained on, as far as is known."""
    if encoded is None or trained is None:
        return encoded is None
    return encoded.inputs.get("records") in (trained.inputs.get("records"), trained.inputs.get("source"))


def _models(
    folder: Path, stored: StoredModel, training: TrainingConfig
) -> Iterator[tuple[Path, StoredModel, TrainingConfig]]:
    """Yield a model, after those that it started from, as far as these still are where they were."""
    chain = [(folder, stored, training)]
    while (earlier := _before(*chain[-1][1:])) is not None and earlier[0] not in [one[0] for one in chain]:
        chain.append(earlier)
    yield from reversed(chain)


def _before(stored: StoredModel, training: TrainingConfig) -> tuple[Path, StoredModel, TrainingConfig] | None:
    """Return the model that another started from; None where there is none, or another in its place."""
    if stored.call is None:
        return None
    where = stored.call.inputs.get("model") or stored.call.options.get("from")
    digest = getattr(training, "vae", "") or training.warm_start
    try:
        if isinstance(where, str) and digest and FitSummary.load(where).digest == digest:
            return Path(where), StoredModel.load(where), read_training(where)
    except GalkerasError:
        pass
    return None


def _of_model(stored: StoredModel, training: TrainingConfig, votes: str) -> Call:
    """Return what the settings of a model say of how it was made."""
    model = stored.model
    settings = model | {"image_size": model["network_size"], "focus": model["focus"] or 0} | stored.training
    options = {
        flag(one)[2:]: settings[one.name]
        for one in choices(AdaptOptions if stored.adapted else FitOptions)
        if one.name in settings and not (stored.adapted and one.name in _FROM_VAE)
    }
    if not isinstance(training, AdaptationTraining):
        if not stored.questions:
            options.pop("votes-weight", None)
        return Call("fit", {"records": "RECORDS"}, _learned_from(stored.questions, votes) | options)
    flags: dict[str, Any] = {} if training.paired else {"unpaired": True}
    options = {name: value for name, value in options.items() if value is not False}
    if stored.kind != _DEFAULT_ADAPTER:
        own = [name for name in model if name not in _FROM_VAE | {one.name for one in choices(AdaptOptions)}]
        flags |= {"set": {name: model[name] for name in own}}
        options["adapter"] = stored.kind
    inputs: dict[str, str | None] = {"model": "VAE", "source": "RECORDS"}
    for role in list(training.record_sets)[1:]:
        inputs[role] = f"{role.upper()}_RECORDS"
    return Call("adapt", inputs, flags | options)


def _learned_from(told: dict[str, tuple[str, ...]], catalog: str) -> dict[str, Any]:
    """Return the options by which a model learned from these questions: a tree's votes, or columns of labels."""
    if not told:
        return {}
    by_votes = any(told == {one.name: one.answers for one in tree.asks} for tree in TREES.values())
    return {"catalog": catalog} | ({} if by_votes else {"label-column": list(told)})


def _said_of(calls: Iterable[Call | None]) -> list[str]:
    """Return what is to be known of the commands."""
    said = ["The split, the order and all draws follow from ids and seeds. Paths of inputs are as they were given."]
    if None in (calls := list(calls)):
        said.append(
            "Some of this was made before commands were kept with what they made: of these only what is known is shown,"
            " and what no file remembers is in capitals."
        )
    others = {f"{one.command} ({one.version})": None for one in calls if one is not None and one.version != __version__}
    if others:
        said.append(f"Made by another galkeras, whose defaults may be others: {', '.join(others)}.")
    return said


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "not installed"


SECTIONS.add("repeat", Section(_part), order=10)
