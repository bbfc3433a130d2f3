"""The command line: what it writes where, what it says, its exit status, and that no file is ever half-written."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import pytest

import graphdsl
from graphdsl import cli, files
from graphdsl.write import written_by_us

SPEC = """title "A line"
input x = 2
param w = 1, b = -0.5
target t = 1
y = w*x + b
loss E = 1/2 * (t - y)^2
train sgd { eta = 0.1 }
"""
WRONG = "input x = 2\ny = w*x + q\nz = tanh(x, 2)\n"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "net.spec").write_text(SPEC, "utf-8")
    (tmp_path / "wrong.spec").write_text(WRONG, "utf-8")
    return tmp_path


def run(*arguments: str) -> int:
    return cli.main(arguments)


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()} - {"net.spec", "wrong.spec"}


def python(*arguments: str, **options: object) -> subprocess.CompletedProcess[str]:
    home = str(Path(graphdsl.__file__).parent.parent)
    environment = {**os.environ, "PYTHONPATH": home, "PYTHONIOENCODING": "utf-8"}
    return subprocess.run([sys.executable, *arguments], capture_output=True, text=True, env=environment, **options)  # type: ignore[call-overload,no-any-return]


# What goes where.


def test_solve_writes_a_pdf_beside_the_spec_and_prints_the_results(
    folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (folder / "sub").mkdir()
    (folder / "sub" / "n.spec").write_text(SPEC, "utf-8")
    assert run("solve", "sub/n.spec") == 0
    assert (folder / "sub" / "n.pdf").read_bytes().startswith(b"%PDF")
    out, err = capfd.readouterr()
    assert out == (
        "     start  after 1\n"
        "E   0.1250   0.0313\n"
        "w   1.0000   0.9000\n"
        "b  −0.5000  −0.5500\n"
        "2 gradients by 3 independent routes: greatest difference 0\n"
        "wrote sub/n.pdf\n"
    )
    assert err == ""


@pytest.mark.parametrize(
    ("arguments", "written"),
    [
        (["--to", "text"], {"net.txt"}),
        (["--to", "text,json"], {"net.txt", "net.json"}),
        (["--to", "txt, typ"], {"net.txt", "net.typ"}),
        (["-o", "out.json"], {"out.json"}),
        (["-o", "OUT.TXT"], {"OUT.TXT"}),
        (["-o", "page", "--to", "text"], {"page"}),
        (["-o", "page.json", "--to", "text,json"], {"page.txt", "page.json"}),
        (["-o", "v1.2", "--to", "text,json"], {"v1.2.txt", "v1.2.json"}),
    ],
)
def test_the_ending_and_to_choose_the_format(folder: Path, arguments: list[str], written: set[str]) -> None:
    assert run("solve", "net.spec", *arguments) == 0
    assert names(folder) == written


def test_a_folder_as_output(folder: Path) -> None:
    (folder / "made").mkdir()
    assert run("solve", "net.spec", "-o", "made", "--to", "text,json") == 0
    assert {p.name for p in (folder / "made").iterdir()} == {"net.txt", "net.json"}


def test_standard_output_holds_the_document_alone(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert run("solve", "net.spec", "-o", "-", "--to", "json") == 0
    assert json.loads(capfd.readouterr().out)["title"] == "A line"
    assert run("solve", "net.spec", "-o", "-") == 0
    assert capfd.readouterr().out.startswith("A line\n══")
    assert names(folder) == set()


def test_standard_input(folder: Path) -> None:
    found = python("-m", "graphdsl", "solve", "-", "--to", "json", input=SPEC)
    assert json.loads(found.stdout)["objectives"] == ["E"]
    found = python("-m", "graphdsl", "solve", "-", input=WRONG)
    assert (found.returncode, found.stdout) == (1, "")
    assert "<standard input>:2:" in found.stderr


@pytest.mark.parametrize(("ending", "start"), [("svg", b"<"), ("pdf", b"%PDF"), ("png", b"\x89PNG"), ("dot", b"")])
def test_draw(folder: Path, ending: str, start: bytes) -> None:
    assert run("draw", "net.spec", "-o", f"net.{ending}") == 0
    assert (folder / f"net.{ending}").read_bytes().startswith(start)


def test_draw_makes_svg_beside_the_spec(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert run("draw", "net.spec") == 0
    assert capfd.readouterr().out == "wrote net.svg\n"


def test_nothing_to_draw(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (folder / "one.spec").write_text("param w = 1\nloss E = 2\n", "utf-8")
    assert run("draw", "one.spec") == 1
    assert "error: there is no network to draw here" in capfd.readouterr().err


def test_check_tells_how_far_the_routes_agree(capfd: pytest.CaptureFixture[str]) -> None:
    assert run("check", "net.spec") == 0
    assert capfd.readouterr().out == (
        "net.spec: no mistakes\n2 gradients by 3 independent routes: greatest difference 0\n"
    )


def test_check_tells_which_expected_numbers_differ(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (folder / "net.spec").write_text(SPEC + "expected y = 1.5, E = 0.126\n", "utf-8")
    assert run("check", "net.spec") == 0
    out = capfd.readouterr().out
    assert "1 of 2 expected numbers agree\n  E: expected 0.126, computed 0.125\n" in out


def test_demo(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert run("demo") == 0
    assert names(folder) == {"two-relu-layers.spec", "two-relu-layers.pdf"}
    out = capfd.readouterr().out
    assert "w₁₃" in out and out.endswith("wrote two-relu-layers.spec\nwrote two-relu-layers.pdf\n")
    assert run("demo") == 0, "it may be run again"
    (folder / "two-relu-layers.spec").write_text(SPEC, "utf-8")
    assert run("demo") == 1, "but not over what was changed since"
    assert (folder / "two-relu-layers.spec").read_text("utf-8") == SPEC
    assert run("demo", "--force") == 0


# Files of others.


@pytest.mark.parametrize("ending", ["pdf", "txt", "json", "typ"])
def test_a_file_of_ours_is_replaced_and_a_strangers_is_not(
    folder: Path, ending: str, capfd: pytest.CaptureFixture[str]
) -> None:
    out = folder / f"net.{ending}"
    assert run("solve", "net.spec", "--to", ending) == 0
    ours = out.read_bytes()
    assert run("solve", "net.spec", "--to", ending) == 0
    assert out.read_bytes() == ours, "byte for byte the same"
    out.write_bytes(b"My own notes about graphdsl.\n")
    capfd.readouterr()
    assert run("solve", "net.spec", "--to", f"{ending},json") == 1
    assert out.read_bytes() == b"My own notes about graphdsl.\n"
    assert names(folder) == {out.name}, "nothing beside it either"
    printed = capfd.readouterr()
    assert printed.out == ""
    assert printed.err == (
        f"error: `net.{ending}` exists, and graphdsl did not write it\n"
        f"  hint: --force replaces it, and so does -o net.{ending}\n"
    )
    assert run("solve", "net.spec", "-o", f"net.{ending}") == 0
    assert out.read_bytes() == ours
    out.write_bytes(b"Mine.")
    assert run("solve", "net.spec", "--to", ending, "--force") == 0
    assert out.read_bytes() == ours


@pytest.mark.parametrize("ending", ["svg", "pdf", "png", "dot"])
def test_a_drawing_of_ours_is_known(folder: Path, ending: str) -> None:
    from graphdsl.write import written_by_us

    assert run("draw", "net.spec", "-o", f"net.{ending}") == 0
    assert written_by_us((folder / f"net.{ending}").read_bytes())


def test_the_spec_is_never_replaced(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (folder / "net.txt").write_text(SPEC, "utf-8")
    for arguments in (["--to", "text", "--force"], ["-o", "net.txt"], ["-o", "./net.txt"]):
        assert run("solve", "net.txt", *arguments) == 2
        assert "is the spec itself" in capfd.readouterr().err
    assert (folder / "net.txt").read_text("utf-8") == SPEC


def test_a_link_stays_a_link(folder: Path) -> None:
    (folder / "real.txt").write_text("", "utf-8")
    (folder / "link.txt").symlink_to("real.txt")
    assert run("solve", "net.spec", "-o", "link.txt") == 0
    assert (folder / "link.txt").is_symlink()
    assert (folder / "real.txt").read_text("utf-8").startswith("A line")


def test_a_device_is_written_to_and_not_replaced(folder: Path) -> None:
    if not Path("/dev/null").exists():
        return
    assert run("solve", "net.spec", "-o", "/dev/null", "--to", "text") == 0
    assert not Path("/dev/null").is_file()


def test_rights_are_kept(folder: Path) -> None:
    (folder / "net.json").touch()
    (folder / "net.json").chmod(0o640)
    assert run("solve", "net.spec", "-o", "net.json") == 0
    assert (folder / "net.json").stat().st_mode & 0o777 == 0o640


def test_all_or_nothing(folder: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    """The disk is full at the second file: the first is not in place, and no scraps are left."""
    real, calls = os.fsync, []

    def full(handle: int) -> None:
        calls.append(handle)
        if len(calls) == 2:
            raise OSError(28, "No space left on device")
        real(handle)

    monkeypatch.setattr(files.os, "fsync", full)
    assert run("solve", "net.spec", "--to", "text,json") == 1
    assert names(folder) == set()
    assert capfd.readouterr().err == "error: `net.json` cannot be written: no space left on device\n"


@pytest.mark.parametrize(
    ("output", "said"),
    [
        ("none/out.txt", "error: `none/out.txt` cannot be written: the folder `none` does not exist\n"),
        ("net.spec/out.txt", "error: `net.spec/out.txt` cannot be written: `net.spec` is not a folder\n"),
    ],
)
def test_where_nothing_can_be_written(output: str, said: str, capfd: pytest.CaptureFixture[str]) -> None:
    assert run("solve", "net.spec", "-o", output) == 1
    assert capfd.readouterr() == ("", said)


def test_a_file_that_must_not_be_written(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    (folder / "net.txt").write_text("", "utf-8")
    monkeypatch.setattr(files.os, "access", lambda path, mode: False)
    assert run("solve", "net.spec", "-o", "net.txt") == 1
    assert capfd.readouterr().err == "error: `net.txt` cannot be written: it is not permitted\n"


# Mistakes.


def test_mistakes_are_told_at_once_and_nothing_is_touched(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert run("solve", "wrong.spec", "--to", "text,json") == 1
    out, err = capfd.readouterr()
    assert out == "" and names(folder) == set()
    assert err.startswith("error: ") and "wrong.spec:3:" in err


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "error: the spec is empty\n --> it.spec\n  hint: `graphdsl demo` writes one to start from\n"),
        (b"input x = 1\n# caf\xe9\n", "error: the spec is not UTF-8 text: byte 0xe9 in line 2\n"),
        (b"input x = 1\x00\n", "error: the spec holds a control character (U+0000)\n"),
    ],
)
def test_what_is_no_spec(folder: Path, content: bytes, said: str, capfd: pytest.CaptureFixture[str]) -> None:
    (folder / "it.spec").write_bytes(content)
    assert run("solve", "it.spec") == 1
    out, err = capfd.readouterr()
    assert out == "" and err.startswith(said)


def test_missing_files_and_folders(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (folder / "folder.spec").mkdir()
    for spec, said in (("none.spec", "no such file or directory"), ("folder.spec", "is a directory"), ("", "")):
        assert run("solve", spec) == 1
        out, err = capfd.readouterr()
        assert out == "" and err.startswith("error: ") and said in err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["solve"], "Missing argument 'SPEC'"),
        (["solve", "net.spec", "--to", "pfd"], "there is no format `pfd`; known: pdf, html, latex, markdown, quarto, typst, text, json, tex-values (did you mean `pdf`?)"),
        (["solve", "net.spec", "-o", "a.docx"], "no format has the ending `.docx`; known: .pdf, .html, .tex, .md, .qmd, .typ, .txt, .json"),
        (["solve", "net.spec", "-o", "page"], "`page` has no ending; known: .pdf, .html, .tex, .md, .qmd, .typ, .txt, .json"),
        (["draw", "net.spec", "-o", "a.jpg"], "no format has the ending `.jpg`; known: .svg, .pdf, .png, .dot"),
        (["solve", "net.spec", "-o", "-", "--to", "pdf,text"], "standard output takes one format"),
        (["solve", "net.spec", "--colour"], "No such option"),
        (["sovle", "net.spec"], "No such command"),
        (["solve", "a.spec", "b.spec"], "unexpected extra argument"),
    ],
)  # fmt: skip
def test_mistakes_in_the_command_line(
    folder: Path, arguments: list[str], said: str, capfd: pytest.CaptureFixture[str]
) -> None:
    assert run(*arguments) == 2
    out, err = capfd.readouterr()
    assert out == "" and said in err and names(folder) == set()


def test_announcements_go_to_standard_error(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (folder / "net.spec").write_text(SPEC + "const c = 3\n", "utf-8")
    assert run("solve", "net.spec", "-o", "-") == 0
    out, err = capfd.readouterr()
    assert out.startswith("A line") and err.startswith("warning: `c` is never used\n --> net.spec:8:7\n")


def test_a_defect_is_said_to_be_one(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    from graphdsl import routes

    def broken(trace: object) -> None:
        raise routes.RoutesDisagree("∂E/∂w in round 1: 1 and 2")

    monkeypatch.setattr(routes, "compare", broken)
    assert run("solve", "net.spec") == 70
    out, err = capfd.readouterr()
    assert out == ""
    assert err.startswith("Traceback") and "RoutesDisagree: ∂E/∂w in round 1: 1 and 2" in err
    assert err.endswith("This is a defect of graphdsl 0.1.0. Please report it, with the spec.\n")


def test_an_interruption(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    def interrupted(model: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("graphdsl.graph.build", interrupted)
    assert run("solve", "net.spec") == 130
    assert names(folder) == set()


def test_a_reader_that_goes_away(folder: Path) -> None:
    """`graphdsl … | head -1`: no traceback."""
    home = str(Path(graphdsl.__file__).parent.parent)
    command = [sys.executable, "-m", "graphdsl", "solve", "net.spec", "-o", "-", "--to", "json"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env={**os.environ, "PYTHONPATH": home}
    ) as process:
        assert process.stdout is not None and process.stderr is not None
        process.stdout.close()
        assert b"Traceback" not in process.stderr.read()


# Start-up.


def test_version() -> None:
    found = python("-m", "graphdsl", "--version")
    assert (found.stdout, found.stderr, found.returncode) == (f"graphdsl {graphdsl.__version__}\n", "", 0)


HEAVY = ("numpy", "networkx", "lark", "jinja2", "typst", "pygraphviz", "graphviz", "mpmath", "rich")


@pytest.mark.parametrize(
    ("arguments", "loaded"),
    [("--version", ()), ("solve --help", ()), ("solve net.spec --to json -o -", ("lark", "networkx"))],
)
def test_nothing_is_imported_that_is_not_needed(arguments: str, loaded: tuple[str, ...]) -> None:
    code = (
        "import sys\nfrom graphdsl.cli import main\nmain(sys.argv[1:])\n"
        f"print(*(m for m in {HEAVY!r} if m in sys.modules), file=sys.stderr)"
    )
    assert set(python("-c", code, *arguments.split()).stderr.split()) == set(loaded)


# The library.


def test_the_library(folder: Path) -> None:
    for spec in ("net.spec", Path("net.spec"), SPEC):
        found = graphdsl.solve(spec)
        assert found.trace.rounds[0].updates["w"].after.value == Decimal("0.9")
    assert found.text().startswith("A line")
    assert found.pdf().startswith(b"%PDF")
    assert found.save("out.json") == Path("out.json")
    assert json.loads((folder / "out.json").read_text("utf-8")) == json.loads(found.json())
    found.save("page", "text")
    assert (folder / "page").read_text("utf-8") == found.text()
    with pytest.raises(
        ValueError,
        match=r"no format for `a\.docx`; known: pdf, html, latex, markdown, quarto, typst, text, json, tex-values",
    ):
        found.save("a.docx")
    with pytest.raises(graphdsl.SpecError, match="`q` is not defined"):
        graphdsl.solve(WRONG)


def test_a_bare_module_call(folder: Path) -> None:
    assert python("-m", "graphdsl", "check", "net.spec").stdout.startswith("net.spec: no mistakes")


@pytest.mark.slow
def test_ctrl_c(folder: Path) -> None:
    slow = (
        "param w = 0.1\n"
        + "loss E = "
        + " + ".join(f"sin(exp({i}*w/500))" for i in range(400))
        + "\ntrain sgd { eta = 0.001, steps = 900 }\n"
    )
    (folder / "slow.spec").write_text(slow, "utf-8")
    home = str(Path(graphdsl.__file__).parent.parent)
    with subprocess.Popen(
        [sys.executable, "-m", "graphdsl", "solve", "slow.spec"], stderr=subprocess.PIPE, stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": home},
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a background job of a shell ignores Ctrl-C
    ) as process:  # fmt: skip
        assert process.stderr is not None
        note = b"".join(process.stderr.readline() for _ in range(4)).decode().rstrip()
        process.send_signal(signal.SIGINT)
        out, err = process.communicate()
    assert note.startswith("note: `w` is one parameter") and note.endswith("1 | param w = 0.1\n  |       ^")
    assert (process.returncode, out, err.strip()) == (130, b"", b"")
    assert names(folder) == {"slow.spec"}


@pytest.mark.parametrize(
    ("ending", "start"),
    [
        ("html", b"<!DOCTYPE html>"),
        ("tex", b"% "),
        ("md", b"<!-- Written by graphdsl. -->"),
        ("qmd", b"---"),
        ("txt", b"A line"),
        ("typ", b"// Written by graphdsl."),
    ],
)
def test_the_ending_chooses_the_format(folder: Path, ending: str, start: bytes) -> None:
    assert run("solve", "net.spec", "-o", f"page.{ending}") == 0
    content = (folder / f"page.{ending}").read_bytes()
    assert content.startswith(start) or ending == "qmd"
    assert written_by_us(content)


def test_markdown_has_its_figures_beside_it(folder: Path) -> None:
    assert run("solve", "net.spec", "--to", "markdown") == 0
    assert "](net-1.svg)" in (folder / "net.md").read_text("utf-8")
    assert run("solve", "net.spec", "--to", "markdown") == 0, "its own figures may be replaced"
    (folder / "net-1.svg").write_text("<svg/>", "utf-8")
    before = (folder / "net.md").read_bytes()
    assert run("solve", "net.spec", "--to", "markdown") == 1
    assert ((folder / "net.md").read_bytes(), (folder / "net-1.svg").read_text("utf-8")) == (before, "<svg/>")


def test_explain_works_one_derivation_out(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert run("explain", "net.spec", "dE/dw") == 0
    out = capfd.readouterr().out
    assert "∂E/∂w = ∂E/∂y · ∂y/∂w" in out
    assert run("explain", "net.spec", "dE/dw99") == 1
    assert run("explain", "net.spec", "dE/dw", "--step", "9") == 1
    assert run("explain", "net.spec", "dE/dw", "-o", "one.html") == 0
    assert (folder / "one.html").is_file()


def test_a_part_of_the_page(folder: Path) -> None:
    assert run("solve", "net.spec", "--only", "updates", "--step", "1", "-o", "part.txt") == 0
    text = (folder / "part.txt").read_text("utf-8")
    assert "Update" in text and "Forward pass" not in text
    assert run("solve", "net.spec", "--only", "nothing", "-o", "part.txt") == 1
    assert run("solve", "net.spec", "--step", "2") == 2


def test_a_fragment_goes_with_latex(folder: Path) -> None:
    assert run("solve", "net.spec", "--fragment") == 2
    assert run("solve", "net.spec", "--fragment", "-o", "part.tex") == 0
    assert "documentclass" not in (folder / "part.tex").read_text("utf-8")


def test_a_tex_engine_that_is_missing_is_a_sentence(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", "")
    assert run("solve", "net.spec", "--pdf-engine", "tectonic", "-o", "page.pdf") == 1
    assert "`tectonic` is not installed" in capfd.readouterr().err
    assert not (folder / "page.pdf").exists()


@pytest.mark.parametrize("show", ["values", "gradients", "values,gradients", "updated", "path:w"])
@pytest.mark.parametrize("view", ["network", "graph"])
def test_every_view_is_drawn(folder: Path, view: str, show: str) -> None:
    assert run("draw", "net.spec", "-o", "v.svg", "--view", view, "--show", show) == 0
    assert (folder / "v.svg").read_bytes().rstrip().endswith(b"</svg>")


def test_a_view_that_does_not_exist_is_a_sentence(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert run("draw", "net.spec", "--show", "path:w99") == 1
    assert run("draw", "net.spec", "--show", "valeus") == 1
    assert "did you mean" in capfd.readouterr().err
    assert run("draw", "net.spec", "--step", "9", "--show", "values") == 1


# Help.


def test_help_tells_the_truth(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Every command that a help text shows works, one after the other in an empty folder."""
    shown: list[str] = []
    for command in ([], *([name] for name in cli.graphdsl.commands)):
        assert run(*command, "--help") == 0
        out = capfd.readouterr().out
        shown += [line.strip() for line in out.splitlines() if line.startswith("    graphdsl ")]
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path / "empty")
    assert len(shown) >= 6
    for line in shown:
        assert run(*line.split()[1:]) == 0, line


def test_other_values_on_the_command_line(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert run("solve", "net.spec", "--set", "w=2", "--set", "eta=0.2", "--steps", "2", "--to", "json", "-o", "-") == 0
    found = json.loads(capfd.readouterr().out)
    assert found["steps"][0]["samples"][0]["values"]["w"] == "2" and len(found["steps"]) == 2
    assert run("explain", "net.spec", "y", "--set", "x=3") == 0
    assert "2.5" in capfd.readouterr().out
    assert run("draw", "net.spec", "--set", "x=3", "--steps", "2", "--step", "3", "--show", "values") == 0
    assert run("check", "net.spec", "--set", "xx=3") == 1
    assert capfd.readouterr().err == (
        "error: there is no quantity and no setting `xx`\n --> --set:1:1\n1 | xx=3\n  | ^^\n  hint: did you mean `x`?\n"
    )
    assert run("check", "net.spec", "--steps", "0") == 2
