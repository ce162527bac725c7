"""About forty simulated volunteers a galaxy, who go down the GZD-5 tree and err where they cannot see."""

__all__ = ["catalog_row", "clarity_of", "no_votes", "petrosian", "vote"]

import math
from typing import Any

import numpy as np
from scipy.special import gammainc, ndtr

from galkeras.galaxyzoo.trees.gzd5 import GZD5
from galkeras.surveys.facts import SURVEYS, ZERO_POINT

_VOLUNTEERS = (34, 46)
_CARELESS = 0.03
"""The part of the votes that is thrown at random."""

# Where volunteers pass from one answer to the next, along the parameter that they judge by.
_ROUNDNESS = ("cigar-shaped", "in-between", "round"), (0.45, 0.80), 0.055
_WINDING = ("tight", "medium", "loose"), (14.0, 23.0), 3.5
_BULGE = ("none", "small", "moderate", "large", "dominant"), (0.03, 0.14, 0.35, 0.59), 0.05
_BAR = ("no", "weak", "strong"), (0.22, 0.58), 0.13
_MERGING = ("none", "minor-disturbance", "major-disturbance", "merger"), (0.20, 0.52, 0.80), 0.09

Votes = dict[str, np.ndarray]


def petrosian(truth: dict[str, Any], seeing: float = 0.0) -> tuple[float, float, float]:
    """Return the radii that hold 50 and 90 % of the light and the Petrosian radius (arcsec).

    From the growth curve of bulge and disc along the major axis, with half the seeing added in quadrature.
    The Petrosian radius is where the local surface brightness is 0.2 of the mean inside.
    """
    radius = np.geomspace(0.02, 12, 400) * truth["radius"]
    n = max(truth["sersic_n"], 1.0)
    bulge = truth["bulge_to_total"]
    bulge_radius = truth["radius"] if truth["kind"] == "smooth" else max(truth["bulge_radius"], 0.05)
    growth = bulge * _sersic_growth(radius / bulge_radius, n) + (1 - bulge) * _sersic_growth(
        radius / truth["radius"], 1.0
    )
    local = np.gradient(growth, radius) / radius
    mean = 2 * growth / radius**2
    inside = np.flatnonzero(local < 0.2 * mean)
    theta = radius[inside[0]] if len(inside) else radius[-1]
    half, most = np.interp((0.5, 0.9), growth / np.interp(2 * theta, radius, growth), radius)
    blur = (seeing / 2) ** 2
    return math.sqrt(half**2 + blur), math.sqrt(most**2 + blur), math.sqrt(theta**2 + blur)


def _sersic_growth(x: np.ndarray, n: float) -> np.ndarray:
    return gammainc(2 * n, (2 * n - 1 / 3 + 0.009876 / n) * x ** (1 / n))


def clarity_of(truth: dict[str, Any], seeing: float) -> float:
    """Return how well volunteers see this galaxy, 0 to 1.

    It falls for galaxies no larger than the seeing (arcsec) and of low surface brightness.
    """
    half, _, _ = petrosian(truth)
    brightness = truth["r_mag"] + 2.5 * math.log10(2 * math.pi * half**2)
    resolved = 1 / (1 + (1.5 * seeing / half) ** 2.5)
    bright = 1 / (1 + math.exp((brightness - 23.5) / 0.4))
    return resolved * bright


def vote(truth: dict[str, Any], clarity: float, rng: np.random.Generator) -> Votes:
    """Send the volunteers down the tree.

    Returns:
        The counts of each question's answers, in the order of `GZD5`; all 0 where nobody was asked.
    """
    blur = 0.6 + 1.6 * (1 - clarity)
    kind, count = truth["kind"], {}

    def ask(question: str, volunteers: int, probability: dict[str, float]) -> None:
        answers = GZD5.questions[question].answers
        p = np.array([max(probability.get(answer, 0.0), 0.0) for answer in answers])
        p = (1 - _CARELESS) * p / p.sum() + _CARELESS / len(answers)
        count[question] = dict(zip(answers, rng.multinomial(volunteers, p).tolist(), strict=True))

    def ordered(scale: tuple, value: float) -> dict[str, float]:
        answers, edges, width = scale
        below = [0.0, *ndtr((np.array(edges) - value) / (width * blur)), 1.0]
        return dict(zip(answers, np.diff(below), strict=True))

    everybody = int(rng.integers(*_VOLUNTEERS, endpoint=True))
    featured = _sigmoid(_visible_features(truth, clarity) + 0.5 * rng.normal())
    ask(
        "smooth-or-featured",
        everybody,
        {"smooth": 0.96 * (1 - featured), "featured-or-disk": 0.96 * featured, "artifact": 0.04},
    )
    smooth, discs = (count["smooth-or-featured"][answer] for answer in ("smooth", "featured-or-disk"))

    edge_on = {"edge-on": 3.4, "face-on": -3.2 - 4 * (truth["axis_ratio"] - 0.45)}.get(
        kind, 9 * (0.36 - truth["axis_ratio"])
    )
    edge_on = _sigmoid(edge_on / blur)
    ask("disk-edge-on", discs, {"yes": edge_on, "no": 1 - edge_on})
    sideways, face_on = count["disk-edge-on"]["yes"], count["disk-edge-on"]["no"]

    arms = _sigmoid(9 * (truth["arm_contrast"] - 0.28) / blur)
    ask("has-spiral-arms", face_on, {"yes": arms, "no": 1 - arms})
    spirals = count["has-spiral-arms"]["yes"]
    ask("bar", face_on, ordered(_BAR, truth["bar_strength"]))
    ask("bulge-size", face_on, ordered(_BULGE, 0.24 if kind == "smooth" else truth["bulge_to_total"]))
    ask("how-rounded", smooth, ordered(_ROUNDNESS, truth["axis_ratio"]))
    ask("edge-on-bulge", sideways, _bulge_seen(truth, blur))
    ask("spiral-winding", spirals, ordered(_WINDING, truth["pitch"] if truth["arms"] == "yes" else 10.0))
    ask("spiral-arm-count", spirals, _arms_counted(truth, clarity))
    ask("merging", smooth + discs, ordered(_MERGING, truth["disturbance"]))
    return {question.name: np.array([count[question.name][a] for a in question.answers]) for question in GZD5.asks}


