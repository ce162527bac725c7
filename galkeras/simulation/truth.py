"""What a simulated galaxy is: classes, shapes, fluxes, colours, drawn galaxy by galaxy."""

__all__ = ["PROPORTIONS", "PURPOSES", "draw_truth", "iauname", "random_of"]

import math
from typing import Any

import numpy as np

# Probabilities of the simulated truth. They lie near the sizes of the classes in Table 2 of the paper, but not at
# them: Table 2 counts galaxies on which volunteers agreed, and they agree less on weak bars or boxy bulges than
# such galaxies are rare. Classes with a handful of galaxies there (boxy, four arms) are raised to a few per cent.
PROPORTIONS: dict[str, dict[str, float]] = {
    "kind": {"smooth": 0.40, "edge-on": 0.10, "face-on": 0.50},
    "roundness": {"round": 0.33, "in-between": 0.60, "cigar-shaped": 0.07},
    "edge_on_bulge": {"rounded": 0.70, "boxy": 0.06, "none": 0.24},
    "bar": {"no": 0.58, "weak": 0.18, "strong": 0.24},
    "arms": {"yes": 0.85, "no": 0.15},
    "winding": {"tight": 0.46, "medium": 0.28, "loose": 0.26},
    "arm_count": {"2": 0.68, "3": 0.12, "4": 0.06, "more-than-4": 0.08, "1": 0.06},
    "bulge_size": {"none": 0.10, "small": 0.37, "moderate": 0.40, "large": 0.10, "dominant": 0.03},
    "merging": {"none": 0.87, "minor-disturbance": 0.05, "major-disturbance": 0.03, "merger": 0.05},
}

# How far each class follows the Hubble sequence: the correlation with `stage`, which is normal and rises from early
# to late types. Classes are taken in the order above, so that the proportions stay what they are. Early discs have
# larger bulges, stronger bars (Masters et al. 2011), tight arms, two of them, or none (lenticulars); many arms come
# with bluer discs (Hart et al. 2016), and one arm with the latest, Magellanic ones.
_SEQUENCE = {"edge_on_bulge": 0.95, "bulge_size": -0.9, "bar": -0.45, "arms": -0.85, "winding": 0.85, "arm_count": 0.6}
_STAGE_WITH_ARMS = (0.23, 0.86)
"""Mean and spread of the stage where there are arms, which follow it too: without them, proportions would shift."""

# The range of the parameter that makes a galaxy a member of its class.
_AXIS_RATIO = {"round": (0.80, 1.0), "in-between": (0.45, 0.80), "cigar-shaped": (0.18, 0.45)}
_PITCH = {"tight": (7.0, 14.0), "medium": (14.0, 23.0), "loose": (23.0, 40.0)}
_BULGE_TO_TOTAL = {
    "none": (0.0, 0.02),
    "small": (0.04, 0.13),
    "moderate": (0.15, 0.34),
    "large": (0.36, 0.58),
    "dominant": (0.60, 0.80),
}
_BAR = {"no": (0.0, 0.0), "weak": (0.3, 0.55), "strong": (0.6, 1.0)}
_NO_ARMS = (0.0, 0.08)
# Two arms are grand designs; many are flocculent and weaker.
_ARM_CONTRAST = {"1": (0.5, 0.9), "2": (0.6, 1.0), "3": (0.5, 0.9), "4": (0.5, 0.9), "more-than-4": (0.45, 0.8)}
# Galaxies with many arms are larger and bluer than those with two (Hart et al. 2016), Magellanic ones smaller and
# bluer: the factor of the radius, and what is added to g - r.
_ARM_SIZE = {"1": 0.78, "2": 1.0, "3": 1.12, "4": 1.22, "more-than-4": 1.22}
_ARM_COLOUR = {"1": -0.08, "2": 0.02, "3": -0.05, "4": -0.08, "more-than-4": -0.08}
# Light moves from one side of a disc to the other: a tenth in most (Rix & Zaritsky 1995), far more with one arm.
_LOPSIDED = {"1": (0.4, 0.7)}
_LOPSIDED_MOST = (0.02, 0.16)
_ARM_COUNT = {"1": (1, 1), "2": (2, 2), "3": (3, 3), "4": (4, 4), "more-than-4": (5, 7)}
_EDGE_ON_BULGE = {"rounded": (0.16, 0.48), "boxy": (0.18, 0.40), "none": (0.0, 0.015)}
_DISTURBANCE = {
    "none": (0.0, 0.1),
    "minor-disturbance": (0.25, 0.5),
    "major-disturbance": (0.55, 0.8),
    "merger": (0.8, 1.0),
}

