"""What each way of adapting does: a sweep over weights and terms, scored on galaxies that nothing learned from.

    python benchmarks/adaptation.py VAE SOURCE TARGET CATALOG --fresh SOURCE TARGET CATALOG --out OUT
        [--epochs 8] [--only NAME ...] [--refit]

Adapts the model folder VAE from record set SOURCE to TARGET with each of `SETTINGS`, fits forests on latents of
SOURCE's training split (of the VAE's and of the adapted model's), scores both by `shift` on the two ``--fresh`` record
sets, of pairs that are in neither SOURCE nor TARGET, and prints Markdown. Settings are to be chosen on one pair of
fresh sets, and the choice scored on another. Runs that are in OUT already are kept, an interrupted one is gone on with.
"""

import argparse
import json
from pathlib import Path

from galkeras.evaluation.shift.shift import shift
from galkeras.io.text import markdown_table
from galkeras.latents.encode import encode
from galkeras.morphology.classify import classify
from galkeras.surveys.catalog import read_catalog
from galkeras.training.adapt import adapt

# The scale of the loss is one image's. Where a code averages the reconstruction over the N = 3 size² pixels, as many
# do, λ weighs N times as much: `pixel` stands for the paper's λ there.
SETTINGS = {
    "two decoders alone": {},
    "MMD, λ = 0.5 (paper)": {"mmd_weight": 0.5},
    "MMD, λ = 500": {"mmd_weight": 500.0},
    "MMD, λ = 0.5 on the scale of a pixel": {"mmd_weight": "pixel"},
    "CORAL, λ = 500": {"mmd_weight": 500.0, "alignment": "coral"},
    "pairs": {"pair_weight": 1.0},
    "pairs, MMD on the scale of a pixel": {"mmd_weight": "pixel", "pair_weight": 1.0},
    "keep, MMD on the scale of a pixel": {"mmd_weight": "pixel", "keep_weight": 1.0},
    "keep, pairs": {"pair_weight": 1.0, "keep_weight": 1.0},
    "keep, pairs, MMD, λ = 500": {"mmd_weight": 500.0, "pair_weight": 1.0, "keep_weight": 1.0},
    "keep, pairs, MMD on the scale of a pixel": {"mmd_weight": "pixel", "pair_weight": 1.0, "keep_weight": 1.0},
    "keep, pairs, CORAL, λ = 500": {
        "mmd_weight": 500.0,
        "alignment": "coral",
        "pair_weight": 1.0,
        "keep_weight": 1.0,
    },
    "keep, unpaired, MMD on the scale of a pixel": {"mmd_weight": "pixel", "keep_weight": 1.0, "unpaired": True},
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("vae", "source", "target", "catalog"):
        parser.add_argument(name, type=Path)
    parser.add_argument("--fresh", type=Path, nargs=3, required=True, metavar=("SOURCE", "TARGET", "CATALOG"))
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--only", nargs="*", default=list(SETTINGS), choices=SETTINGS, metavar="NAME")
    parser.add_argument("--refit", action="store_true", help="also fit forests on the target's latents")
    given = parser.parse_args()
    size = json.loads((given.vae / "config.json").read_text())["model"]["network_size"]
    fresh_source, fresh_target, catalog = given.fresh
    catalog = read_catalog(catalog, position=False)
    before = forests(given.vae, given, given.out)

    lines = []
    for name in given.only:
        settings = {"mmd_weight": 0.0, "keep_weight": 0.0} | SETTINGS[name]
        if "unpaired" not in settings:
            settings.setdefault("pair_weight", 0.0)
        if settings["mmd_weight"] == "pixel":
            settings["mmd_weight"] = 0.5 * 3 * size**2
        folder = given.out / "".join(c if c.isalnum() or c in ".-" else "_" for c in name)
        adapt(given.vae, given.source, given.target, folder / "model", epochs=given.epochs, resume=True, **settings)
        scored = folder / f"shift-{fresh_source.name}"
        if not (scored / "shift.json").exists():
            shift(
                folder / "model",
                fresh_source,
                fresh_target,
                scored,
                before=given.vae,
                catalog=catalog,
                forests=[before, forests(folder / "model", given, folder)],
                split="all",
                refit=given.refit,
            )
        found = json.loads((scored / "shift.json").read_text())
        summary = json.loads((folder / "model" / "summary.json").read_text())
        if not lines:
            lines.append(row("before", found["scores"]["before"], found["recovery"], "before", None))
        lines.append(row(name, found["scores"]["after"], found["recovery"], "after", summary))
        print(f"\n{markdown_table(COLUMNS, lines)}", flush=True)


def forests(model: Path, given: argparse.Namespace, folder: Path) -> Path:
    """Return forests fitted on ``model``'s latents of the source's training split."""
    done = folder / "forests"
    if not (done / "forests.json").exists():
        encode(model, given.source, folder / "latents.parquet", splits=["train"])
        classify(folder / "latents.parquet", given.catalog, done)
    return done


COLUMNS = (
    "setting",
    "AUC",
    "MMD² · 1000",
    "paired / between (median)",
    "drop of balanced accuracy (%)",
    "recovered (%)",
    "lost on the source (%)",
    "active latents",
    "SSIM source, target",
)


def row(name: str, scores: dict, recovery: dict, stage: str, summary: dict | None) -> tuple[str, ...]:
    def percent(what: str) -> str:
        low, high = recovery["interval"][what]
        return f"{100 * recovery[what]:.1f} ({100 * low:.1f} to {100 * high:.1f})"

    cells = [name, f"{scores['auc']:.3f}", f"{1000 * scores['mmd2']:.2f}"]
    cells.append(f"{scores['paired_ratio']:.3f} ({scores['paired_median']:.3f})")
    if stage == "before":
        return (*cells, percent("drop"), "–", "–", "–", "–")
    similarity = summary["ssim"]
    return (
        *cells,
        *(percent(what) for what in ("drop_after", "recovered", "source_lost")),
        str(summary["active_units"]),
        f"{similarity['source']['mean']:.3f}, {similarity['target']['mean']:.3f}",
    )


if __name__ == "__main__":
    main()
