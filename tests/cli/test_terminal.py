import logging
import warnings

import pytest

from galkeras.cli.terminal import told


def test_what_is_logged_is_a_line_of_stdout_in_the_words_of_the_shell(capsys):
    log = logging.getLogger("galkeras.records.make")
    with told(lambda message: message.replace("`crop`", "--crop")):
        log.info("100 % written")
        log.warning("give `crop`")
        logging.getLogger("another").info("nobody asked")
    log.info("nobody hears this")
    assert capsys.readouterr() == ("100 % written\nwarning: give --crop\n", "")
    assert not logging.getLogger("galkeras").handlers


@pytest.mark.filterwarnings("default")
def test_a_warning_is_one_line_of_stderr(capsys):
    shown = warnings.showwarning
    with told(str.upper):
        warnings.warn("only 2 of 40 latents carry information", stacklevel=1)
    assert capsys.readouterr() == ("", "warning: ONLY 2 OF 40 LATENTS CARRY INFORMATION\n")
    assert warnings.showwarning is shown