def no_votes() -> Votes:
    """Return the votes of a galaxy that nobody was shown."""
    return {question.name: np.zeros(len(question.answers), int) for question in GZD5.asks}


def _visible_features(truth: dict[str, Any], clarity: float) -> float:
    """Return the log-odds that a volunteer sees a disc or features."""
    if truth["kind"] == "smooth":
        return -2.2 + 2.5 * max(truth["disturbance"] - 0.3, 0) + (0.6 if truth["axis_ratio"] < 0.35 else 0)
    if truth["kind"] == "edge-on":
        return 2.6 - 2.0 * (1 - clarity)
    striking = truth["arm_contrast"] + 0.7 * truth["bar_strength"] + 3 * truth["ring"] + truth["irregularity"]
    return 5.5 * (clarity - 0.45) + 2.2 * min(striking, 1.2) - 0.3 - 1.2 * max(truth["bulge_to_total"] - 0.4, 0)


def _bulge_seen(truth: dict[str, Any], blur: float) -> dict[str, float]:
    mistaken = 0.09 * blur
    seen = truth["edge_on_bulge"] or "rounded"
    others = {"rounded": ("none", "boxy"), "boxy": ("rounded", "none"), "none": ("rounded", "boxy")}[seen]
    # The first of the others is the commoner error.
    return {seen: 1 - 1.4 * mistaken, others[0]: mistaken, others[1]: 0.4 * mistaken}


def _arms_counted(truth: dict[str, Any], clarity: float) -> dict[str, float]:
    if truth["arms"] != "yes":
        return {"cant-tell": 0.6, "2": 0.3, "1": 0.1}
    answers = GZD5.questions["spiral-arm-count"].answers
    index = answers.index(truth["arm_count"])
    # More arms, and tighter ones, are harder to count.
    lost = 0.2 * (1 - clarity) + (0.05, 0.0, 0.12, 0.2, 0.25)[index]
    lost += 0.08 if truth["winding"] == "tight" else 0
    wrong = 0.02 + 0.12 * (1 - clarity)
    seen = {answers[index]: (1 - lost) * (1 - wrong), "cant-tell": lost}
    neighbours = [answers[near] for near in (index - 1, index + 1) if 0 <= near < 5]
    for near in neighbours:
        seen[near] = (1 - lost) * wrong / len(neighbours)
    return seen


def catalog_row(truth: dict[str, Any], votes: Votes) -> dict[str, Any]:
    """Return one row of ``catalog.parquet``, with the columns of ``gz_decals_volunteers_5`` in their order.

    Radii are those of the noise-free galaxy in the nominal seeing of DECaLS. Fractions are NaN where nobody was
    asked. The debiased fractions equal the fractions: these volunteers err with what they see, not with redshift.
    """
    name, flux = truth["iauname"], 10 ** (0.4 * (ZERO_POINT - truth["r_mag"]))
    half, most, theta = petrosian(truth, SURVEYS["decals"].bands["r"].seeing)
    # Hubble's law to second order (q0 = -0.55, H0 = 70 km/s/Mpc) is good to 1 % at these redshifts.
    megaparsec = 299792.458 / 70 * truth["redshift"] * (1 + 0.775 * truth["redshift"])
    row: dict[str, Any] = {
        "iauname": name,
        "ra": truth["ra"],
        "dec": truth["dec"],
        "redshift": truth["redshift"],
        "elpetro_absmag_r": truth["r_mag"] - 5 * math.log10(megaparsec) - 25,
        "sersic_nmgy_r": flux,
        "petro_th50": half,
        "petro_th90": most,
        "petro_theta": theta,
        "upload_group": "active_baseline",
        "active_learning_on": False,
        "in_gzd_ab": False,
        "png_loc": f"dr5/{name[:4]}/{name}.png",
    }
    for question in GZD5.asks:
        counts = votes[question.name].tolist()
        total = sum(counts)
        row[f"{question.name}_total-votes"] = total
        for answer, count in zip(question.answers, counts, strict=True):
            fraction = count / total if total else math.nan
            row[f"{question.name}_{answer}"] = count
            row[f"{question.name}_{answer}_fraction"] = fraction
            row[f"{question.name}_{answer}_debiased"] = fraction
    row["wrong_size_statistic"] = 150.0
    row["wrong_size_warning"] = False
    return row


def _sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x))
