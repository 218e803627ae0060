"""The ladder of renderers: pygraphviz, else a `dot` program, else text and advice; and plots.

Each renderer is hidden in turn, so that every rung is stepped on wherever the tests run. The `dot`
program is a small script that writes down what it was given.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from glassgrad import (
    Drawing,
    RendererMissingError,
    RenderingError,
    Value,
    backprop,
    draw,
    draw_dot,
    engine,
    viz,
)
from glassgrad.__main__ import main
from glassgrad.viz import plots
from glassgrad.viz.render import ADVICE, MOST_LOAD_IN_PROCESS, render

COMMAND = ["tanh(x*w)", "x=2", "w=-3"]
PROGRAM = """#!{python}
import json, os, sys, time
with open({record!r}, "w") as file:
    json.dump({{"arguments": sys.argv[1:], "input": sys.stdin.read(), "pid": os.getpid()}}, file)
{body}
"""
PRINTS_SVG = 'print(\'<?xml version="1.0"?><!-- a --><svg width="1pt"><g/></svg>\')'
PICTURES = ("svg", "png", "pdf")
FAILS = "sys.exit('Error: syntax error in line 1')"
SLEEPS = "time.sleep(60)"

posix_only = pytest.mark.system("POSIX")  # the stand-in for dot is a script


@pytest.fixture(autouse=True)
def forgetful() -> Iterator[None]:
    """No test sees a picture that another one has rendered."""
    forget_pictures()
    yield
    forget_pictures()


def forget_pictures() -> None:
    getattr(render, "cache_clear", lambda: None)()


@pytest.fixture
def no_pygraphviz(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pygraphviz", None)


@pytest.fixture
def no_dot(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    monkeypatch.setenv("PATH", str(tmp_path_factory.mktemp("empty")))


@pytest.fixture
def nothing(no_pygraphviz: None, no_dot: None) -> None:
    """There is no Graphviz at all."""


@pytest.fixture
def fake_dot(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], Path]:
    """Put a program `dot` on the PATH that runs the given lines; gives the file it writes to."""

    def install(body: str) -> Path:
        folder = tmp_path_factory.mktemp("bin")
        record, program = folder / "record.json", folder / "dot"
        text = PROGRAM.format(python=sys.executable, record=str(record), body=body)
        program.write_text(text, "utf-8")
        program.chmod(0o755)
        monkeypatch.setenv("PATH", str(folder))
        return record

    return install


def square() -> Value:
    x = Value(3.0, label="x")
    return x * x


def large(seconds: float) -> Drawing:
    """A drawing with too many edges to be laid out in this process."""
    y = engine.sum([Value(float(i)) for i in range(MOST_LOAD_IN_PROCESS)])
    return draw(y, max_nodes=10 * MOST_LOAD_IN_PROCESS, seconds=seconds)


# The first rung: pygraphviz.


def test_a_file_that_cannot_be_written_is_a_rendering_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def full() -> None:
        raise OSError("No space left on device")

    with pytest.raises(RenderingError, match="surrogates not allowed"):
        render("digraph { \ud800 }", "svg")
    monkeypatch.setattr(viz.render, "TemporaryFile", full)
    with pytest.raises(RenderingError, match="could not draw the graph: No space left"):
        render(draw(square()).dot, "svg")


def test_draw_dot_renders_without_a_program(no_dot: None, tmp_path: Path) -> None:
    graph = draw_dot(square(), format="png")
    assert graph.render("neuron", directory=tmp_path) == str(tmp_path / "neuron.png")
    assert (tmp_path / "neuron.png").read_bytes().startswith(b"\x89PNG")
    assert (tmp_path / "neuron").read_text("utf-8") == graph.source
    other = graph.render(outfile=tmp_path / "other.svg", cleanup=True)
    assert Path(other).read_bytes().startswith(b"<?xml")
    assert {file.name for file in tmp_path.iterdir()} == {"neuron", "neuron.png", "other.svg"}
    plain = graph.render(outfile=tmp_path / "plain", cleanup=True)
    assert Path(plain).read_bytes() == (tmp_path / "neuron.png").read_bytes()
    assert graph.render(tmp_path / "x", format="SVG") == str(tmp_path / "x.svg")


def test_draw_dot_is_shown_and_piped_without_a_program(no_dot: None) -> None:
    graph = draw_dot(square())
    assert graph.pipe() == render(graph.source, "svg")
    assert graph.pipe("pdf").startswith(b"%PDF")
    assert graph.pipe(encoding="utf-8") == graph.pipe().decode()
    assert graph._repr_mimebundle_() == {"image/svg+xml": graph.pipe(encoding="utf-8")}


@posix_only
def test_draw_dot_renders_with_the_program_where_there_is_one(
    fake_dot: Callable[[str], Path], tmp_path: Path
) -> None:
    record = fake_dot(PRINTS_SVG)
    graph = draw_dot(square())
    assert b"<!-- a -->" in graph.pipe()
    assert "<!-- a -->" in graph.pipe(encoding="utf-8")
    assert json.loads(record.read_text())["input"] == graph.source
    assert graph.render("neuron", directory=tmp_path) == str(tmp_path / "neuron.svg")
    assert json.loads(record.read_text())["arguments"][-1] == "neuron"


def test_a_large_graph_is_laid_out_in_another_process(
    no_dot: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    commands = []
    run = subprocess.run

    def recording(command: list[str], **options: object) -> subprocess.CompletedProcess[bytes]:
        commands.append(command)
        return run(command, **options)

    monkeypatch.setattr(subprocess, "run", recording)
    assert draw(square()).svg
    assert not commands
    assert large(seconds=60.0).svg.startswith("<svg ")
    assert commands == [[sys.executable, viz.render.__file__, "svg"]]


def test_a_graph_gives_the_same_picture_in_this_process_and_in_another(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    here = draw(square()).svg
    forget_pictures()
    monkeypatch.setattr("glassgrad.viz.render.MOST_LOAD_IN_PROCESS", 0)
    assert draw(square()).svg == here


@pytest.mark.parametrize("dot", ["digraph {", "", "no graph", "digraph { a -> }"])
def test_a_graph_that_is_none_is_a_rendering_error(dot: str) -> None:
    with pytest.raises(RenderingError, match="Graphviz could not draw the graph"):
        render(dot, "svg")


def test_threads_can_draw_at_once() -> None:
    drawings = [draw(Value(float(i), label="x") * 2.0) for i in range(8)]
    expected = [drawing.svg for drawing in drawings]
    forget_pictures()
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda drawing: drawing.svg, drawings))
    assert found == expected


# The second rung: a program `dot`.


@posix_only
@pytest.mark.parametrize("kind", PICTURES)
def test_dot_gets_the_graph_and_the_format(
    kind: str, no_pygraphviz: None, fake_dot: Callable[[str], Path], tmp_path: Path
) -> None:
    record = fake_dot(PRINTS_SVG)
    drawing = draw(square())
    drawing.save(tmp_path / f"graph.{kind}")
    given = json.loads(record.read_text("utf-8"))
    assert given["arguments"] == [f"-T{kind}"]
    assert given["input"] == drawing.dot


@posix_only
def test_the_svg_of_dot_is_made_fit_for_a_page(
    no_pygraphviz: None, fake_dot: Callable[[str], Path]
) -> None:
    fake_dot(PRINTS_SVG)
    svg = draw(square()).svg
    start = '<svg width="1pt" class="glassgrad-graph" role="img"><title>Graph</title><desc>'
    assert svg.startswith(start)
    assert "<!--" not in svg


@posix_only
def test_pygraphviz_goes_before_dot(fake_dot: Callable[[str], Path]) -> None:
    record = fake_dot(PRINTS_SVG)
    assert draw(square()).svg
    assert not record.exists()


@posix_only
def test_a_dot_that_fails_is_a_rendering_error_with_its_words(
    no_pygraphviz: None, fake_dot: Callable[[str], Path]
) -> None:
    fake_dot(FAILS)
    with pytest.raises(RenderingError, match=r"could not draw .*: Error: syntax error in line 1"):
        assert draw(square()).svg


# The time limit.


@posix_only
@pytest.mark.slow
def test_the_time_limit_stops_dot(no_pygraphviz: None, fake_dot: Callable[[str], Path]) -> None:
    record = fake_dot(SLEEPS)
    with pytest.raises(RenderingError, match=r"took longer than 1\.5 s and was stopped"):
        assert draw(square(), seconds=1.5).svg
    with pytest.raises(ProcessLookupError):
        os.kill(json.loads(record.read_text("utf-8"))["pid"], 0)


def test_the_time_limit_stops_pygraphviz(no_dot: None) -> None:
    drawing = large(seconds=0.01)
    with pytest.raises(RenderingError, match=r"Draw fewer nodes \(max_nodes=\.\.\.\)"):
        assert drawing.svg


def test_a_notebook_shows_text_when_the_time_is_up(no_dot: None) -> None:
    drawing = large(seconds=0.01)
    bundle = drawing._repr_mimebundle_()
    assert set(bundle) == {"text/plain"}
    assert bundle["text/plain"].startswith(repr(drawing))  # its text is too long
    assert "took longer than 0.01 s" in bundle["text/plain"]


TANGLE = """
import random
from glassgrad import RenderingError, Value, draw

