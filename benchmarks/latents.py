r"""What latents say of morphology, beside principal components and a supervised network of the same galaxies.

    python benchmarks/latents.py components saved_models/vae40 tfrecords/decals --out pca.parquet
    python benchmarks/latents.py supervised saved_models/vae40 tfrecords/decals catalog.parquet --out supervised.parquet
    python benchmarks/latents.py score catalog.parquet pca.parquet latents.parquet supervised.parquet
    python benchmarks/latents.py rebuilt saved_models/vae40 tfrecords/decals catalog.parquet mock/noise-free/decals \
        latents.parquet

Components are of stretched images weighed about the centre, fitted on the eight orientations of training galaxies; the
supervised network is a convolutional one through as many numbers, trained on the same votes. Both write a latent table.
`score` fits forests on the galaxies of the training split and scores all others: mean balanced accuracy over the
questions, its difference from the first table with the 95 % bootstrap interval over galaxies, and each question.
`rebuilt` compares reconstructions of the galaxies outside the training split with their noise-free images: SSIM in the
central half of the frame, by type, and of those with arms or a bar; and counts dark lobes, of these and of galaxies
that `generate` would draw.
With `--label-column` (repeated) labels stand in place of votes; with `--share 0.1` the labels of a tenth of the
training galaxies are all that forests, and the supervised network, are told.

    python benchmarks/latents.py nested catalog.parquet --row pca1.parquet pca2.parquet --row v1.parquet v2.parquet

repeats that over trainings on galaxies of their own, hence with splits of their own: the first tables of all rows are
of the same galaxies, so are the second ones, and so on; the catalog holds the galaxies of all. Intervals are of drawing
trainings and, within each draw of one, galaxies with replacement, and are on the wide side: what galaxies scatter by is
in the trainings, too.
"""

import argparse
from pathlib import Path
from zlib import crc32

import numpy as np
from astropy.table import Table
from lobes import LOBE, darkest

from galkeras.backend import keras, tf
from galkeras.evaluation.scan.types import galaxy_types
from galkeras.galaxyzoo.labels import column_labels, labels
from galkeras.galaxyzoo.trees import tree_of
from galkeras.io.errors import GalkerasError
from galkeras.latents.components import FOCUS, principal_components
from galkeras.latents.neighbourhoods import galaxy_neighbourhoods
from galkeras.latents.table import LatentTable, feature_table, read_latents
from galkeras.models.folder import load_model
from galkeras.models.layers import ResidualBlock
from galkeras.models.measure import measure
from galkeras.models.ssim import ssim
from galkeras.models.vae import VAE
from galkeras.models.votes import vote_log_likelihood
from galkeras.morphology.forests import fit_forest
from galkeras.records.reader import ordered_dataset, training_dataset
from galkeras.records.schema import RecordSet
from galkeras.surveys.catalog import read_catalog
from galkeras.surveys.cutouts import read_cutout
from galkeras.training.votes import read_votes

DRAWS = 2000


def write_table(vae: VAE, records: RecordSet, encode, name: str, out: Path) -> None:
    """Write the table of what ``encode`` makes of the stretched images of all galaxies."""
    batches = list(ordered_dataset(records, batch_size=256))
    z = np.concatenate([np.asarray(encode(vae.stretch(batch["image"]))) for batch in batches])
    feature_table(batches, records.survey, z, name).save(out)


def told(ids: np.ndarray, share: float, seed: int) -> np.ndarray:
    """Return which galaxies' labels are known: the same in all tables, and more with a larger share."""
    return np.array([crc32(f"{seed} {name}".encode()) / 2**32 < share for name in ids.tolist()])