_RADII = (1.1, 13.0)
_FAINTEST = 17.77
_BRIGHTEST = 13.5
_COUNTS_SLOPE = 0.45  # d log10 N / d mag; 0.6 in a static Euclidean universe, less where redshift bites.

# The field that both surveys see. Right ascensions follow the golden ratio, so that no two ids are the same.
_RA, _DEC = (110.0, 260.0), (32.0, 34.5)
_GOLDEN = (math.sqrt(5) - 1) / 2

PURPOSES = ("truth", "field", "texture", "votes", "defect", "exposure", "noise")
"""Each has random numbers of its own, so that an option that touches one leaves the others as they are."""


def random_of(seed: int, index: int, purpose: str, *which: int) -> np.random.Generator:
    """Return the random numbers of galaxy ``index`` for one of `PURPOSES` (and, say, one survey and band)."""
    return np.random.default_rng(np.random.SeedSequence([seed, index, PURPOSES.index(purpose), *which]))


def draw_truth(seed: int, index: int) -> dict[str, Any]:
    """Draw galaxy ``index`` of the sample with this seed.

    Returns:
        A flat record. Classes are named as in the GZD-5 tree and empty where the question does not arise; angles
        are in degrees, lengths in arcsec, fluxes relative to the galaxy's total, `r_mag` the AB magnitude of all
        its light without companion and tails, `g_r` and `r_z` colours of its main stellar population.
    """
    rng = random_of(seed, index, "truth")
    kind, stage = _choose(rng, "kind"), float(rng.normal())

    # dN/dm ~ 10^(slope m), cut at both ends.
    low, high = (10 ** (_COUNTS_SLOPE * m) for m in (_BRIGHTEST, _FAINTEST))
    r_mag = math.log10(low + rng.random() * (high - low)) / _COUNTS_SLOPE
    ra, dec = _position(seed, index, rng)
    redshift = float(np.clip(0.075 * 10 ** (0.1 * (r_mag - 16.8)) * math.exp(0.35 * rng.normal()), 0.004, 0.25))
    # Brighter galaxies are larger; discs are larger than spheroids of the same flux.
    log_radius = {"smooth": 0.38, "edge-on": 0.66, "face-on": 0.66}[kind] + 0.16 * (16.8 - r_mag)
    log_radius += 0.05 * stage if kind != "smooth" else 0.0
    radius = float(np.clip(10 ** (log_radius + 0.14 * rng.normal()), *_RADII))

    truth: dict[str, Any] = {
        "iauname": iauname(ra, dec),
        "ra": ra,
        "dec": dec,
        "redshift": redshift,
        "kind": kind,
        "r_mag": r_mag,
        "stage": stage,
        "radius": radius,
        "position_angle": 180 * rng.random(),
        "roundness": "",
        "edge_on_bulge": "",
        "bar": "",
        "arms": "",
        "winding": "",
        "arm_count": "",
        "bulge_size": "",
        "merging": _choose(rng, "merging"),
        "axis_ratio": 0.0,
        "sersic_n": 0.0,
        "bulge_to_total": 0.0,
        "bulge_radius": 0.0,
        "bulge_axis_ratio": 0.0,
        "thickness": 0.0,
        "dust": 0.0,
        "bar_strength": 0.0,
        "bar_flux": 0.0,
        "bar_length": 0.0,
        "bar_angle": 0.0,
        "arm_contrast": 0.0,
        "arms_number": 0,
        "pitch": 0.0,
        "handedness": 1,
        "arm_phase": 0.0,
        "young_fraction": 0.0,
        "ring": 0.0,
        "irregularity": 0.0,
        "lopsidedness": 0.0,
        "g_r": 0.0,
        "r_z": 0.0,
        "bulge_g_r": 0.0,
        "bulge_r_z": 0.0,
    }
    truth["disturbance"] = rng.uniform(*_DISTURBANCE[truth["merging"]])
    {"smooth": _smooth, "edge-on": _edge_on, "face-on": _face_on}[kind](truth, rng)
    if kind == "smooth":
        truth["g_r"] = 0.80 + 0.05 * rng.normal() - (0.25 if rng.random() < 0.1 else 0)
    elif truth["arms"] == "no" and not truth["irregularity"]:
        # A lenticular lies on the red sequence, like the ellipticals.
        truth["g_r"] = 0.77 + 0.03 * rng.normal()
    else:
        truth["g_r"] = min(0.60 - 0.11 * stage + 0.03 * rng.normal(), 0.74)
        truth["g_r"] += _ARM_COLOUR.get(truth["arm_count"], 0.0)
    # What merges forms stars.
    truth["g_r"] = float(np.clip(truth["g_r"] - 0.18 * truth["disturbance"], 0.3, 1.0))
    truth["r_z"] = 0.20 + 0.58 * truth["g_r"] + 0.04 * rng.normal()
    truth["bulge_g_r"] = max(0.82 + 0.04 * rng.normal(), truth["g_r"])
    truth["bulge_r_z"] = 0.20 + 0.60 * truth["bulge_g_r"] + 0.02 * rng.normal()
    return truth


