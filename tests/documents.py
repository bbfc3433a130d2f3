"""Hand-built documents: the seed exercise as `explain` and `figures` would hand it to a writer, and awkward ones."""

from __future__ import annotations

from decimal import Decimal

from graphdsl.diagram import Diagram
from graphdsl.document import (
    Derivation,
    Document,
    Figure,
    Inlines,
    Item,
    Line,
    Math,
    Note,
    Paragraph,
    Section,
    Strong,
    Table,
    Text,
)
from graphdsl.expr import (
    Call,
    Expr,
    FunctionNotation,
    Notation,
    Number,
    Operation,
    Partial,
    Power,
    Quotient,
    Relation,
    Sign,
    Symbol,
    add,
    equals,
    multiply,
    negate,
    number,
    subtract,
)
from graphdsl.names import Ink

EMPTY = Diagram("network", (), (), True)


def operation(name: str, notation: Notation | None = None) -> Operation:
    """An operation of which only the look matters."""
    return Operation(
        name,
        notation or FunctionNotation(name),
        (0, None),
        lambda shapes, attributes: (),
        lambda arguments, attributes, out, upstream: (None,) * len(arguments),
    )


RELU = operation("relu", FunctionNotation("ReLU"))
RELU_PRIME = operation("relu'", FunctionNotation("ReLU", 1))
MAX = operation("max")


def n(value: str) -> Number:
    return number(value)


def s(name: str) -> Symbol:
    return Symbol(name)


def d(of: str, wrt: str) -> Partial:
    return Partial(s(of), s(wrt))


def call(op: Operation, *arguments: Expr) -> Call:
    return Call(op, arguments)


def chain(*members: Expr, signs: tuple[Sign, ...] = ()) -> Relation:
    return Relation(members, signs) if signs else equals(*members)


def words(*parts: str | Expr) -> Inlines:
    return tuple(Text(p) if isinstance(p, str) else Math(p) for p in parts)


def line(*members: Expr, why: Inlines = (), signs: tuple[Sign, ...] = ()) -> Line:
    return Line(chain(*members, signs=signs), why)


def _weighted(*pairs: tuple[str, str], bias: str) -> Expr:
    return add(*(multiply(s(w), s(x)) for w, x in pairs), s(bias))


def _substituted(*pairs: tuple[str, str], bias: str) -> Expr:
    return add(*(multiply(n(w), n(x)) for w, x in pairs), n(bias))


def _forward(round_: int) -> Derivation:
    w1, w13, w3, b1, b3, b5 = [
        ("1", "1", "1", "-0.5", "-0.5", "-0.5"),
        ("0.86", "0.9475", "0.9125", "-0.57", "-0.535", "-0.535"),
    ][round_ - 1]
    z1, z3, y = [("1.5", "2.5", "4.5"), ("1.15", "1.6443", "2.4658")][round_ - 1]
    almost: tuple[Sign, ...] = ("=", "=", "=") if round_ == 1 else ("=", "=", "≈")

    def unit(h: str, z: str, value: str) -> Line:
        return line(s(h), call(RELU, s(z)), call(MAX, n("0"), n(value)), n(value))

    lines = [
        line(s("z1"), _weighted(("w1", "x1"), bias="b1"), _substituted((w1, "2"), bias=b1), n(z1)),
        unit("H1", "z1", z1),
        line(s("z2"), _weighted(("w2", "x1"), bias="b2"), _substituted((w1, "2"), bias=b1), n(z1)),
        unit("H2", "z2", z1),
        line(
            s("z3"),
            _weighted(("w13", "H1"), ("w23", "H2"), bias="b3"),
            _substituted((w13, z1), (w13, z1), bias=b3),
            n(z3),
            signs=almost,
        ),
        unit("H3", "z3", z3),
        line(
            s("z4"),
            _weighted(("w14", "H1"), ("w24", "H2"), bias="b4"),
            _substituted((w13, z1), (w13, z1), bias=b3),
            n(z3),
            signs=almost,
        ),
        unit("H4", "z4", z3),
        line(
            s("y1"),
            _weighted(("w3", "H3"), ("w4", "H4"), bias="b5"),
            _substituted((w3, z3), (w3, z3), bias=b5),
            n(y),
            signs=almost,
        ),
    ]
    return Derivation(tuple(lines))


def _half_square(x: Expr) -> Expr:
    return multiply(Quotient(n("1"), n("2")), Power(x, n("2")))


def _error(y: str, e: str, sign: Sign) -> Derivation:
    return Derivation(
        (
            line(
                s("E"),
                _half_square(subtract(s("t"), s("y1"))),
                _half_square(subtract(n("1"), n(y))),
                n(e),
                signs=("=", "=", sign),
            ),
        )
    )


