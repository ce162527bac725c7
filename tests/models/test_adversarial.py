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


def critic(model, source, target, weights=None):
    latents = Latents(source, target, tf.minimum(*(tf.shape(x)[0] for x in (source, target))), IMAGES, IMAGES, weights)
    return model.compare(latents)["critic"]


def test_the_critic_learns_to_tell_surveys_apart_and_the_encoder_to_stop_it(model):
    model.paired = False
    optimizer = keras.optimizers.Adam(1e-2)
    source, target = tf.Variable(SOURCE), tf.Variable(TARGET)
    for _ in range(15):
        with tf.GradientTape() as tape:
            loss = model.factors["critic"] * critic(model, SOURCE, TARGET)
        optimizer.apply(tape.gradient(loss, model.critic.trainable_weights), model.critic.trainable_weights)
    learned = float(critic(model, SOURCE, TARGET))
    assert learned < 0.6 < np.log(2)
    with tf.GradientTape() as tape:
        loss = model.factors["critic"] * critic(model, source, target)
    assert float(loss) == pytest.approx(-10 * learned)
    slopes = tape.gradient(loss, [source, target])
    fooled = critic(model, SOURCE - 5 * slopes[0], TARGET - 5 * slopes[1])
    assert float(fooled) > learned + 0.02


def test_surveys_count_alike_and_padding_does_not(model):
    model.paired = False
    whole = float(critic(model, SOURCE, TARGET))
    assert float(critic(model, np.tile(SOURCE, (3, 1)), TARGET)) == pytest.approx(whole, rel=1e-5)
    padded = np.concatenate([TARGET, np.full((10, 6), 50, "f")])
    weights = {"source": np.ones(40, "f"), "target": np.r_[np.ones(30), np.zeros(10)].astype("f")}
    assert float(critic(model, np.concatenate([SOURCE]), padded, weights)) == pytest.approx(whole, rel=1e-5)


@pytest.mark.parametrize("weight", [0.0, float("nan"), "much"])
def test_a_weight_that_is_none(weight):
    with pytest.raises(GalkerasError, match="`critic_weight` must be finite and positive. Received: critic_weight="):
        build("adversarial", **PAPER_ADAPTATION | {"critic_weight": weight})
