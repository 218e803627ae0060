"""Nothing that is saved takes the place of what is no plain file, and nothing waits for a pipe."""

import os
import socket
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from glassgrad import MLP, Neuron, Value, backprop, compiled, draw, draw_program, fit, mse, sine
from glassgrad.engine.files import plain_file, write_file

pytestmark = pytest.mark.system("POSIX")


def pipe(path: Path) -> None:
    os.mkfifo(path)


def bound_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as opened:
        opened.bind(str(path))


def device(path: Path) -> None:
    try:
        os.mknod(path, stat.S_IFCHR | 0o666, os.makedev(1, 3))
    except PermissionError:  # only root makes devices; others cannot harm this one
        path.symlink_to("/dev/null")


def saved_model(path: Path) -> None:
    Neuron(1).save(path)


def checkpoint(path: Path) -> None:
    fit(
        MLP(1, [1], output_activation="linear"),
        mse,
        *sine(20),
        epochs=1,
        checkpoint=path,
        progress=False,
    )


def drawing(path: Path) -> None:
    draw(Value(1.0) * 2).save(path)


def steps(path: Path) -> None:
    backprop(Value(1.0) * 2).save(path)


def program(path: Path) -> None:
    square = compiled(lambda x: x * x)
    square(Value(2.0))
    draw_program(square).save(path)


SAVED = {
    saved_model: "model.json",
    checkpoint: "run.json",
    drawing: "graph.svg",
    steps: "steps.html",
    program: "program.txt",
}
KINDS = [pipe, bound_socket, device]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder whose name is short: the address of a socket has room for little."""
    monkeypatch.chdir(tmp_path)
    return Path()


@pytest.mark.parametrize("through_a_link", [False, True], ids=["itself", "behind a link"])
@pytest.mark.parametrize("make", KINDS)
@pytest.mark.parametrize("save", SAVED)
def test_what_is_no_plain_file_stays(
    save: Callable, make: Callable, through_a_link: bool, folder: Path
) -> None:
    path = folder / SAVED[save]
    if through_a_link:
        make(folder / "elsewhere")
        path.symlink_to(folder / "elsewhere")
    else:
        make(path)
    before, link = path.stat(), path.lstat()
    with pytest.raises(OSError, match="this is a pipe, a device or a socket, not a plain file"):
        save(path)
    assert (path.stat().st_mode, path.lstat().st_mode) == (before.st_mode, link.st_mode)
    assert path.stat().st_ino == before.st_ino
    assert len(os.listdir(folder)) == 1 + through_a_link, "something was left behind"


def test_a_folder_is_no_plain_file(folder: Path) -> None:
    with pytest.raises(IsADirectoryError, match="this is a folder, not a plain file"):
        write_file(folder, b"x")


def test_links_to_plain_files_and_to_nothing_yet_are_followed(folder: Path) -> None:
    for name, content in (("old", b"before"), ("new", None)):
        if content is not None:
            Path(name).write_bytes(content)
        link = Path(f"link to {name}")
        link.symlink_to(name)
        write_file(link, b"after")
        assert link.is_symlink()
        assert Path(name).read_bytes() == b"after"


def test_a_link_into_a_folder_that_is_not_there_names_that(folder: Path) -> None:
    Path("link").symlink_to("missing/file")
    with pytest.raises(FileNotFoundError, match=r"there is no such folder: '.*missing'"):
        write_file("link", b"x")


def test_a_circle_of_links_is_an_error(folder: Path) -> None:
    Path("a").symlink_to("b")
    Path("b").symlink_to("a")
    with pytest.raises(OSError, match="a"):
        plain_file("a")
    assert Path("a").is_symlink()
