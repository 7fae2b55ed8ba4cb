"""A progress bar is for people at a terminal only."""

import io

from motes.progress import progress_bar


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_silent_without_a_terminal(capsys):
    with progress_bar(10) as show:
        show(5)
    assert capsys.readouterr() == ("", "")


def test_drawn_on_standard_error_of_a_terminal(monkeypatch, capsys):
    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    with progress_bar(10) as show:
        print("a row of a table")  # goes to standard output, which is no terminal here, as ever
        show(10)
    assert "10/10" in terminal.getvalue()
    assert "row" not in terminal.getvalue()
    assert capsys.readouterr().out == "a row of a table\n"
