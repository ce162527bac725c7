import logging

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
