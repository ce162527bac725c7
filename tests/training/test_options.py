import pytest
from typer.testing import CliRunner

import galkeras as gk
from galkeras.cli import app
from galkeras.io.errors import GalkerasError
from galkeras.models.adapters import ADAPTERS
from galkeras.models.alignment import ALIGNMENTS
from galkeras.models.architectures import ARCHITECTURES
from galkeras.models.losses import LOSSES
from galkeras.simulation import SIMULATED
from galkeras.surveys.facts import SURVEYS
from galkeras.training.history import draw_term
from galkeras.training.options import AdaptOptions, FitOptions, choices


def test_the_paper_is_network_and_loss_and_how_long_is_the_users_choice():
    assert FitOptions().as_paper().epochs == 50
    asked = FitOptions(epochs=20, patience=3).as_paper({"epochs", "patience"})
    assert (asked.epochs, asked.patience) == (20, 3)
    assert (asked.architecture, asked.loss, asked.kl_weight, asked.focus) == ("paper", "mse", 1.0, 0.0)
    assert FitOptions(loss="mse").as_paper({"loss"}) == FitOptions().as_paper()
    for options, name in (
        (FitOptions(), "architecture"),
        (FitOptions(focus=0.2), "focus"),
        (AdaptOptions(), "mmd_weight"),
    ):
        with pytest.raises(GalkerasError, match=f"`paper=True` means `{name}=.*leave one out"):
            options.as_paper({name})


@pytest.mark.parametrize(
    ("given", "weights"),
    [
        ({}, (0, 1)),
        ({"unpaired": True}, (500, 0)),
        ({"pair_weight": 0.0}, (500, 0)),
        ({"alignment": "sinkhorn"}, (500, 1)),
        ({"mmd_weight": 7.0}, (7, 1)),
        ({"unpaired": True, "mmd_weight": 0.0}, (0, 0)),
    ],
)
def test_surveys_are_aligned_as_wholes_where_no_pairs_join_them(given, weights):
    own = AdaptOptions(**given).of_model(("mmd_weight", "pair_weight"))
    assert (own["mmd_weight"], own["pair_weight"]) == weights


@pytest.mark.parametrize("options", [{"label_columns": ["a"]}, {"votes_weight": 3.0}, {"id_column": "name"}])
def test_what_is_of_a_catalog_is_refused_without_one(options):
    (name,) = options
    with pytest.raises(GalkerasError, match=f"`{name}` needs `catalog`. Received: "):
        FitOptions(**options)
    assert getattr(FitOptions(catalog="c.csv", **options), name) == options[name]


@pytest.mark.parametrize(
    "command, registries",
    [
        ("fit", (ARCHITECTURES, LOSSES)),
        ("scan", (ARCHITECTURES, LOSSES)),
        ("adapt", (ALIGNMENTS, ADAPTERS)),
        # Of the others the simulated sky lacks bands.
        ("mock", ([name for name, one in SURVEYS.items() if set(one.bands) <= set(SIMULATED)],)),
        ("make-tfrecords", (SURVEYS,)),
    ],
)
def test_help_names_all_that_there_is(command, registries):
    shown = CliRunner().invoke(app, [command, "--help"], env={"COLUMNS": "1000", "TERM": "dumb"}).output
    for registry in registries:
        assert len(registry) > 1 and [name for name in registry if name not in shown] == []


def test_losses_have_ticks_with_whole_numbers_of_epochs_and_plain_values():
    from matplotlib.figure import Figure

    figure = Figure()
    axis = figure.subplots()
    history = [{"epoch": n, "kl": 104 + n / 50, "val_kl": 104 - n / 50} for n in range(1, 13)]
    draw_term(axis, history, "kl", "KL")
    figure.canvas.draw()
    assert len(axis.lines) == 2 and all(line.get_xydata().shape == (12, 2) for line in axis.lines)
    low, high = axis.get_ylim()
    shown = [float(tick.get_text().replace("−", "-")) for tick in axis.get_yticklabels()]
    assert len([value for value in shown if low <= value <= high]) >= 4
    assert all(tick.get_text().replace("−", "").isdigit() for tick in axis.get_xticklabels())


@pytest.mark.parametrize("options", [FitOptions, AdaptOptions])
def test_a_docstring_tells_every_option(options):
    told = " ".join(options.__doc__.split())
    places = [told.index(f" {one.name}: {' '.join(one.metadata['about'].split())[:4]}") for one in choices(options)]
    assert places == sorted(places) and places[0] > told.index("Attributes:")
    assert getattr(gk, options.__name__) is options
    assert "What `mmd_weight` weighs" in AdaptOptions.__doc__ and "--" not in told