def supervised(vae: VAE, records: RecordSet, votes, epochs: int, seed: int, share: float, out: Path) -> None:
    keras.utils.set_random_seed(seed)
    sizes = [len(answers) for _, answers in votes.questions]
    layers, side = keras.layers, vae.config.network_shape
    inputs = keras.Input(side)
    x = layers.Conv2D(32, 5, strides=2, padding="same", kernel_initializer="he_normal")(inputs)
    # The last map is of 8 x 8 whatever the side.
    widths = [32, 64, 128] + [128] * max(0, round(np.log2(side[0] / 64)))
    for number, width in enumerate(widths):
        x = x if not number else layers.Conv2D(width, 3, strides=2, padding="same", kernel_initializer="he_normal")(x)
        x = ResidualBlock(width, identity=True)(x)
    x = layers.Activation("swish")(layers.GroupNormalization(8)(x))
    pooled = layers.Concatenate()([layers.GlobalAveragePooling2D()(x), layers.GlobalMaxPooling2D()(x)])
    z = layers.Dense(vae.config.latent_dim)(layers.Dropout(0.3)(pooled))
    network = keras.Model(inputs, [z, layers.Dense(sum(sizes))(z)])
    steps = records.count("train") // 64
    rate = keras.optimizers.schedules.CosineDecay(1e-5, steps * (epochs - 1), warmup_target=1.5e-3, warmup_steps=steps)
    optimizer = keras.optimizers.AdamW(rate, weight_decay=1e-4, global_clipnorm=50.0)
    optimizer.build(network.trainable_variables)

    @tf.function
    def step(images, counts, number):
        stretched = vae.stretch(vae._turn(images, tf.stack([seed, number])))
        with tf.GradientTape() as tape:
            loss = -tf.reduce_mean(vote_log_likelihood(network(stretched, training=True)[1], counts, sizes))
        optimizer.apply(tape.gradient(loss, network.trainable_variables), network.trainable_variables)
        return loss

    counts = votes.counts * told(votes.ids, share, seed)[:, None]
    beside = (votes.ids, counts)
    if share < 1:
        data = iter(few(records, *beside))
    else:
        data = iter(training_dataset(records, "train", 64, seed=seed, beside=beside))
    for epoch in range(epochs):
        losses = [float(step(*next(data), tf.constant(epoch * steps + one))) for one in range(steps)]
        print(f"epoch {epoch + 1:3d}/{epochs}  votes {np.mean(losses):.3f} nats", flush=True)
    encode = tf.function(lambda stretched: network(stretched, training=False)[0], reduce_retracing=True)
    write_table(vae, records, encode, f"supervised, {epochs} epochs, seed {seed}", out)
    answer = tf.function(lambda stretched: network(stretched, training=False)[1], reduce_retracing=True)
    own_answers(vae, records, votes, counts, answer)


def few(records: RecordSet, ids: np.ndarray, counts: np.ndarray) -> tf.data.Dataset:
    """Return an endless stream of batches of the training galaxies that have counts, which are held in memory."""
    numbers, images, beside = dict(zip(ids.tolist(), counts, strict=True)), [], []
    for batch in ordered_dataset(records, ("train",), batch_size=256):
        its = [numbers.get(name.decode(), 0 * counts[0]) for name in np.asarray(batch["id"]).tolist()]
        asked = np.any(its, axis=1)
        images.append(np.asarray(batch["image"])[asked])
        beside.append(np.array(its)[asked])
    images, beside = np.concatenate(images), np.concatenate(beside)
    print(f"{len(images):,} galaxies with votes or labels", flush=True)
    return tf.data.Dataset.from_tensor_slices((images, beside)).shuffle(len(images), seed=1).repeat().batch(64)


def own_answers(vae: VAE, records: RecordSet, votes, given: np.ndarray, answer) -> None:
    """Print the balanced accuracy of the network's own answers, of galaxies outside the training split.

    The answer is the most probable one; then the one most probable if all were as frequent in ``given``, the counts
    of ``votes`` that the network was told of the training split, which is what balanced accuracy asks for.
    """
    rows = {name: row for row, name in enumerate(votes.ids.tolist())}
    kept = {"train": ([], []), "held out": ([], [])}
    for batch in ordered_dataset(records, batch_size=256):
        names = [name.decode() for name in np.asarray(batch["id"]).tolist()]
        logits, learned = np.asarray(answer(vae.stretch(batch["image"]))), np.asarray(batch["split"]) == b"train"
        counts = np.stack(
            [
                (given if its else votes.counts)[rows[name]] if name in rows else 0 * given[0]
                for name, its in zip(names, learned.tolist(), strict=True)
            ]
        )
        for which, its in (("train", learned), ("held out", ~learned)):
            for values, found in zip(kept[which], (logits, counts), strict=True):
                values.append(found[its])
    place = 0
    _, known = (np.concatenate(values) for values in kept["train"])
    logits, counts = (np.concatenate(values) for values in kept["held out"])
    for question, answers in votes.questions:
        columns = slice(place, place := place + len(answers))
        asked = counts[:, columns].any(1)
        truth = counts[asked, columns].argmax(1)
        frequency = known[:, columns].sum(0)
        if not frequency.all():
            print(f"{question}: not all classes are among the {frequency.sum():.0f} labels that are told")
            continue
        said = []
        for prior in (1.0, frequency / frequency.sum()):
            right = (logits[asked, columns] - np.log(prior)).argmax(1) == truth
            said.append(f"{100 * np.mean([right[truth == one].mean() for one in np.unique(truth)]):.1f}")
        print(f"{question}: {said[0]} %, balanced {said[1]} % of {len(truth)}", flush=True)