def _smooth(truth: dict[str, Any], rng: np.random.Generator) -> None:
    roundness = truth["roundness"] = _choose(rng, "roundness")
    truth["axis_ratio"] = rng.uniform(*_AXIS_RATIO[roundness])
    concentrated = np.clip(3.3 * math.exp(0.3 * rng.normal()), 1.5, 5.5)
    truth["sersic_n"] = _half_steps(1.0 + rng.random() if roundness == "cigar-shaped" else concentrated)
    truth["bulge_to_total"] = 1.0


def _edge_on(truth: dict[str, Any], rng: np.random.Generator) -> None:
    bulge = truth["edge_on_bulge"] = _choose(rng, "edge_on_bulge", truth["stage"])
    truth["thickness"] = rng.uniform(0.08, 0.14) + 0.06 * (bulge != "none") * rng.random()
    truth["axis_ratio"] = 1.3 * truth["thickness"]
    truth["bulge_to_total"] = rng.uniform(*_EDGE_ON_BULGE[bulge])
    truth["bulge_radius"] = truth["radius"] * rng.uniform(0.16, 0.3)
    truth["bulge_axis_ratio"] = rng.uniform(0.65, 0.95)
    truth["sersic_n"] = _half_steps(rng.uniform(1.2, 3.5))
    truth["dust"] = rng.uniform(0.6, 2.2) if rng.random() < 0.55 else 0.0
    truth["young_fraction"] = rng.uniform(0.05, 0.3)


