"""Arguments -> files, a result table and an exit status; the only module that speaks to a terminal's user."""

from __future__ import annotations

import functools
import os
import re
import sys
import traceback
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from io import TextIOWrapper
from pathlib import Path
from typing import TYPE_CHECKING, cast, get_args

import click

from graphdsl import __version__
from graphdsl.diagnostics import Diagnostic, Source, SpecError, did_you_mean, render
from graphdsl.files import FileMistake, put, refuse_strangers
from graphdsl.limits import WHAT
from graphdsl.page import Engine
from graphdsl.report import KEYS, PARTS, Paper, Style
from graphdsl.solve import Drawing, View

if TYPE_CHECKING:
    from graphdsl.document import Document
    from graphdsl.page import Made
    from graphdsl.solve import Solution

DONE, MISTAKE, USAGE, DEFECT, INTERRUPTED = 0, 1, 2, 70, 130
"""The exit status, which is the only sign of success."""

DEMO = "two-relu-layers.spec"
BOOKLET = "booklet.spec"
"""What a booklet is named after, where no name is said."""
STANDARD_STREAM = "-"

PAPERS: tuple[Paper, ...] = get_args(Paper)
STYLES: tuple[Style, ...] = get_args(Style)
VIEWS: tuple[View, ...] = get_args(View)
ENGINES: tuple[Engine, ...] = get_args(Engine)
DRAWINGS = {format: f".{format}" for format in get_args(Drawing)}

Render = Callable[[str, str], "Made"]
"""A format and the name of its file without the ending -> its files."""

Command = Callable[..., None]


@dataclass(frozen=True, slots=True)
class Changes:
    """What the options change of a spec: values as `name=value`, keys of `report`, the number of updates, limits.

    symbols: the file of the user's own symbols; nothing where there is none.
    """

    settings: tuple[str, ...] = ()
    report: tuple[tuple[str, str], ...] = ()
    steps: int | None = None
    limits: Mapping[str, int] = field(default_factory=dict)
    symbols: str = ""


AS_WRITTEN = Changes()

