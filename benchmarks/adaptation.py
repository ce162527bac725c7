"""What each way of adapting does: a sweep over weights and terms, scored on validation galaxies.

    python benchmarks/adaptation.py VAE SOURCE TARGET CATALOG OUT [--epochs 12] [--forests FORESTS] [--only NAME ...]

Adapts the model folder VAE from record set SOURCE to TARGET with each of `SETTINGS`, runs `shift` with CATALOG on the
validation split (the settings are chosen by it; the test split is for the choice alone), and prints Markdown. Runs that
are in OUT already are kept, an interrupted one is gone on with.
"""

import argparse
import json
from pathlib import Path

from galkeras.evaluation.shift import shift
from galkeras.surveys.catalogue import read_catalogue
from galkeras.training.adapt import adapt

# The scale of the loss is one image's. Where a code averages the reconstruction over the N = 3 size² pixels, as many
# do, λ weighs N times as much: `pixel` stands for the paper's λ there.
SETTINGS = {
    "two decoders alone": {"mmd_weight": 0.0, "pair_weight": 0.0},
    "MMD, λ = 0.5 (paper)": {"mmd_weight": 0.5, "pair_weight": 0.0},
    "MMD, λ = 50": {"mmd_weight": 50.0, "pair_weight": 0.0},
    "MMD, λ = 500": {"mmd_weight": 500.0, "pair_weight": 0.0},
    "MMD, λ = 0.5 on the scale of a pixel": {"mmd_weight": "pixel", "pair_weight": 0.0},
    "CORAL, λ = 50": {"mmd_weight": 50.0, "pair_weight": 0.0, "alignment": "coral"},
    "pairs, w = 1": {"mmd_weight": 0.5, "pair_weight": 1.0},
    "pairs, w = 10": {"mmd_weight": 0.5, "pair_weight": 10.0},
    "pairs, w = 1, MMD as on the scale of a pixel": {"mmd_weight": "pixel", "pair_weight": 1.0},
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("vae", "source", "target", "catalog", "out"):
        parser.add_argument(name, type=Path)
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--forests", type=Path, help="of VAE, fitted on latents of the training split")
    parser.add_argument("--only", nargs="*", default=list(SETTINGS), choices=SETTINGS)
    given = parser.parse_args()
    catalogue = read_catalogue(given.catalog, position=False)
    size = json.loads((given.vae / "config.json").read_text())["model"]["network_size"]

    lines = []
    for name, settings in SETTINGS.items():
        if name not in given.only:
            continue
        if settings["mmd_weight"] == "pixel":
            settings = settings | {"mmd_weight": 0.5 * 3 * size**2}
        folder = given.out / "".join(c if c.isalnum() or c in ".-" else "_" for c in name)
        adapt(given.vae, given.source, given.target, folder / "model", epochs=given.epochs, resume=True, **settings)
        if not (folder / "shift" / "shift.json").exists():
            shift(
                folder / "model",
                given.source,
                given.target,
                folder / "shift",
                before=given.vae,
                catalogue=catalogue,
                forests=[given.forests] if given.forests else [],
                split="validation",
                refit=False,
            )
        found = json.loads((folder / "shift" / "shift.json").read_text())
        summary = json.loads((folder / "model" / "summary.json").read_text())
        if not lines:
            lines.append(row("before", found["scores"]["before"], found["recovery"], "before", None))
        lines.append(row(name, found["scores"]["after"], found["recovery"], "after", summary))
        print(f"\n{HEADER}\n" + "\n".join(lines), flush=True)


COLUMNS = (
    "setting",
    "AUC",
    "MMD² · 1000",
    "p",
    "paired / between",
    "drop of balanced accuracy",
    "recovered",
    "lost on the source",
    "active latents",
    "SSIM source, target",
)
HEADER = "| " + " | ".join(COLUMNS) + " |\n" + "|---" * len(COLUMNS) + "|"


def row(name: str, scores: dict, recovery: dict | None, stage: str, summary: dict | None) -> str:
    cells = [name, f"{scores['auc']:.3f}", f"{1000 * scores['mmd2']:.2f}", f"{scores['mmd2_p']:.3f}"]
    cells.append("–" if scores["paired_ratio"] is None else f"{scores['paired_ratio']:.4f}")
    if recovery is None:
        cells += ["–"] * 3
    elif stage == "before":
        cells += [f"{recovery['drop']:.1%}", "–", "–"]
    else:
        cells += [f"{recovery['drop_after']:.1%}", f"{recovery['recovered']:.0%}", f"{recovery['source_lost']:.1%}"]
    if summary is None:
        cells += ["–", "–"]
    else:
        similarity = summary["ssim"]
        cells += [
            str(summary["active_units"]),
            f"{similarity['source']['mean']:.3f}, {similarity['target']['mean']:.3f}",
        ]
    return "| " + " | ".join(cells) + " |"


if __name__ == "__main__":
    main()
