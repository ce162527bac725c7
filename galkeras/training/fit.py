"""Fitting a VAE to a record set."""

__all__ = ["fit"]

from collections.abc import Sequence
from pathlib import Path

from galkeras.backend import keras
from galkeras.io.errors import GalkerasError
from galkeras.models.config import ModelConfig
from galkeras.models.folder import load_model
from galkeras.models.vae import VAE
from galkeras.records.reader import damage_named, training_dataset
from galkeras.records.schema import RecordSet
from galkeras.training.data import measure_stretch, validation_dataset
from galkeras.training.run import TrainingConfig, finish, open_folder, train
from galkeras.training.state import LAST_FILE
from galkeras.training.strategy import choose_strategy
from galkeras.training.summary import summarise
from galkeras.training.votes import read_votes


def fit(
    records: str | Path,
    out: str | Path,
    *,
    latent: int = 40,
    architecture: str = "residual",
    loss: str = "mse",
    kl_weight: float = 0.01,
    focus: float = 0.3,
    image_size: int | None = None,
    epochs: int = 50,
    batch_size: int = 64,
    learning_rate: float = 2e-4,
    patience: int = 20,
    seed: int = 0,
    resume: bool = False,
    catalog: str | Path | None = None,
    label_columns: Sequence[str] = (),
    votes_weight: float = 10.0,
    id_column: str | None = None,
    quiet: bool = False,
) -> VAE:
    """Fit a VAE to the training split of a record set and write a model folder.

    The weights kept are those of the epoch with the lowest validation ELBO loss.

    Args:
        records: Folder of the record set.
        out: The model folder to write, by convention ``saved_models/NAME``.
        latent: Number of latents N_L.
        architecture: ``upright``, ``residual`` or ``paper`` (Xu et al. 2023, Fig. 2).
        loss: ``gaussian`` (noise that is learned, in nats), ``mse`` or ``mae`` on stretched images.
        kl_weight: k of eq. 2, with both terms summed per image. On images stretched to 0..1 the paper's 1 would say
            that the noise a pixel is 0.7; 0.01 says 0.07.
        focus: Gaussian width, as a fraction of half the side, of the weight of pixels about the centre; 0 weighs
            all alike, as the paper does.
        image_size: Side at which the network works; images are block-averaged to it. Default: the records' side.
        epochs: Passes over the training split, at most.
        batch_size: Images a step over all devices; at most the training split.
        learning_rate: Adam's, at its highest: it warms up and then follows a half cosine to 0.
        patience: Stop after so many epochs without a better validation score.
        seed: Of initialisation, shuffling, augmentation and posterior noise.
        resume: Go on with an interrupted run of the same settings.
        catalog: Votes to learn from beside the images, of the galaxies of the training split that it knows: the latents
            then hold what people ask about. Forests are scored on other galaxies (see `classify`).
        label_columns: Learn from these columns of labels instead of votes.
        votes_weight: Weight of the votes' log likelihood in the loss.
        id_column: The catalog's column of galaxy names, where it is not one of the usual.
        quiet: Print no line after each epoch; ``history.csv`` has them.

    Returns:
        The fitted model.

    Raises:
        GalkerasError: On bad settings, too few galaxies, or a folder that holds something else.
    """
    records, out = RecordSet.load(records), Path(out)
    for split in ("train", "validation"):
        if not records.count(split):
            raise GalkerasError(f"{records.path} has no {split} galaxies: make a record set of more galaxies")
    if label_columns and catalog is None:
        raise GalkerasError(f"`label_columns` needs a catalog. Received: label_columns={', '.join(label_columns)}")
    votes = None if catalog is None else read_votes(catalog, label_columns, id_column)
    training = TrainingConfig(
        records=records.digest,
        epochs=epochs,
        batch_size=min(batch_size, records.count("train")),
        learning_rate=learning_rate,
        patience=patience,
        seed=seed,
        votes=votes.digest if votes else "",
    )
    size = image_size or records.image_size
    config = ModelConfig(
        image_size=records.image_size,
        units=records.units,
        surveys=(records.survey,),
        pixel_scale=records.pixel_scale,
        latent_dim=latent,
        network_size=size,
        architecture=architecture,
        loss=loss,
        kl_weight=kl_weight,
        focus=focus or None,
        bands=records.bands,
        preparation=records.preparation,
        questions=votes.questions if votes else (),
        votes_weight=votes_weight,
        **measure_stretch(records, max(1, records.image_size // size)),
    )
    if not open_folder(out, config, training, resume):
        return load_model(out)
    beside = None if votes is None else (votes.ids, votes.counts)
    steps = records.count("train") // training.batch_size
    strategy = choose_strategy()
    with strategy.scope():
        keras.utils.set_random_seed(seed)
        model = VAE(config, seed=seed)
    if not (out / LAST_FILE).exists():  # else the run goes on from there
        model.architecture.start(model, records, seed)
    with damage_named(records):
        train(
            model,
            strategy,
            out,
            training,
            steps,
            lambda first: training_dataset(
                records, "train", training.batch_size, seed=seed, first_epoch=first, beside=beside
            ),
            validation_dataset(records, "validation", training.batch_size, beside),
            quiet=quiet,
        )
        return finish(VAE(config), out, lambda model: summarise(model, records, out))
