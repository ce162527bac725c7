"""What a report says of results: forests and shift beside the paper's numbers."""

__all__ = ["PAPER_TABLE_4", "check_model", "forests_part", "outliers_part", "scan_part", "shift_part"]

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from galkeras.discovery.outlier_table import read_outliers
from galkeras.discovery.outliers import MOSAIC
from galkeras.evaluation.shift.conservation import COLUMNS
from galkeras.io.errors import GalkerasError
from galkeras.io.files import read_json
from galkeras.latents.table import read_latents
from galkeras.morphology.forests import FORESTS_FILE
from galkeras.reporting.figures import stored_picture
from galkeras.reporting.page import Part, Table, reading

PAPER_TABLE_4 = {
    "how-rounded": (0.7647, 0.7059, 0.7941),
    "disk-edge-on": (0.8753, 0.8672, 0.8943),
    "bar": (0.8253, 0.7059, 0.8627),
    "has-spiral-arms": (0.8290, 0.7668, 0.8238),
    "spiral-winding": (0.6528, 0.5694, 0.6389),
    "bulge-size": (0.7358, 0.6604, 0.7736),
    "merging": (0.9736, 0.9765, 0.9853),
}
"""The paper's accuracies on DECaLS and BASS+MzLS before adaptation, and on BASS+MzLS after."""

_PAPER_SIGMA = 8.0
_LISTED = 12
_SHIFT_LINES = {
    "auc": "AUC of telling the surveys apart (aim 0.5)",
    "a_distance": "A-distance (0 mixed, 2 apart)",
    "mmd2": "MMD² at fixed bandwidth",
    "mmd2_p": "p of equal distributions",
    "mixing": "kNN mixing (aim 1)",
    "paired_ratio": "distance of a galaxy's two latents, over that between galaxies",
    "twin": "share of galaxies whose own other image is nearest",
}


def forests_part(folders: Sequence[Path], digest: str) -> Part:
    """Return Tables 2 and 3 of each folder that `classify` wrote, beside the paper's numbers."""
    part = Part("morphology", "Morphology")
    if not folders:
        part.missing.append(
            (
                "Tables 2 and 3 need forests:",
                "galkeras classify latents.parquet CATALOG --out forests/NAME, then --forests forests/NAME",
            )
        )
    for folder in folders:
        check_model(folder, read_json(folder / FORESTS_FILE), digest)
        path = folder / "scores.json"
        scores = read_json(path)
        with reading(path, "classify"):
            part.text.append(_how(folder, scores))
            part.tables += [_table_2(folder, scores["questions"]), _table_3(folder, scores["questions"])]
            part.tables += _calibration(folder, scores["questions"])
            part.text += [f"Left out of {folder.name}: {name}: {why}" for name, why in scores["skipped"].items()]
        alt = "Confusion matrices, rows the truth and columns the prediction."
        part.pictures += stored_picture(folder / "confusion.png", alt, f"Confusion matrices of {folder.name}.")
        alt = "Reliability diagrams: how often a class is true against the probability that it was given."
        part.pictures += stored_picture(folder / "calibration.png", alt, "How far the probabilities can be trusted.")
    if folders:
        part.text.append(
            "In brackets the 95 % interval when the tested galaxies are drawn again. Majority: the accuracy of always"
            " naming the class that was the largest in training; an accuracy near it says little. The paper's numbers,"
            " where it asks the same question, are of other galaxies and in part of other classes."
        )
    return part


def check_model(path: Path, stored: Any, digest: str) -> None:
    """Refuse results of another model."""
    model = stored.get("model") if isinstance(stored, dict) else None
    if model != digest:
        raise GalkerasError(
            f"{path} is of model {str(model)[:12]}, and the report is of model {digest[:12]}: give what was made with"
            " this model"
        )


def _how(folder: Path, scores: dict[str, Any]) -> str:
    by = (
        f"{scores['folds']}-fold cross-validation"
        if scores["folds"]
        else "forests fitted on 70 % of the galaxies and tested on the other 30 %"
    )
    return (
        f"{folder.name}: {scores['matched']:,} rows of the latent table have a row in the catalog,"
        f" {scores['unmatched']:,} do not. Scores by {by}."
        f" Classes of fewer than {scores['minimum']} galaxies are left out."
    )


def _table_2(folder: Path, questions: dict[str, Any]) -> Table:
    rows = []
    for question in questions.values():
        paper = question["paper"].get("galaxies", {})
        for name, count in question["galaxies"].items():
            left_out = " (left out)" if name in question["left_out"] else ""
            rows.append((question["title"], f"{name}{left_out}", f"{count:,}", _count(paper.get(name))))
    caption = f"Table 2, {folder.name}: galaxies of each class."
    return _without_empty_columns(Table(("question", "class", "galaxies", "the paper's"), rows, caption))


