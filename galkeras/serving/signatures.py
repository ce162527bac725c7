"""The signatures of a served model: what it can be asked, by name."""

__all__ = ["Served", "domains_of"]

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from galkeras.backend import tf
from galkeras.io.errors import GalkerasError
from galkeras.latents.views import encode_views
from galkeras.models.measure import measure, measure_surveys
from galkeras.models.vae import VAE
from galkeras.morphology.forests import Forests
from galkeras.serving.forest_graph import ForestGraph
from galkeras.serving.inputs import checked, images_of_bytes, images_of_examples
from galkeras.serving.multinomial_graph import MultinomialGraph
from galkeras.surveys.image import PICTURE

Tensors = dict[str, tf.Tensor]

_ENCODED = ("z_mean", "z_log_var")


class _Input(NamedTuple):
    """The one input of a signature: its name, dtype and shape after the batch, and what is made of it, checked."""

    name: str
    dtype: tf.DType
    shape: tuple[int, ...]
    read: Callable[[tf.Tensor], tf.Tensor]


class Served:
    """A fitted model, and forests on its latents, as functions that a SavedModel can hold.

    Every input and output has a row for each galaxy, because a server that batches puts the rows of several
    requests into one call and deals out the rows of the answer. All operations are TensorFlow's own.

    Args:
        model: The model.
        description: What the signature ``describe`` answers.
        forests: Forests on the model's latents.
    """

    def __init__(self, model: VAE, description: str, forests: Forests | None = None):
        self._model = model
        self._description = description
        self._forests = forests
        self._surveys = {domain: model.roles.get(domain) for domain in domains_of(model)}
        self._forest_graph = forests and ForestGraph(
            {question: forest.classifier for question, forest in forests.by_question.items()}
        )
        self._votes = forests and forests.votes
        self._vote_graph = self._votes and MultinomialGraph(list(self._votes.questions.values()))
        config = model.config
        takes = config.images
        images, z = takes.shape, (config.latent_dim,)
        self._images = _Input("images", tf.float32, images, lambda x: checked(x, images, "images"))
        self._z = _Input("z", tf.float32, z, lambda x: checked(x, z, "z"))
        self._seed = _Input("seed", tf.int64, (), lambda x: checked(x, (), "seed"))
        self._anything = _Input("anything", tf.string, (), lambda x: checked(x, (), "anything"))
        self._kinds = {
            "": self._images,
            "_example": _Input("examples", tf.string, (), lambda x: images_of_examples(x, takes)),
        }
        if takes.units == PICTURE and len(takes.bands) == 3:
            self._kinds["_bytes"] = _Input("bytes", tf.string, (), lambda x: images_of_bytes(x, takes.size))

    def module(self) -> tf.Module:
        """Return what holds the variables: weights and forests, each once, and nothing of Keras."""
        module = tf.Module()
        module.weights = [variable.value for variable in self._model.weights]
        module.forests = self._forest_graph
        module.votes = self._vote_graph
        return module

    def signatures(self) -> dict[str, Callable]:
        """Return the functions by name.

        ``encode``, ``measure`` and, with forests, ``classify`` take ``images``; with ``_example`` behind the name
        they take records, and with ``_bytes`` PNG or JPEG files. What decodes is there for each survey of a
        domain-adaptation model, with ``_source``, ``_target``, ``_target_2`` and so on behind the name. ``translate``
        is to the first target, ``translate_2`` to the second.
        """
        tasks = {"encode": self._encode, "measure": self._measure}
        if self._forests:
            tasks["classify"] = self._classify
        found = {
            task + kind: _signature(source, answer)
            for task, answer in tasks.items()
            for kind, source in self._kinds.items()
        }
        for domain in self._surveys:
            found |= {
                "reconstruct" + _end(domain): _signature(self._images, self._bind(self._reconstruct, domain)),
                "decode" + _end(domain): _signature(self._z, self._bind(self._decode, domain)),
                "generate" + _end(domain): _signature(self._seed, self._bind(self._generate, domain)),
            }
        for domain in list(self._surveys)[1:]:
            found[domain.replace("target", "translate")] = _signature(self._images, self._bind(self._translate, domain))
        found["describe"] = _signature(self._anything, self._describe)
        return {tf.saved_model.DEFAULT_SERVING_SIGNATURE_DEF_KEY: found["encode"], **found}

    # What a signature answers.

    def _encode(self, images: tf.Tensor) -> Tensors:
        return dict(zip(_ENCODED, self._model.encode(images), strict=True))

    def _classify(self, images: tf.Tensor, encoded: tuple[tf.Tensor, tf.Tensor] | None = None) -> Tensors:
        """Classify images; ``encoded`` is their posterior of one view, where that is known already."""
        forests = self._forests
        if encoded is None or forests.views > 1:
            encoded = encode_views(self._model, images, forests.views)
        z = encoded[0]
        answers = dict(zip(_ENCODED, encoded, strict=True)) | {"outlier_score": self._outlier_score(z)}
        for question, probabilities in self._forest_graph(z).items():
            classes = forests.by_question[question].classes
            raised = tf.pow(probabilities, forests.by_question[question].power)
            probabilities = raised / tf.reduce_sum(raised, -1, keepdims=True)
            named = {f"{question}_{name}": probabilities[:, index] for index, name in enumerate(classes)}
            named[question] = tf.gather(tf.constant(classes), tf.argmax(probabilities, -1))
            _add(answers, named)
        if self._votes:
            shares = zip(self._votes.questions, map(tf.exp, self._vote_graph(z)), strict=True)
            expected = self._votes.columns(dict(shares))
            _add(answers, {name: tf.cast(share, tf.float32) for name, share in expected.items()})
        return answers

    def _measure(self, images: tf.Tensor) -> Tensors:
        # The reconstruction is of the image as it is, whatever the latents are averaged over.
        measured = measure_surveys(self._model, images, tuple(self._surveys.values()))
        encoded = measured[0].z, measured[0].log_var
        answers = self._classify(images, encoded) if self._forests else dict(zip(_ENCODED, encoded, strict=True))
        for domain, one in zip(self._surveys, measured, strict=True):
            _add(answers, {"reconstruction_mse" + _end(domain): one.mse, "ssim" + _end(domain): one.ssim})
        return answers

    def _outlier_score(self, z: tf.Tensor) -> tf.Tensor:
        mean, std = (np.asarray(v, np.float32) for v in (self._forests.latent_mean, self._forests.latent_std))
        return tf.reduce_max(tf.math.divide_no_nan(tf.abs(z - mean), std), -1)

    def _reconstruct(self, images: tf.Tensor, domain: str) -> Tensors:
        one = measure(self._model, images, self._surveys[domain])
        return {"images": self._model.stretch.inverse(one.rebuilt), "reconstruction_mse": one.mse, "ssim": one.ssim}

    def _translate(self, images: tf.Tensor, domain: str) -> Tensors:
        return {"images": self._model.translate(images, self._surveys[domain])}

    def _decode(self, z: tf.Tensor, domain: str) -> Tensors:
        return {"images": self._model.decode(z, self._surveys[domain])}

    def _generate(self, seed: tf.Tensor, domain: str) -> Tensors:
        # A row's image follows from its own seed, whatever else is in the batch.
        z = tf.map_fn(
            lambda one: tf.random.stateless_normal([self._model.config.latent_dim], tf.stack([one, 0])),
            seed,
            fn_output_signature=tf.TensorSpec([self._model.config.latent_dim], tf.float32),
        )
        return {"z": z, **self._decode(z, domain)}

    def _describe(self, anything: tf.Tensor) -> Tensors:
        return {"description": tf.fill(tf.shape(anything), self._description)}

    @staticmethod
    def _bind(answer: Callable, domain: str) -> Callable[[tf.Tensor], Tensors]:
        return lambda value: answer(value, domain)