def _face_on(truth: dict[str, Any], rng: np.random.Generator) -> None:
    arms = truth["arms"] = _choose(rng, "arms", truth["stage"])
    late = _normal_share(truth["stage"])
    if arms == "yes":
        _arms(truth, rng)
    else:
        truth["arm_contrast"] = rng.uniform(*_NO_ARMS)
        # Without arms a late type is irregular, and an early one lenticular: little gas, and often a ring.
        truth["irregularity"] = rng.uniform(0.4, 1.0) if late > 0.6 else 0.0
    young = arms == "yes" or truth["irregularity"]
    truth["young_fraction"] = rng.uniform(0.12, 0.24) + 0.36 * late if young else rng.uniform(0.0, 0.04)
    truth["ring"] = rng.uniform(0.04, 0.12) if rng.random() < (0.12 if young else 0.5) else 0.0
    truth["lopsidedness"] = rng.uniform(*_LOPSIDED.get(truth["arm_count"], _LOPSIDED_MOST))
    # Lenticulars are smooth: what dust they had went with the gas.
    truth["dust"] = rng.uniform(0.1, 0.7) if young else rng.uniform(0.0, 0.15)

    scale = truth["radius"] / 1.678
    truth["axis_ratio"] = rng.uniform(0.45, 1.0)
    size = truth["bulge_size"] = _choose(rng, "bulge_size", truth["stage"])
    bulge = truth["bulge_to_total"] = rng.uniform(*_BULGE_TO_TOTAL[size])
    truth["bulge_radius"] = truth["radius"] * (0.07 + 0.33 * bulge) * math.exp(0.15 * rng.normal())
    truth["bulge_axis_ratio"] = 1 - 0.4 * (1 - truth["axis_ratio"])
    truth["sersic_n"] = _half_steps(np.clip(1.0 + 4 * bulge + 0.5 * rng.normal(), 1.0, 4.5))

    bar = truth["bar"] = _choose(rng, "bar", truth["stage"])
    strength = truth["bar_strength"] = rng.uniform(*_BAR[bar])
    truth["bar_flux"] = 0.25 * strength * (1 - bulge)
    truth["bar_length"] = scale * (0.5 + 1.1 * strength) if strength else 0.0
    truth["bar_angle"] = 180 * rng.random()


def _arms(truth: dict[str, Any], rng: np.random.Generator) -> None:
    mean, spread = _STAGE_WITH_ARMS
    stage = (truth["stage"] - mean) / spread
    winding = truth["winding"] = _choose(rng, "winding", stage)
    truth["pitch"] = rng.uniform(*_PITCH[winding])
    count = truth["arm_count"] = _choose(rng, "arm_count", stage)
    low, high = _ARM_COUNT[count]
    truth["arms_number"] = int(rng.integers(low, high + 1))
    truth["arm_contrast"] = rng.uniform(*_ARM_CONTRAST[count])
    truth["radius"] = float(np.clip(truth["radius"] * _ARM_SIZE[count], *_RADII))
    truth["handedness"] = int(rng.choice((-1, 1)))
    truth["arm_phase"] = 360 * rng.random()


def _choose(rng: np.random.Generator, question: str, stage: float = 0.0) -> str:
    """Draw an answer with its proportion, following the Hubble stage as far as the question does."""
    answers, follows = PROPORTIONS[question], _SEQUENCE.get(question, 0.0)
    share = _normal_share(follows * stage + math.sqrt(1 - follows**2) * rng.normal())
    return list(answers)[int(np.searchsorted(np.cumsum(list(answers.values())), share * 0.999999))]


def _normal_share(x: float) -> float:
    """Return the part of a normal distribution that lies below ``x``."""
    return 0.5 * (1 + math.erf(x / math.sqrt(2)))


def _half_steps(value: float) -> float:
    """Return a Sersic index on a grid of 0.5, because GalSim needs a new table (35 ms) for each value."""
    return round(2 * float(value)) / 2


def _position(seed: int, index: int, rng: np.random.Generator) -> tuple[float, float]:
    start = np.random.default_rng(seed).random()
    ra = _RA[0] + (_RA[1] - _RA[0]) * ((start + index * _GOLDEN) % 1)
    # Uniform on the sphere.
    south, north = (math.sin(math.radians(dec)) for dec in _DEC)
    return ra, math.degrees(math.asin(rng.uniform(south, north)))


def iauname(ra: float, dec: float) -> str:
    """Return ``Jhhmmss.ss+ddmmss.s``, truncated and not rounded, as the IAU wants names.

    >>> iauname(123.55200290421928, 22.14806116822031)
    'J081412.48+220853.0'
    """
    centiseconds = int(ra / 15 * 360000 + 1e-6)
    deciseconds = int(abs(dec) * 36000 + 1e-6)
    hours, minutes = divmod(centiseconds // 6000, 60)
    degrees, arcminutes = divmod(deciseconds // 600, 60)
    return (
        f"J{hours:02d}{minutes:02d}{centiseconds % 6000 / 100:05.2f}"
        f"{'-' if dec < 0 else '+'}{degrees:02d}{arcminutes:02d}{deciseconds % 600 / 10:04.1f}"
    )