def _table_3(folder: Path, questions: dict[str, Any]) -> Table:
    header = ["question", "classes", "tested", "accuracy", "the paper's", "majority", "balanced accuracy", "macro F1"]
    for name in ("precision", "recall", "F1"):
        header += [name, f"the paper's {name}"]
    rows = []
    for one in questions.values():
        paper = one["paper"]
        row = [one["title"], str(len(one["classes"])), f"{one['tested']:,}", _interval(one, "accuracy")]
        row += [_share(paper.get("accuracy")), _share(one["majority"])]
        row += [_interval(one, name) for name in ("balanced_accuracy", "macro_f1")]
        for name in ("precision", "recall", "f1"):
            row += [_share(one[name]), _share(paper.get(name))]
        rows.append(row)
    return _without_empty_columns(Table(header, rows, f"Table 3, {folder.name}: scores of forests on latents."))


def _calibration(folder: Path, questions: dict[str, Any]) -> list[Table]:
    """Return how far probabilities can be trusted, by each way of getting them; nothing for older scores."""
    header = ("question", "by", "Brier score", "of the classes' shares", "calibration error", "by chance")
    rows = [
        (
            one["title"],
            way,
            _numbers(found["brier"], found["intervals"]["brier"]),
            f"{found['brier_of_shares']:.3f}",
            _numbers(found["ece"], found["intervals"]["ece"]),
            f"{found['ece_by_chance']:.3f}",
        )
        for one in questions.values()
        for way, found in one.get("calibration", {}).items()
    ]
    caption = (
        f"How far the probabilities of {folder.name} can be trusted: Brier score, beside that of always giving each"
        " class its share, and expected calibration error, beside that of true probabilities."
    )
    return [Table(header, rows, caption)] if rows else []


def _numbers(value: float, bounds: Sequence[float]) -> str:
    return f"{value:.3f} ({bounds[0]:.3f}–{bounds[1]:.3f})"


def _without_empty_columns(table: Table) -> Table:
    """Return the table without columns that hold nothing, like the paper's beside labels that it does not have."""
    kept = [column for column in range(len(table.header)) if any(row[column] != "" for row in table.rows)]
    return Table([table.header[k] for k in kept], [[row[k] for k in kept] for row in table.rows], table.caption)


def shift_part(folder: Path | None, digest: str) -> Part:
    """Return what `shift` found between two surveys: scores, and Table 4 beside the paper's."""
    part = Part("shift", "Two surveys")
    if folder is None:
        part.missing.append(
            (
                "The shift between two surveys and Table 4:",
                "galkeras shift MODEL SOURCE TARGET --out shift/, then --shift shift/",
            )
        )
        return part
    path = folder / "shift.json"
    stored = read_json(path)
    for stage in ("after", "before"):
        latents = folder / f"latents-source-{stage}.parquet"
        if latents.is_file():
            check_model(latents, {"model": read_latents(latents).model}, digest)
            break
    with reading(path, "shift"):
        source, target = stored["surveys"]
        scores = stored["scores"]
        first = next(iter(scores.values()))
        pairs = "pairs of the same galaxies" if stored["paired"] else "galaxies of each, not the same ones"
        which = "record sets" if stored["split"] == "all" else f"{stored['split']} split"
        part.text.append(f"{source} and {target}: {first['source']:,} and {first['target']:,} {pairs}, of the {which}.")
        rows = [
            (title, *(_score(score.get(name), name) for score in scores.values()))
            for name, title in _SHIFT_LINES.items()
            if first.get(name) is not None
        ]
        header = ("score", *(f"{stage} adaptation" for stage in scores))
        part.tables.append(Table(header, rows, "How far apart the model sees the two surveys."))
        if stored["questions"]:
            part.tables.append(_table_4(stored["questions"]))
        else:
            part.missing.append(("Table 4 needs votes:", "galkeras shift … --catalog CATALOG"))
        if stored["recovery"]:
            found = stored["recovery"]
            part.text.append(
                f"Over {found['questions']} questions the mean drop of balanced accuracy from source to target is"
                f" {100 * found['drop']:.1f} points before adaptation and {100 * found['drop_after']:.1f} after."
            )
    part.pictures += stored_picture(
        folder / "shift.png",
        "Latents of both surveys in a plane, distances of pairs, and accuracies by question.",
        "Latents of both surveys, differences of pairs, accuracies by question.",
    )
    for name, what in (("different", "most different"), ("alike", "most alike")):
        part.pictures += stored_picture(
            folder / f"{name}.png",
            f"Two rows of galaxy images, the {what} pairs.",
            f"The pairs whose latents are {what}: {source} above {target}.",
        )
    return part


