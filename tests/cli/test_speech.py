"""What Python calls `latent_dim=8` the shell calls --latent 8."""

import pytest
from typer.main import get_command

from galkeras import cli
from galkeras.cli.speech import in_shell

COMMANDS = get_command(cli.app).commands


@pytest.mark.parametrize(
    ("command", "message", "said"),
    [
        ("fit", "`latent_dim` must be 1 or more. Received: latent_dim=0", "--latent must be 1 or more. Received: 0"),
        ("fit", "m holds a model: `resume=True` goes on", "m holds a model: --resume goes on"),
        ("fit", "give `architecture=paper`, `warm_start=old`", "give --architecture paper, --from old"),
        ("encode", "do `fit(latent_dim=8)`, or `fit()`", "do `galkeras fit --latent 8`, or `galkeras fit`"),
        ("encode", "see `make_tfrecords(image_size=…)`", "see `galkeras make-tfrecords --image-size`"),
        ("encode", "a table that `encode` wrote from `records`", "a table that `galkeras encode` wrote from RECORDS"),
        ("fit", "`units` must be nanomaggy. Received: units=3", "`units` must be nanomaggy. Received: units=3"),
        ("make-tfrecords", "say `position=False`", "say --no-position"),
        ("scan", "`latent_dim` must differ. Received: latent_dim='1,1'", "--latent must differ. Received: '1,1'"),
        ("fit", "name a column with `label_column`", "name a column with --label-column"),
        ("fit", "`paper=True` means `loss=mse`", "--paper means --loss mse"),
        ("generate", "give `classes`, or draw `sampling=prior`", "give --class, or draw --from prior"),
        (None, "`latent_dim` must be 1", "`latent_dim` must be 1"),
    ],
)
def test_the_shell_hears_its_options(command, message, said):
    assert in_shell(message, COMMANDS, command) == said