class Judged:
    """Balanced accuracies of tables of the same galaxies, of all galaxies and of draws of them with replacement.

    Args:
        own: Question to the label of each row of the catalog.
        names: Galaxy to its row.
        share, seed: Which labels the forests are told, and of what draws and forests.
    """

    def __init__(self, own: dict[str, np.ndarray], names: dict[str, int], share: float, seed: int):
        self.own, self.names, self.share, self.seed = own, names, share, seed
        self.draws = self.order = None
        self.left_out: dict[str, int] = {}

    def __call__(self, table: LatentTable) -> dict[str, np.ndarray]:
        """Return, of each question, (1 + DRAWS,) balanced accuracies: of all galaxies, and of the draws."""
        rows = np.array([self.names.get(name, -1) for name in table.id.tolist()])
        if (rows < 0).all():
            raise GalkerasError("the catalog has none of a table's galaxies")
        learned = table.split == "train"
        if self.order is None:
            self.order = {name: place for place, name in enumerate(sorted(table.id[~learned].tolist()))}
            count = len(self.order)
            self.draws = np.random.default_rng(self.seed).multinomial(count, np.full(count, 1 / count), DRAWS)
        found = {}
        for question, of_all in self.own.items():
            label = np.where(rows < 0, "", of_all[rows])
            known = label != ""
            classes, target = np.unique(label[known], return_inverse=True)
            taught = learned & told(table.id, self.share, self.seed)
            if len(np.unique(target[taught[known]])) < len(classes):
                # Too few labels to tell of each class: no number, in no table.
                self.left_out[question] = int(np.sum(taught & known))
                continue
            forest = fit_forest(table.z[known & taught], target[taught[known]], self.seed)
            judged = known & ~learned
            truth = target[~learned[known]]
            right = forest.predict(table.z[judged]) == truth
            weight = self.draws[:, [self.order[name] for name in table.id[judged].tolist()]]
            weight = np.concatenate([np.ones((1, weight.shape[1]), int), weight])
            of_class = np.stack([truth == one for one in range(len(classes))])
            with np.errstate(invalid="ignore"):
                recalls = (weight * right) @ of_class.T / (weight @ of_class.T)
            found[question] = np.nanmean(recalls, axis=1)
        return found


def labels_of(catalog, columns: list[str]) -> tuple[dict[str, np.ndarray], dict[str, int]]:
    """Return each question's labels, and which row of the catalog a galaxy is."""
    questions = columns or [question.name for question in tree_of(catalog).classes]
    own = {name: column_labels(catalog, name) if columns else labels(catalog, name) for name in questions}
    return own, {str(name): row for row, name in enumerate(catalog["id"])}


def score(catalog, paths: list[Path], columns: list[str], share: float, seed: int) -> None:
    judge = Judged(*labels_of(catalog, columns), share, seed)
    found = [judge(read_latents(path)) for path in paths]
    show([path.stem for path in paths], found, judge.left_out)


def nested(catalog, rows: list[list[Path]], columns: list[str], share: float, seed: int) -> None:
    own, names = labels_of(catalog, columns)
    trainings, left_out = [], {}
    for paths in zip(*rows, strict=True):
        judge = Judged(own, names, share, seed)
        trainings.append([judge(read_latents(path)) for path in paths])
        left_out |= judge.left_out
    rng, shape = np.random.default_rng(seed), (DRAWS, len(trainings))
    chosen, draws = rng.integers(len(trainings), size=shape), rng.integers(1, 1 + DRAWS, size=shape)
    found = []
    for row in range(len(rows)):
        by_question = {}
        for question in (name for name in own if name not in left_out):
            # (trainings, 1 + DRAWS)
            values = np.stack([training[row][question] for training in trainings])
            drawn = values[chosen, draws].mean(1)
            by_question[question] = np.concatenate([[values[:, 0].mean()], drawn])
        found.append(by_question)
    show([f"{paths[0].stem} and {len(paths) - 1} more" for paths in rows], found, left_out)


def show(names: list[str], found: list[dict[str, np.ndarray]], left_out: dict[str, int]) -> None:
    """Print a table of balanced accuracies, a line a name: their mean, that minus the first's, and each question's."""
    for question, count in left_out.items():
        print(f"{question}: not all classes are among the {count} labels that are told")
    questions = [question for question in found[0] if question not in left_out]
    means = [np.mean([values[question] for question in questions], axis=0) for values in found]
    print("| table | mean | minus the first | " + " | ".join(questions) + " |")
    print("| --- " * (len(questions) + 3) + "|")
    for name, values, mean in zip(names, found, means, strict=True):
        gain = 100 * (mean - means[0])
        low, high = np.percentile(gain[1:], (2.5, 97.5))
        cells = [name, f"{100 * mean[0]:.1f} %", f"{gain[0]:+.1f} ({low:+.1f} to {high:+.1f})"]
        print("| " + " | ".join([*cells, *(f"{100 * values[one][0]:.1f}" for one in questions)]) + " |")