def _table_4(questions: dict[str, Any]) -> Table:
    columns = [name for name in COLUMNS if any(name in row["balanced_accuracy"] for row in questions.values())]
    paper = ("the paper's DECaLS, before", "the paper's BASS+MzLS, before", "the paper's BASS+MzLS, after")
    rows = [
        (
            row["title"],
            f"{row['galaxies']:,}",
            *(_bounded(row["balanced_accuracy"].get(name), row["interval"].get(name)) for name in columns),
            *(_share(value) for value in PAPER_TABLE_4.get(question, (None,) * len(paper))),
        )
        for question, row in questions.items()
    ]
    caption = (
        "Table 4: balanced accuracy by question with its 95 % interval, beside the paper's plain accuracy: the two"
        " scores differ where classes are unequal."
    )
    return Table(("question", "galaxies", *columns, *paper), rows, caption)


def outliers_part(folder: Path | None, digest: str) -> Part:
    """Return the most unusual galaxies, and what the paper's rule finds."""
    part = Part("outliers", "Outliers")
    if folder is None:
        part.missing.append(
            (
                "The most unusual galaxies:",
                "galkeras outliers latents.parquet --records RECORDS --out outliers/, then --outliers outliers/",
            )
        )
        return part
    table = read_outliers(folder)
    check_model(folder, {"model": table.model}, digest)
    beyond, count = int(table.beyond_sigma.sum()), len(table.id)
    part.facts = [
        (f"beyond {table.threshold:g} sigma", f"{beyond:,} of {count:,}"),
        ("their share", f"{beyond / count:.2%}"),
        *([("the paper's share", "0.417%")] if table.threshold == _PAPER_SIGMA else []),
    ]
    part.pictures += stored_picture(
        folder / MOSAIC, "Mosaic of the most unusual galaxies.", "The most unusual galaxies, row by row.", False
    )
    rows = [
        (f"{row + 1}", str(table.id[row]), str(table.survey[row]), f"{table.score[row]:.2f}", str(table.because[row]))
        for row in range(min(_LISTED, count))
    ]
    caption = "The first of the ranking; a score of 1 is what one galaxy in a hundred reaches by that rule."
    part.tables.append(Table(("rank", "galaxy", "survey", "score", "because of"), rows, caption))
    return part


def scan_part(folder: Path | None) -> Part:
    """Return what `scan` found: how SSIM grows with the number of latents, over all and by type."""
    part = Part("scan", "How many latents")
    if folder is None:
        part.missing.append(
            ("SSIM against the number of latents:", "galkeras scan RECORDS --out scan/, then --scan scan/")
        )
        return part
    path = folder / "scan.json"
    stored = read_json(path)
    with reading(path, "scan"):
        part.text.append(f"Recommended: {stored['recommendation']}.")
        part.text.append(
            "The scan fits models of its own, each as the others but for the number of latents and the loss."
        )
        points = stored["points"]
        header = ("latents", "loss", "SSIM", "MSE", "KL [nat]", "active", "epochs")
        rows = [
            (
                str(one["latents"]),
                one["loss"],
                f"{one['ssim']:.4f} ({one['ssim_low']:.4f}–{one['ssim_high']:.4f})",
                f"{one['mse']:.5f}",
                f"{one['kl']:.1f}",
                str(one["active_units"]),
                str(one["epochs"]),
            )
            for one in points
            if one["type"] == "all"
        ]
        count = next(one["galaxies"] for one in points if one["type"] == "all")
        caption = f"All {count:,} galaxies of the {stored['split']} split, after the paper's Fig. 3."
        part.tables.append(Table(header, rows, caption))
        part.tables += _by_type(points, stored["recommended"]["loss"])
    alt = "Curves of SSIM against the number of latents by loss and by type, rate and distortion, active units."
    part.pictures += stored_picture(folder / "scan.png", alt, "SSIM by number of latents; rings mark knees.")
    return part


def _by_type(points: Sequence[dict[str, Any]], loss: str) -> list[Table]:
    chosen = {(one["type"], one["latents"]): one for one in points if one["loss"] == loss and one["type"] != "all"}
    types, latents = list(dict.fromkeys(k for k, _ in chosen)), sorted({n for _, n in chosen})
    if not types:
        return []
    rows = [
        (kind, f"{chosen[kind, latents[0]]['galaxies']:,}", *(f"{chosen[kind, n]['ssim']:.4f}" for n in latents))
        for kind in types
    ]
    caption = f"Mean SSIM by type and number of latents ({loss}), after the paper's Fig. 4."
    return [Table(("type", "galaxies", *map(str, latents)), rows, caption)]


def _count(value: int | None) -> str:
    return "" if value is None else f"{value:,}"


def _share(value: float | None) -> str:
    return "" if value is None else f"{value:.1%}"


def _score(value: float | None, name: str) -> str:
    return "" if value is None else f"{value:.1%}" if name == "twin" else f"{value:.4f}"


def _interval(question: dict[str, Any], name: str) -> str:
    return _bounded(question[name], question["intervals"][name])


def _bounded(value: float | None, bounds: Sequence[float] | None) -> str:
    return "" if value is None else f"{value:.1%} ({100 * bounds[0]:.1f}–{100 * bounds[1]:.1f})"