Destinations = Mapping[str, Path | None]
"""Where each format goes; None is standard output."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; the exit status."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal without a letter is no reason to fail
    try:
        return int(graphdsl.main(arguments, prog_name="graphdsl", standalone_mode=False) or DONE)
    except click.ClickException as mistake:
        mistake.show()
        return mistake.exit_code
    except SpecError as mistake:
        return _refused(str(mistake))
    except FileMistake as mistake:
        return _refused(_sentence(mistake.message, mistake.hint))
    except (KeyboardInterrupt, click.Abort):
        return INTERRUPTED
    except Exception:  # the one place: whatever else comes up here is a defect, and is shown whole
        traceback.print_exc()
        click.echo(f"\nThis is a defect of graphdsl {__version__}. Please report it, with the spec.", err=True)
        return DEFECT


def _refused(message: str) -> int:
    click.echo(message, err=True, nl=not message.endswith("\n"))
    return MISTAKE


def _sentence(message: str, hint: str) -> str:
    return f"error: {message}" + (f"\n  hint: {hint}" if hint else "")


def _announce(announcements: Iterable[Diagnostic], source: Source) -> None:
    found = tuple(announcements)
    if found:
        click.echo(render(found, source), err=True)


# The commands.


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, message="graphdsl %(version)s")
def graphdsl() -> None:
    """Worked solutions for small neural networks and computation graphs: forward pass, chain rule, updates.

    Begin with an example, or with a spec of your own:

    \b
      graphdsl demo
      graphdsl init mlp 2-2-1 sigmoid -o net.spec
      graphdsl solve net.spec
    """


spec_argument = click.argument("spec")
output_option = click.option(
    "-o", "--output", metavar="OUT", help="The file to write; its ending chooses the format, - is standard output."
)
force_option = click.option("--force", is_flag=True, help="Replace files that graphdsl did not write.")


to_option = click.option(
    "--to",
    metavar="FORMATS",
    default="",
    help="pdf, html, latex, markdown, quarto, typst, text, json or tex-values; several with commas.",
)
fragment_option = click.option("--fragment", is_flag=True, help="LaTeX to \\input into a document of your own.")
engine_option = click.option(
    "--pdf-engine",
    type=click.Choice(ENGINES),
    default=ENGINES[0],
    show_default=True,
    help="What sets the PDF; all but the first have to be installed.",
)
fonts_option = click.option(
    "--font-path",
    type=click.Path(exists=True, file_okay=False),
    multiple=True,
    metavar="FOLDER",
    help="With PDF: a folder of fonts for Chinese and Japanese characters.",
)


style_option = click.option("--style", type=click.Choice(STYLES), help="Entry by entry, or in whole matrices.")


def _page_options(command: Command) -> Command:
    """An option for each key of `report`."""
    for name, key in reversed(list(KEYS.items())):
        if key.says:
            words = "|".join(key.words) or key.form
            command = click.option(f"--{name.replace('_', '-')}", name, metavar=words, multiple=True, help=key.says)(
                command
            )

    @functools.wraps(command)
    def with_report(*arguments: object, changes: Changes = AS_WRITTEN, **options: object) -> None:
        said = {name: cast(tuple[str, ...], options.pop(name)) for name in KEYS if name in options}  # all are multiple
        asked = tuple((name, value) for name, values in said.items() for value in values)
        for name, value in asked:
            _refuse_word(name, value)
        command(*arguments, changes=replace(changes, report=asked), **options)

    return with_report


def _refuse_word(name: str, value: str) -> None:
    """A word that a key of `report` does not take is a mistake of the command line."""
    key = KEYS[name]
    part, equals, word = value.partition("=") if key.by_part else ("", "", value)
    word = word if equals or not key.by_part else part
    option = f"--{name.replace('_', '-')}"
    if key.words and word not in key.words:
        raise _unknown(f"`{option}` does not know `{word}`", word, key.words, key.words)
    if equals and part not in PARTS:
        raise _unknown(f"`{option}` does not know a part `{part}`", part, PARTS, PARTS)


def _other_numbers(command: Command) -> Command:
    """The options of every command that solves a spec: other values, and higher limits."""
    for option in (
        click.option("--symbols", metavar="MY.TOML", default="", help="Symbols of your own; they may hold LaTeX and Typst."),
        click.option("--limit", "limits", metavar="NAME=N", multiple=True, help="Raise a limit, as in entries=1000000."),
        click.option("--steps", type=click.IntRange(1), help="The number of updates."),
        click.option(
            "--set", "overrides", metavar="NAME=VALUE", multiple=True,
            help="Another value for a quantity or a setting, as in eta=0.1 or \"x=[1, 2]\"; can be repeated.",
        ),
    ):  # fmt: skip
        command = option(command)

    @functools.wraps(command)
    def with_changes(
        *arguments: object,
        overrides: tuple[str, ...],
        steps: int | None,
        limits: tuple[str, ...],
        symbols: str,
        **options: object,
    ) -> None:
        command(*arguments, changes=Changes(overrides, (), steps, _limits(limits), symbols), **options)

    return with_changes


@graphdsl.command(short_help="Write the worked solution of a spec.")
@spec_argument
@output_option
@to_option
@click.option(
    "--only", metavar="PART", multiple=True, help="forward, backward, updates, table, given, figure or a name."
)
@click.option("--step", type=click.IntRange(1), help="With --only: of this round.")
@fragment_option
@engine_option
@fonts_option
@force_option
@_other_numbers
@_page_options
def solve(
    spec: str,
    output: str | None,
    to: str,
    only: tuple[str, ...],
    step: int | None,
    fragment: bool,
    pdf_engine: Engine,
    font_path: tuple[str, ...],
    force: bool,
    changes: Changes,
) -> None:
    """Write the worked solution of SPEC, as PDF beside it if nothing else is said, and print the results.

    SPEC is a file, or - for standard input. With --only, just a part of the solution: the forward pass, `dE/dw13`, …
    """
    from graphdsl.solve import FORMATS

    if step is not None and not only:
        raise click.UsageError("--step goes with --only; one derivation in full is `graphdsl explain`")
    formats = _formats(to, FORMATS)
    places = _destinations(_named_after(spec, changes), output, formats, FORMATS, "pdf", "text")
    if fragment and "latex" not in places:
        raise click.UsageError("--fragment goes with LaTeX: `--to latex`, or an output that ends in .tex")
    found = _solved(spec, changes)
    render = _renderer(found, _part(found, only, step) if only else found.document, fragment, pdf_engine, font_path)
    _write(places, render, spec, output, force)
    if None not in places.values():
        _print_results(found)
        _print_paths(places)


@graphdsl.command(short_help="Write the solutions of several specs in one booklet.")
@click.argument("specs", nargs=-1, required=True, metavar="SPEC...")
@output_option
@to_option
@click.option("--title", default="", help="What the booklet is called.")
@force_option
@_page_options
def booklet(
    specs: tuple[str, ...], output: str | None, to: str, title: str, force: bool, changes: Changes = AS_WRITTEN
) -> None:
    """Write the worked solutions of every SPEC into one file, as PDF with a table of contents: `booklet.pdf`, or OUT.

    With --as question --as key, first the questions of all, then the results. A mistake in one spec, and nothing is
    written.

    \b
      graphdsl booklet net.spec two-relu-layers.spec -o all.pdf
    """
    from graphdsl.overrides import asked
    from graphdsl.page import FORMATS, Wish
    from graphdsl.solve import bind
    from graphdsl.terminal import patience

    known = {name: format.ending for name, format in FORMATS.items()}
    places = _destinations(BOOKLET, output, _formats(to, known), known, "pdf", "text")
    for path in (path for path in places.values() if path is not None):
        for spec in specs:
            _refuse_spec(path, spec)
    papers = tuple(paper for paper in PAPERS if ("as", paper) in changes.report)
    said = [asked(name, value, f"--{name}") for name, value in changes.report if name != "as"]
    with patience(f"solving {len(specs)} specs …"):
        bound = bind([(_read(spec), said) for spec in specs], title, papers)
    for found in bound.solutions:
        _announce(found.announcements, found.source)
    _write(places, lambda format, stem: bound.render(format, Wish(stem)), BOOKLET, output, force)
    if None not in places.values():
        _print_paths(places)


@graphdsl.command(short_help="Explain one value, derivative or update in full.")
@spec_argument
@click.argument("name")
@click.option("--step", type=click.IntRange(1), help="The round; without it the first.")
@style_option
@output_option
@to_option
@fragment_option
@engine_option
@fonts_option
@force_option
@_other_numbers
def explain(
    spec: str,
    name: str,
    step: int | None,
    style: Style | None,
    output: str | None,
    to: str,
    fragment: bool,
    pdf_engine: Engine,
    font_path: tuple[str, ...],
    force: bool,
    changes: Changes,
) -> None:
    """Explain NAME of SPEC in full, in the terminal: a value, a derivative, an update: H3, dE/dw13, w13.after, updates.

    A whole vector or matrix, as in dL/dW, is explained in matrices; an entry, as in dL/dW[1,2], in numbers.
    """
    from graphdsl.solve import FORMATS, PAGES

    formats = _formats(to, PAGES)
    streamed = output is None and not formats
    places = _destinations(spec, STANDARD_STREAM if streamed else output, formats, FORMATS, "text", "text")
    found = _solved(spec, changes)
    _write(
        places,
        _renderer(found, found.explained(name, step, style), fragment, pdf_engine, font_path),
        spec,
        output,
        force,
    )
    if None not in places.values():
        _print_paths(places)


@graphdsl.command(short_help="Write a diagram of a spec.")
@spec_argument
@output_option
@click.option("--view", type=click.Choice(VIEWS), default="network", show_default=True, help="What is drawn.")
@click.option(
    "--step", type=click.IntRange(1), default=1, show_default=True, help="The round; after the last, one more."
)
@click.option("--show", metavar="WHAT", default="", help="values, gradients, updated, path:NAME; several with commas.")
@click.option(
    "--gates", type=click.Choice(["named", "elementary"]), default="named", help="A gate for each node, or operation."
)
@force_option
@_other_numbers
def draw(
    spec: str, output: str | None, view: View, step: int, show: str, gates: str, force: bool, changes: Changes
) -> None:
    """Write a diagram of SPEC: SVG, PDF, PNG or DOT, as the ending of OUT says, else SVG beside it."""
    from graphdsl.page import Made

    places = _destinations(spec, output, (), DRAWINGS, "svg", "svg")
    found = _solved(spec, changes)
    shown = _shown(show)

    def render(format: str, stem: str) -> Made:
        content = found.drawing(cast(Drawing, format), view, step, shown, gates == "elementary")  # one of DRAWINGS
        return Made(content, {})

    _write(places, render, spec, output, force)
    if None not in places.values():
        _print_paths(places)


def _named_after(spec: str, changes: Changes) -> str:
    """What a page is named after: a sheet or key that an option asks for stands beside the solution, `net-key.pdf`."""
    paper = dict(changes.report).get("as", PAPERS[0])
    if spec == STANDARD_STREAM or paper == PAPERS[0]:
        return spec
    path = Path(spec)
    return str(path.with_name(f"{path.stem}-{paper}{path.suffix}"))


def _shown(show: str) -> tuple[str, ...]:
    """What `--show` lists; commas within brackets belong to a name."""
    words = re.split(r",(?![^\[]*\])", show)
    return tuple(word.strip() for word in words if word.strip())


def _part(found: Solution, only: tuple[str, ...], step: int | None) -> Document:
    from graphdsl.pieces import only as cut

    return cut(found.document, *only, step=step)


def _renderer(
    found: Solution, document: Document, fragment: bool, engine: Engine, fonts: tuple[str, ...] = ()
) -> Render:
    from graphdsl.page import Wish

    return lambda format, stem: found.render(format, Wish(stem, fragment, engine, fonts), document)


@graphdsl.command(short_help="Report the mistakes of a spec; check its gradients.")
@spec_argument
@_other_numbers
def check(spec: str, changes: Changes) -> None:
    """Report every mistake of SPEC; for one without, how far the routes to its gradients agree."""
    from graphdsl.terminal import told

    found = _solved(spec, changes)
    click.echo(f"{found.source.name}: no mistakes")
    for line in told(found.check, found.verdicts):
        click.echo(line)


@graphdsl.command(short_help="Write an example and its worked solution here.")
@force_option
def demo(force: bool) -> None:
    """Write an example, `two-relu-layers.spec`, and its worked solution into the current folder."""
    path = Path(DEMO)
    text = _demo_spec()
    if not force:
        refuse_strangers([path], lambda content: content == text)
    put({path: text})
    found = _solved(DEMO)
    places: Destinations = {"pdf": path.with_suffix(".pdf")}
    _write(places, _renderer(found, found.document, False, ENGINES[0]), DEMO, None, force)
    _print_results(found)
    _print_paths({"spec": path, **places})


def _demo_spec() -> bytes:
    """The example as it was packed with the program, or as it stands in a checkout."""
    here = Path(__file__).parent
    packed = here / "specs" / DEMO
    return (packed if packed.is_file() else here.parent / "specs" / DEMO).read_bytes()


@graphdsl.command("fmt", short_help="Bring specs into calm form.")
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@click.option("--check", "only_check", is_flag=True, help="Change nothing; exit with 1 if something would change.")
def fmt_(files: tuple[str, ...], only_check: bool) -> None:
    """Bring the spaces of each FILE into calm form; - is standard input, written to standard output.

    Lines, comments and columns stay as they are, and the spec says the same. A spec with mistakes of form is left alone.

    \b
      graphdsl fmt net.spec
      graphdsl fmt --check net.spec
    """
    from graphdsl.fmt import formatted
    from graphdsl.parse import parse

    sources = {name: _read(name) for name in dict.fromkeys(files)}
    calm = {name: formatted(source).encode() for name, source in sources.items()}
    for source in sources.values():
        _announce(parse(source).announcements, source)
    changed = [
        n for n in files if calm[n] != (sources[n].text.encode() if n == STANDARD_STREAM else Path(n).read_bytes())
    ]
    if only_check:
        for name in changed:
            click.echo(f"{name} would change")
        raise click.exceptions.Exit(MISTAKE if changed else DONE)
    put({Path(name): calm[name] for name in changed if name != STANDARD_STREAM})
    for name in calm:
        if name == STANDARD_STREAM:
            click.echo(calm[name].decode(), nl=False)
        elif name in changed:
            click.echo(f"formatted {name}")


@graphdsl.command("init", short_help="Write a spec to start from.")
@click.argument("kind")
@click.argument("sizes", default="")
@click.argument("activation", default="")
@click.option("--seed", type=click.IntRange(0), default=1, show_default=True, help="Other numbers.")
@click.option("-o", "--output", metavar="OUT", default=STANDARD_STREAM, help="The file to write; else standard output.")
@click.option("--force", is_flag=True, help="Replace a file that exists.")
def init_(kind: str, sizes: str, activation: str, seed: int, output: str, force: bool) -> None:
    """Write a spec with comments and nice numbers: KIND is mlp, circuit, rnn, cnn or attention.

    For mlp, SIZES says how many inputs, units and outputs, and ACTIVATION what the units are:

    \b
      graphdsl init mlp 3-4-2 relu --seed 7 -o relu.spec
    """
    from graphdsl.starter import StarterMistake, starter

    try:
        text = starter(kind, sizes, activation, seed)
    except StarterMistake as mistake:
        raise click.UsageError(f"{mistake.message}" + (f" ({mistake.hint})" if mistake.hint else "")) from None
    if output == STANDARD_STREAM:
        click.echo(text, nl=False)
        return
    path = Path(output)
    if path.exists() and not force:
        raise FileMistake(f"`{path}` exists", "--force replaces it")
    put({path: text.encode()})
    click.echo(f"wrote {path}")


# What goes where.


def _formats(to: str, known: Mapping[str, str]) -> tuple[str, ...]:
    """The formats of `--to`, by their names or the endings of their files."""
    by_word = {ending.removeprefix("."): name for name, ending in known.items()} | {name: name for name in known}
    words = [word.strip().lower() for word in to.split(",") if word.strip()]
    for word in words:
        if word not in by_word:
            raise _unknown(f"there is no format `{word}`", word, known, known)
    return tuple(dict.fromkeys(by_word[word] for word in words))


def _unknown(message: str, word: str, candidates: Iterable[str], known: Iterable[str]) -> click.UsageError:
    meant = did_you_mean(word, candidates)
    return click.UsageError(f"{message}; known: {', '.join(known)}" + (f" ({meant})" if meant else ""))


def _destinations(
    spec: str, output: str | None, formats: tuple[str, ...], known: Mapping[str, str], usual: str, streamed: str
) -> Destinations:
    """Where each format goes. The ending of a single output chooses its format, where `--to` does not."""
    if output == STANDARD_STREAM or (output is None and spec == STANDARD_STREAM):
        if len(formats) > 1:
            raise click.UsageError("standard output takes one format")
        return {formats[0] if formats else streamed: None}
    if output is None:
        return _beside(Path(spec), formats or (usual,), known)
    path = Path(output)
    if path.is_dir() or output.endswith(("/", os.sep)):
        return _beside(path / Path(spec).name, formats or (usual,), known)
    by_ending = {ending: name for name, ending in known.items()}
    if len(formats) == 1:
        return {formats[0]: path}
    if formats:
        base = path.name[: -len(path.suffix)] if path.suffix.lower() in by_ending else path.name
        return {format: path.with_name(base + known[format]) for format in formats}
    if path.suffix.lower() not in by_ending:
        what = f"no format has the ending `{path.suffix}`" if path.suffix else f"`{path.name}` has no ending"
        raise _unknown(what, path.suffix, by_ending, by_ending)
    return {by_ending[path.suffix.lower()]: path}


def _beside(spec: Path, formats: tuple[str, ...], known: Mapping[str, str]) -> Destinations:
    return {format: spec.parent / f"{spec.stem}{known[format]}" for format in formats}


def _solved(spec: str, changes: Changes = AS_WRITTEN) -> Solution:
    """The solution of a file or of standard input; announcements go to standard error."""
    from graphdsl.limits import raised
    from graphdsl.overrides import Override, asked
    from graphdsl.solve import solved
    from graphdsl.terminal import patience

    overrides = [Override(text, "--set") for text in changes.settings]
    overrides += [asked(name, value, f"--{name.replace('_', '-')}") for name, value in changes.report]
    overrides += [] if changes.steps is None else [Override(f"steps={changes.steps}", "--steps")]
    with patience(f"solving {spec} …"):
        source = _read(spec)
        limited = replace(source, limits=raised(changes.limits, source.limits))
        found = solved(limited, overrides, changes.symbols or None)
    _announce(found.announcements, found.source)
    return found


def _read(spec: str) -> Source:
    """The text of a file or of standard input."""
    from graphdsl import parse

    if spec == STANDARD_STREAM:
        return parse.read(sys.stdin.buffer.read(), "<standard input>")
    return parse.read(Path(spec))


def _limits(written: tuple[str, ...]) -> dict[str, int]:
    """`entries=1000000` -> a limit and its value."""
    found: dict[str, int] = {}
    for text in written:
        name, _, value = text.partition("=")
        number = value.strip().replace("_", "").replace(",", "")
        if name.strip() not in WHAT:
            raise _unknown(f"there is no limit `{name.strip()}`", name.strip(), WHAT, WHAT)
        if not number.isascii() or not number.isdigit() or not 0 < len(number) < 16 or not int(number):
            raise click.UsageError(f"a limit is a whole number, 1 or more, as in `--limit {name.strip()}=1000000`")
        found[name.strip()] = int(number)
    return found


def _write(places: Destinations, render: Render, spec: str, output: str | None, force: bool) -> None:
    """Render everything, then put all of it in place."""
    from graphdsl.draw import DrawError
    from graphdsl.terminal import patience
    from graphdsl.views import ViewError
    from graphdsl.write import written_by_us
    from graphdsl.write.tex_engine import TexError
    from graphdsl.write.wide_fonts import FontError

    paths = [path for path in places.values() if path is not None]
    for path in paths:
        _refuse_spec(path, spec)
    if not force and output is None:
        refuse_strangers(paths, written_by_us)
    try:
        with patience(f"writing {', '.join(map(str, paths))} …"):
            made = {format: render(format, path.stem if path else Path(spec).stem) for format, path in places.items()}
    except (DrawError, FontError, TexError, ViewError) as mistake:
        raise FileMistake(mistake.message, mistake.hint) from None
    beside = {
        path.with_name(name): content
        for format, path in places.items()
        if path is not None
        for name, content in made[format].beside.items()
    }
    if not force:
        refuse_strangers(list(beside), written_by_us)
    put({path: made[format].content for format, path in places.items() if path is not None} | beside)
    for written in (made[format] for format, path in places.items() if path is None):
        if written.beside:
            click.echo("note: the figures of this page are files beside it; they are not written to a stream", err=True)
        sys.stdout.flush()
        sys.stdout.buffer.write(written.content)
        sys.stdout.buffer.flush()


def _refuse_spec(path: Path, spec: str) -> None:
    """No output takes the place of a spec."""
    if spec != STANDARD_STREAM and path.exists() and Path(spec).exists() and path.samefile(spec):
        raise click.UsageError(f"`{path}` is the spec itself; `-o` names another file")


def _print_results(found: Solution) -> None:
    from graphdsl.terminal import results, show, told

    show(results(found.trace))
    for line in told(found.check, found.verdicts):
        click.echo(line)


def _print_paths(places: Destinations) -> None:
    for path in places.values():
        click.echo(f"wrote {path}")