def rebuilt(vae: VAE, records: RecordSet, catalog: Path, clean: Path, latents: LatentTable) -> None:
    half = slice(records.image_size // 4, 3 * records.image_size // 4)
    names, lobes, scores = [], [], {"noisy image": [], "reconstruction": []}
    others = tuple(split for split in ("validation", "test") if records.count(split))
    for batch in ordered_dataset(records, others, 128):
        measured = measure(vae, batch["image"])
        ids = [name.decode() for name in batch["id"].numpy()]
        truth = vae.stretch(np.stack([read_cutout(clean / f"{name}.fits").image for name in ids]))
        for name, images in (("noisy image", measured.stretched), ("reconstruction", measured.rebuilt)):
            scores[name].append(ssim(images[:, half, half], truth[:, half, half]))
        lobes.append(darkest(measured.rebuilt) < LOBE)
        names += ids
    scores = {name: np.concatenate(values) for name, values in scores.items()}
    types, _ = galaxy_types(np.array(names), catalog)
    kinds = np.array([types.get(name, "") for name in names])
    groups = {kind: kinds == kind for kind in dict.fromkeys(types.values())} | featured(read_catalog(catalog), names)
    print("| SSIM, central half, against the noise-free image | galaxies | " + " | ".join(scores) + " |")
    print("| --- " * (len(scores) + 2) + "|")
    for kind, rows in (groups | {"all": np.ones(len(kinds), bool)}).items():
        cells = [kind, f"{rows.sum()}", *(f"{values[rows].mean():.3f}" for values in scores.values())]
        print("| " + " | ".join(cells) + " |")
    places = galaxy_neighbourhoods(latents[latents.split == "train"])
    drawn = vae.decode_stretched(places.sample(500, np.random.default_rng(0))).numpy()
    shares = [np.concatenate(lobes).mean(), (darkest(drawn) < LOBE).mean()]
    print("dark lobes: {:.1%} of reconstructions, {:.1%} of 500 drawn as `generate` does".format(*shares))


def featured(catalog: Table, names: list[str]) -> dict[str, np.ndarray]:
    """Return which galaxies of these ``names`` have arms, and which a bar, by their votes."""
    rows = {str(name): row for row, name in enumerate(catalog["id"])}
    arms, bar = (labels(catalog, question) for question in ("has-spiral-arms", "bar"))
    groups = {"armed": arms == "yes", "barred": np.isin(bar, ("strong", "weak"))}
    return {kind: np.array([name in rows and held[rows[name]] for name in names]) for kind, held in groups.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    for name in ("components", "supervised"):
        one = commands.add_parser(name)
        one.add_argument("model", type=Path, help="whose stretch and number of latents are taken")
        one.add_argument("records", type=Path)
        one.add_argument("--out", type=Path, required=True)
    commands.choices["components"].add_argument("--focus", type=float, default=FOCUS)
    commands.choices["supervised"].add_argument("catalog", type=Path)
    commands.choices["supervised"].add_argument("--epochs", type=int, default=20)
    one = commands.add_parser("rebuilt")
    for name in ("model", "records", "catalog", "clean", "latents"):
        one.add_argument(name, type=Path)
    commands.add_parser("score").add_argument("catalog", type=Path)
    commands.choices["score"].add_argument("tables", type=Path, nargs="+")
    one = commands.add_parser("nested")
    one.add_argument("catalog", type=Path)
    one.add_argument("--row", type=Path, nargs="+", action="append", required=True, help="a table a training")
    for name in ("supervised", "score", "nested"):
        commands.choices[name].add_argument("--label-column", action="append", default=[])
        commands.choices[name].add_argument("--seed", type=int, default=0)
        commands.choices[name].add_argument("--share", type=float, default=1.0)
    given = parser.parse_args()
    if given.command in ("score", "nested"):
        catalog = read_catalog(given.catalog, position=False)
        do, tables = (score, given.tables) if given.command == "score" else (nested, given.row)
        do(catalog, tables, given.label_column, given.share, given.seed)
        return
    vae, records = load_model(given.model), RecordSet.load(given.records)
    if given.command == "rebuilt":
        rebuilt(vae, records, given.catalog, given.clean, read_latents(given.latents))
    elif given.command == "components":
        principal_components(records, vae.config.latent_dim, focus=given.focus).save(given.out)
    else:
        votes = read_votes(given.catalog, tuple(given.label_column))
        supervised(vae, records, votes, given.epochs, given.seed, given.share, given.out)


if __name__ == "__main__":
    main()
