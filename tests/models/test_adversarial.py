import numpy as np
import pytest
from battery import build

from galkeras.backend import keras, tf
from galkeras.io.errors import GalkerasError
from galkeras.models.adapted import Latents
from galkeras.models.config import PAPER_ADAPTATION

RNG = np.random.default_rng(4)
SOURCE, TARGET = RNG.normal(0, 1, (40, 6)).astype("f"), RNG.normal(0.8, 1, (30, 6)).astype("f")
IMAGES = np.zeros((1, 64, 64, 3), "f")


@pytest.fixture(scope="module")
def model():
    return build("adversarial", **PAPER_ADAPTATION | {"mmd_weight": 0.0, "critic_weight": 10.0})


def terms(model, source, target, weights=None):
    latents = Latents(source, target, tf.minimum(*(tf.shape(x)[0] for x in (source, target))), IMAGES, IMAGES, weights)
    given = model.compare(latents)
    return given["critic"], given["confusion"]


def test_the_critic_learns_to_tell_surveys_apart_and_the_encoder_to_confuse_it(model):
    model.paired = False
    assert model.factors["confusion"] == 10
    optimizer, taught = keras.optimizers.Adam(1e-2), model.critic.trainable_weights
    for _ in range(15):
        with tf.GradientTape() as tape:
            cross_entropy, _ = terms(model, SOURCE, TARGET)
        optimizer.apply(tape.gradient(cross_entropy, taught), taught)
    learned = float(terms(model, SOURCE, TARGET)[0])
    assert learned < 0.6 < np.log(2)

    source, target = tf.Variable(SOURCE), tf.Variable(TARGET)
    with tf.GradientTape(persistent=True) as tape:
        cross_entropy, confusion = terms(model, source, target)
    # Each learns from a term of its own.
    assert tape.gradient(cross_entropy, [source, target]) == [None, None]
    assert tape.gradient(confusion, taught) == [None] * len(taught)
    descent = keras.optimizers.SGD(5.0)
    for _ in range(300):
        with tf.GradientTape() as tape:
            _, confusion = terms(model, source, target)
        descent.apply(tape.gradient(confusion, [source, target]), [source, target])
    # However long it goes on, the surveys end where the critic cannot tell, and not beyond.
    assert float(confusion) == pytest.approx(np.log(2), abs=1e-3)
    assert float(terms(model, source, target)[0]) == pytest.approx(np.log(2), abs=0.02)


def test_surveys_count_alike_and_padding_does_not(model):
    model.paired = False
    whole = np.array(terms(model, SOURCE, TARGET))
    assert np.array(terms(model, np.tile(SOURCE, (3, 1)), TARGET)) == pytest.approx(whole, rel=1e-5)
    padded = np.concatenate([TARGET, np.full((10, 6), 50, "f")])
    weights = {"source": np.ones(40, "f"), "target": np.r_[np.ones(30), np.zeros(10)].astype("f")}
    assert np.array(terms(model, SOURCE, padded, weights)) == pytest.approx(whole, rel=1e-5)


@pytest.mark.parametrize("weight", [0.0, float("nan"), "much"])
def test_a_weight_that_is_none(weight):
    with pytest.raises(GalkerasError, match="`critic_weight` must be finite and positive. Received: critic_weight="):
        build("adversarial", **PAPER_ADAPTATION | {"critic_weight": weight})