def _output_layer() -> Section:
    return Section(
        words("Output layer"),
        (
            Derivation(
                (
                    line(
                        d("E", "y1"),
                        multiply(Quotient(n("1"), n("2")), n("2"), subtract(s("t"), s("y1")), n("-1")),
                        subtract(s("y1"), s("t")),
                        subtract(n("4.5"), n("1")),
                        n("3.5"),
                    ),
                    line(
                        d("E", "w3"),
                        multiply(d("E", "y1"), Partial(s("y1"), s("w3"), local=True)),
                        multiply(d("E", "y1"), s("H3")),
                        multiply(n("3.5"), n("2.5")),
                        n("8.75"),
                        why=words(equals(Partial(s("y1"), s("w3"), local=True), s("H3"))),
                    ),
                    line(
                        d("E", "b5"),
                        multiply(d("E", "y1"), Partial(s("y1"), s("b5"), local=True)),
                        multiply(n("3.5"), n("1")),
                        n("3.5"),
                    ),
                )
            ),
            Paragraph(
                words("By symmetry ", equals(d("E", "w4"), n("8.75")), ", since ", equals(s("H4"), s("H3")), ".")
            ),
        ),
    )


def _hidden_layer() -> Section:
    local = Partial(s("y1"), s("H3"), local=True)
    return Section(
        words("Second hidden layer"),
        (
            Derivation(
                (
                    line(
                        d("E", "H3"),
                        multiply(d("E", "y1"), local),
                        multiply(d("E", "y1"), s("w3")),
                        multiply(n("3.5"), n("1")),
                        n("3.5"),
                        why=words(equals(d("E", "y1"), n("3.5")), ", found above"),
                    ),
                    line(
                        d("E", "z3"),
                        multiply(d("E", "H3"), call(RELU_PRIME, s("z3"))),
                        multiply(n("3.5"), n("1")),
                        n("3.5"),
                        why=words(chain(s("z3"), n("2.5"), n("0"), signs=("=", ">"))),
                    ),
                    line(
                        d("E", "w13"),
                        multiply(d("E", "z3"), Partial(s("z3"), s("w13"), local=True)),
                        multiply(d("E", "z3"), s("H1")),
                        multiply(n("3.5"), n("1.5")),
                        n("5.25"),
                    ),
                    line(d("E", "b3"), d("E", "z3"), n("3.5")),
                )
            ),
            Paragraph(words("Likewise, with ", equals(s("z4"), n("2.5")), ":")),
            Derivation(
                (
                    line(d("E", "w23"), multiply(d("E", "z3"), s("H2")), multiply(n("3.5"), n("1.5")), n("5.25")),
                    line(d("E", "w14"), multiply(d("E", "z4"), s("H1")), multiply(n("3.5"), n("1.5")), n("5.25")),
                    line(d("E", "w24"), multiply(d("E", "z4"), s("H2")), multiply(n("3.5"), n("1.5")), n("5.25")),
                )
            ),
        ),
    )


def _first_layer() -> Section:
    return Section(
        words("First hidden layer"),
        (
            Derivation(
                (
                    line(
                        d("E", "H1"),
                        add(
                            multiply(d("E", "z3"), Partial(s("z3"), s("H1"), local=True)),
                            multiply(d("E", "z4"), Partial(s("z4"), s("H1"), local=True)),
                        ),
                        add(multiply(d("E", "z3"), s("w13")), multiply(d("E", "z4"), s("w14"))),
                        add(multiply(n("3.5"), n("1")), multiply(n("3.5"), n("1"))),
                        n("7"),
                        why=words("two ways lead from ", s("H1"), " to the error"),
                    ),
                    line(
                        d("E", "w1"),
                        multiply(d("E", "H1"), call(RELU_PRIME, s("z1")), s("x1")),
                        multiply(n("7"), n("1"), n("2")),
                        n("14"),
                    ),
                    line(
                        d("E", "b1"),
                        multiply(d("E", "H1"), call(RELU_PRIME, s("z1"))),
                        multiply(n("7"), n("1")),
                        n("7"),
                    ),
                )
            ),
        ),
    )


