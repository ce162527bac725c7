"""Adapting between real surveys whose galaxies differ: 220 of DECaLS (source) and 693 of SDSS (target).

    python benchmarks/real_adaptation.py DATA OUT [--epochs 30]

DATA is the folder that holds ``decals_rings`` and ``sdss_gz2``. Fits a VAE to the DECaLS pictures alone, adapts it
unpaired with each of `SETTINGS`, and prints for each model, as Markdown: the AUC of telling the surveys apart, on the
galaxies of the validation and test splits, and on DECaLS galaxies and SDSS *spirals* alone, which are more alike (the
DECaLS ones were chosen for their rings); and the accuracy of forests by five-fold cross-validation, for ``ring`` on
DECaLS latents and ``derived_label`` on SDSS latents. What is in OUT already is kept.
"""

import argparse
from pathlib import Path

import numpy as np
from astropy.table import Table

from galkeras.evaluation.shift.domains import domain_scores
from galkeras.io.text import markdown_table
from galkeras.latents.encode import encode
from galkeras.latents.table import read_latents
from galkeras.morphology.classify import classify
from galkeras.records.make import make_tfrecords
from galkeras.training.adapt import adapt
from galkeras.training.fit import fit

SIDE = 64
_PIXEL = 0.5 * 3 * SIDE**2
SETTINGS = {
    "two decoders alone": {"mmd_weight": 0.0},
    "MMD, λ = 0.5 (paper)": {"mmd_weight": 0.5},
    "MMD, λ = 50": {"mmd_weight": 50.0},
    "MMD, λ = 500": {"mmd_weight": 500.0},
    "MMD, λ = 0.5 on the scale of a pixel": {"mmd_weight": _PIXEL},
    "CORAL, λ = 50": {"mmd_weight": 50.0, "alignment": "coral"},
    "keep, MMD, λ = 500": {"mmd_weight": 500.0, "keep_weight": 1.0},
}
TASKS = {"decals": "ring", "sdss": "derived_label"}
COLUMNS = (
    "model",
    "AUC, held out",
    "AUC, held out, spirals",
    "AUC, all",
    "ring (DECaLS)",
    "four classes (SDSS)",
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--epochs", type=int, default=30)
    given = parser.parse_args()
    catalogs = write_catalogs(given.data, given.out)
    sets = {survey: given.out / "tfrecords" / survey for survey in TASKS}
    for survey, path in sets.items():
        make_tfrecords(
            catalogs[survey], given.data, path, survey=survey, position=False, crop=212, image_size=SIDE, workers=1
        )
    vae = given.out / "vae"
    fit(sets["decals"], vae, epochs=40, batch_size=32, patience=40, resume=True)
    lines = [score("before", vae, sets, catalogs)]
    for number, (name, settings) in enumerate(SETTINGS.items()):
        model = given.out / f"adapted-{number}"
        adapt(
            vae,
            sets["decals"],
            sets["sdss"],
            model,
            unpaired=True,
            epochs=given.epochs,
            patience=given.epochs,
            resume=True,
            **{"keep_weight": 0.0} | settings,
        )
        lines.append(score(name, model, sets, catalogs))
        print(f"\n{markdown_table(COLUMNS, lines)}", flush=True)


def write_catalogs(data: Path, out: Path) -> dict[str, Path]:
    out.mkdir(parents=True, exist_ok=True)
    rings = Table.read(data / "decals_rings" / "catalog.csv")["id", "ring", "file"]
    rings["file"] = [f"decals_rings/{name}" for name in rings["file"]]
    sdss = Table.read(data / "sdss_gz2" / "catalog.csv")["objid", "derived_label", "file"]
    sdss["id"] = [f"sdss-{number}" for number in sdss["objid"]]
    sdss["file"] = [f"sdss_gz2/{name}" for name in sdss["file"]]
    tables = {"decals": rings, "sdss": sdss["id", "derived_label", "file"]}
    for survey, table in tables.items():
        table.write(out / f"{survey}.csv", overwrite=True)
    return {survey: out / f"{survey}.csv" for survey in tables}


def score(name: str, model: Path, sets: dict[str, Path], catalogs: dict[str, Path]) -> tuple[str, ...]:
    tables, accuracies = {}, []
    for survey, task in TASKS.items():
        path = model / f"latents-{survey}.parquet"
        encode(model, sets[survey], path, any_survey=True)
        tables[survey] = read_latents(path)
        done = classify(path, catalogs[survey], model / f"forests-{task}", label_column=task, folds=5)
        (result,) = done.results
        low, high = result.scores.intervals["accuracy"]
        accuracies.append(f"{result.scores.accuracy:.1%} ({100 * low:.0f}–{100 * high:.0f})")
    labels = Table.read(catalogs["sdss"])
    spirals = set(labels["id"][labels["derived_label"] == "spiral"])
    decals, sdss = tables["decals"], tables["sdss"]
    held = {survey: table[table.split != "train"] for survey, table in tables.items()}
    alike = held["sdss"][np.array([galaxy in spirals for galaxy in held["sdss"].id.tolist()])]
    aucs = [
        domain_scores(a.z, b.z, paired=False).auc
        for a, b in ((held["decals"], held["sdss"]), (held["decals"], alike), (decals, sdss))
    ]
    return (name, *(f"{auc:.3f}" for auc in aucs), *accuracies)


if __name__ == "__main__":
    main()