def domains_of(model: VAE) -> tuple[str, ...]:
    """Return the surveys' roles that a model decodes to, ``("",)`` where it has one decoder for all."""
    return tuple(model.roles) or ("",)


def _signature(source: _Input, answer: Callable[[tf.Tensor], Tensors]) -> Callable:
    def signature(value: tf.Tensor) -> Tensors:
        value = source.read(value)
        answers = answer(value)
        return _nothing_of_nan(answers, value) if value.dtype.is_floating else answers

    spec = tf.TensorSpec((None, *source.shape), source.dtype, name=source.name)
    return tf.function(signature, input_signature=[spec], autograph=False)


def _nothing_of_nan(answers: Tensors, value: tf.Tensor) -> Tensors:
    """Return NaN and empty strings in the rows whose input is not finite.

    Max pooling passes over NaN, so latents of a broken image can look sound. The other rows, perhaps of other
    users, are answered.
    """
    good = tf.reduce_all(tf.math.is_finite(value), axis=range(1, value.shape.rank))

    def blanked(values: tf.Tensor) -> tf.Tensor:
        rows = tf.reshape(good, [-1] + [1] * (values.shape.rank - 1))
        return tf.where(rows, values, tf.constant("" if values.dtype == tf.string else np.nan, values.dtype))

    return {name: blanked(values) for name, values in answers.items()}


def _add(answers: Tensors, more: Tensors) -> None:
    if taken := set(answers) & set(more):
        raise GalkerasError(f"two answers of the model would be called {taken.pop()!r}: rename the label")
    answers |= more


def _end(domain: str) -> str:
    return f"_{domain}" if domain else ""