rng = random.Random(0)
nodes = [Value(rng.random()) for _ in range(5)]
while len(nodes) < 150:
    a, b = rng.choices(nodes, k=2)
    nodes.append(a * b)
y = nodes[0]
for node in nodes[:90:-1]:
    y = y + node
try:
    draw(y, derivatives=True, seconds=3.0).svg
except RenderingError:
    pass
"""


@pytest.mark.slow
def test_no_graph_within_the_limit_of_nodes_outlasts_the_limit_of_time() -> None:
    subprocess.run([sys.executable, "-c", TANGLE], timeout=300, check=True)


# The last rung: no Graphviz at all.


@pytest.mark.parametrize(
    "use",
    [
        lambda folder: draw(square()).svg,
        *(lambda f, kind=kind: draw(square()).save(f / f"graph.{kind}") for kind in PICTURES),
        lambda folder: draw_dot(square()).pipe(),
    ],
)
def test_without_graphviz_a_picture_is_an_error_that_says_what_to_install(
    use: Callable[[Path], object], nothing: None, tmp_path: Path
) -> None:
    with pytest.raises(RendererMissingError) as caught:
        use(tmp_path)
    assert str(caught.value) == ADVICE
    assert "pip install pygraphviz" in ADVICE
    assert ADVICE.count(". ") == 0
    assert not list(tmp_path.iterdir())


def test_without_graphviz_everything_but_pictures_is_saved_and_shown(
    nothing: None, tmp_path: Path
) -> None:
    drawing = draw(square())
    for ending in ("dot", "json", "html", "txt"):
        assert drawing.save(tmp_path / f"graph.{ending}").read_text("utf-8")
    assert drawing._repr_mimebundle_() == {"text/plain": f"{drawing}\n{ADVICE}"}


def test_without_graphviz_the_page_has_the_table_and_the_advice(nothing: None) -> None:
    page = backprop(square()).html()
    assert "pip install pygraphviz" in page
    assert "<img" not in page
    _, _, steps = page.partition("<caption>All steps</caption>")
    steps, _, _ = steps.partition("</table>")
    assert steps.count("<tr>") == 1 + len(backprop(square()))


def test_without_graphviz_the_command_writes_dot_and_says_so(
    nothing: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*COMMAND, "--out", str(tmp_path)]) == 0
    out, err = capsys.readouterr()
    assert sorted(file.name for file in tmp_path.iterdir()) == ["graph.dot", "steps.html"]
    assert (tmp_path / "graph.dot").read_text("utf-8").startswith("digraph")
    assert "<caption>All steps</caption>" in (tmp_path / "steps.html").read_text("utf-8")
    assert err.strip() == f"{ADVICE} The graph is written as graph.dot."
    assert out.startswith("Forward")
    assert "graph.dot" in out.splitlines()[-1]
    assert main([*COMMAND, "--json", "--out", str(tmp_path)]) == 0
    assert json.loads(capsys.readouterr().out)["schema"] == "glassgrad-steps/1"
    assert main([*COMMAND, "--no-files"]) == 0
    assert capsys.readouterr().err == ""


@posix_only
def test_a_dot_that_fails_leaves_the_command_its_other_files(
    no_pygraphviz: None,
    fake_dot: Callable[[str], Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    fake_dot(FAILS)
    assert main([*COMMAND, "--out", str(tmp_path)]) == 0
    assert sorted(file.name for file in tmp_path.iterdir()) == ["graph.dot", "steps.html"]
    assert "syntax error in line 1" in capsys.readouterr().err


def test_importing_needs_no_graphviz_and_loads_no_renderer(run_python: Callable[..., str]) -> None:
    program = """