_UPDATES = [
    ("w1", "1", "14", "0.14", "0.86"),
    ("w2", "1", "14", "0.14", "0.86"),
    ("w13", "1", "5.25", "0.0525", "0.9475"),
    ("w14", "1", "5.25", "0.0525", "0.9475"),
    ("w23", "1", "5.25", "0.0525", "0.9475"),
    ("w24", "1", "5.25", "0.0525", "0.9475"),
    ("w3", "1", "8.75", "0.0875", "0.9125"),
    ("w4", "1", "8.75", "0.0875", "0.9125"),
    ("b1", "-0.5", "7", "0.07", "-0.57"),
    ("b2", "-0.5", "7", "0.07", "-0.57"),
    ("b3", "-0.5", "3.5", "0.035", "-0.535"),
    ("b4", "-0.5", "3.5", "0.035", "-0.535"),
    ("b5", "-0.5", "3.5", "0.035", "-0.535"),
]


def _updates() -> Section:
    after = Symbol("w13+", ink=Ink("w", "13", "+"))
    return Section(
        words("Update"),
        (
            Derivation(
                (
                    line(
                        after,
                        subtract(s("w13"), multiply(s("eta"), d("E", "w13"))),
                        subtract(n("1"), multiply(n("0.01"), n("5.25"))),
                        subtract(n("1"), n("0.0525")),
                        n("0.9475"),
                    ),
                )
            ),
            Table(
                (words(""), words("before"), words("gradient"), words(s("eta"), " · gradient"), words("after")),
                tuple(
                    (words(s(name)), *(words(n(v)) for v in values[:-1]), words(n(values[-1])))
                    for name, *values in _UPDATES
                ),
                (False, True, True, True, True),
                words("All parameters after the first round."),
            ),
        ),
    )


GIVEN = Note(
    "given",
    words("Given"),
    (
        Item((), words(equals(s("x1"), n("2")), ",  ", equals(s("t"), n("1")))),
        Item(words("weights"), words("all 1")),
        Item(words("biases"), words("all ", n("-0.5"))),
        Item(words("hidden units"), words(equals(call(RELU, s("z")), call(MAX, n("0"), s("z"))))),
        Item(words("error"), words(equals(s("E"), _half_square(subtract(s("t"), s("y1")))))),
        Item(words("training"), words("gradient descent, ", equals(s("eta"), n("0.01")), ", 2 rounds")),
    ),
)

ROUNDS = Table(
    (words("round"), words(s("E")), words(s("y1")), words(s("w1")), words(s("w13")), words(s("w3")), words(s("b1"))),
    tuple(
        tuple(words(n(v)) for v in row)
        for row in [
            ("1", "6.125", "4.5", "1", "1", "1", "-0.5"),
            ("2", "1.0743", "2.4658", "0.86", "0.9475", "0.9125", "-0.57"),
            ("3", "0.3745", "1.8655", "0.8093", "0.9321", "0.8884", "-0.5954"),
        ]
    ),
    (True,) * 7,
)


def seed() -> Document:
    """The seed exercise, in two rounds, the second one shortened."""
    figure = Figure(EMPTY, (), "A network: x₁ feeds H₁ and H₂, these feed H₃ and H₄, which feed y₁.")
    return Document(
        "Two hidden layers of two ReLU units",
        words("Worked solution · 2 rounds of gradient descent with ", equals(s("eta"), n("0.01"))),
        (
            figure,
            GIVEN,
            Section(words("Round 1: forward pass"), (_forward(1), _error("4.5", "6.125", "="))),
            Section(words("Round 1: backward pass"), (_output_layer(), _hidden_layer(), _first_layer(), _updates())),
            Section(words("Round 2: forward pass"), (_forward(2), _error("2.4658", "1.0743", "≈"))),
            Section(
                words("Result"),
                (
                    Paragraph(
                        (
                            Text("The error falls from "),
                            Math(n("6.125")),
                            Text(" over "),
                            Math(n("1.0743")),
                            Text(" to "),
                            Strong("0.3745"),
                            Text("."),
                        )
                    ),
                    ROUNDS,
                    Note(
                        "conventions",
                        words("Conventions"),
                        (
                            Item(
                                words("rounding"), words("half up, to 4 decimals; ≈ stands where digits were dropped")
                            ),
                            Item(words("kink"), words(equals(call(RELU_PRIME, n("0")), n("0")))),
                        ),
                    ),
                ),
            ),
        ),
        words(
            "4 decimals shown, all digits carried · three routes agree to ", Number(Decimal("1e-33")), " · graphdsl 0.1"
        ),
    )


def many_terms(count: int) -> Relation:
    """A chain whose members are too long for a row."""
    weights = [multiply(s(f"w{i}"), s(f"x{i}")) for i in range(1, count + 1)]
    numerals = [multiply(n(f"0.{i}"), n(f"-{i}")) for i in range(1, count + 1)]
    return equals(s("z"), add(*weights, negate(s("b"))), add(*numerals, n("-0.5")), n("3"))