import sys
import glassgrad.viz
is_loaded = "pygraphviz" in sys.modules
sys.modules["pygraphviz"] = None
from glassgrad import Value, backprop, draw, draw_dot
y = Value(3.0) * 2.0
print(is_loaded, len(str(draw(y))) > 0, "digraph" in draw_dot(y).source, len(backprop(y)))
"""
    assert run_python(program, PATH="") == "False True True 3\n"


@posix_only  # in Windows the package says where its libraries are
def test_a_picture_takes_the_renderer_without_the_package_around_it(
    run_python: Callable[..., str],
) -> None:
    program = """
import sys
from glassgrad import Value, draw
picture = draw(Value(3.0) * 2.0)
print(picture.svg[:4], "pygraphviz" in sys.modules)
import pygraphviz
from glassgrad.viz.render import render
again = pygraphviz.AGraph(string=picture.dot).draw(format="svg", prog="dot")
print(again == render(picture.dot, "svg"))
"""
    assert run_python(program) == "<svg False\nTrue\n"


# Standard error: the font library's warnings go nowhere, the user's words still arrive.

NOISY = """
import os
os.dup2(1, 2)
from glassgrad import Value, draw
y = Value(3.0) * 2.0
assert draw(y).svg.startswith("<svg")
os.write(2, b"after svg ")
draw(y).content("png")
os.write(2, b"after png")
"""


def test_drawing_is_quiet_whatever_the_fonts(
    run_python: Callable[..., str], tmp_path: Path
) -> None:
    broken = {"FONTCONFIG_FILE": str(tmp_path / "missing"), "HOME": str(tmp_path / "nobody")}
    assert run_python(NOISY, **broken) == "after svg after png"


def test_standard_error_is_restored_after_a_failure(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(RenderingError):
        render("digraph {", "svg")
    os.write(2, b"still here")
    assert capfd.readouterr().err == "still here"


def test_drawing_works_without_a_standard_error(run_python: Callable[..., str]) -> None:
    program = """
import os
os.close(2)
from glassgrad import Value, draw
print(draw(Value(3.0) * 2.0).svg[:4])
"""
    assert run_python(program) == "<svg\n"


@pytest.mark.system("POSIX")
def test_drawing_leaks_no_file_descriptor() -> None:
    folder = Path("/dev/fd")
    assert draw(square()).svg
    before = len(list(folder.iterdir()))
    for i in range(20):
        assert draw(Value(float(i)) * 2.0).svg
    assert len(list(folder.iterdir())) == before


# Plots.


@pytest.mark.parametrize(
    "plot",
    [
        lambda: plots.plot_operation("tanh"),
        lambda: plots.plot_boundary(lambda point: 0.0, [[0.0, 0.0], [1.0, 1.0]], [0, 1]),
        lambda: plots.plot_losses([1.0]),
    ],
    ids=["operation", "boundary", "losses"],
)
@pytest.mark.everywhere
def test_without_matplotlib_a_sentence_says_what_to_install(
    plot: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("matplotlib", "matplotlib.figure"):
        monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ImportError) as caught:
        plot()
    assert str(caught.value) == plots.ADVICE
    assert "pip install" in plots.ADVICE
