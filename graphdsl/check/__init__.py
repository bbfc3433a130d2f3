"""Spec -> Model, or every mistake at once: names, shapes, values, layers, losses and settings; computes no forward pass."""

from __future__ import annotations

from dataclasses import replace

from graphdsl.check.columns import columns
from graphdsl.check.data import asks_for_sizes, declare_data, declare_symbols, quantities
from graphdsl.check.definitions import Definitions
from graphdsl.check.euler import told_from_e
from graphdsl.check.expand import expand
from graphdsl.check.expectations import expectations
from graphdsl.check.functions import declared_functions
from graphdsl.check.initial import fill
from graphdsl.check.losses import enter_losses
from graphdsl.check.questions import Overrides, Questions, declare_given, given_values
from graphdsl.check.resolve import Resolver
from graphdsl.check.rules import rules
from graphdsl.check.samples import samples
from graphdsl.check.scope import Scope, article, spread
from graphdsl.check.settings import numbers, report, wants_fractions
from graphdsl.check.training import state_names, training
from graphdsl.check.views import asked
from graphdsl.derive.element import entry_symbols
from graphdsl.derive.shape import spoken
from graphdsl.diagnostics import Label, Reporter, Span
from graphdsl.expr import Element, Symbol, symbols
from graphdsl.inks import lettered
from graphdsl.model import LayerOutline, Model, Node, Quantity, Training
from graphdsl.names import canonical
from graphdsl.numbers import size
from graphdsl.syntax import (
    DataBlock,
    Declaration,
    Equation,
    Expected,
    Find,
    Function,
    Given,
    Gradient,
    Init,
    LateParam,
    Later,
    Layer,
    Layers,
    Loss,
    Note,
    Options,
    Penalty,
    Rule,
    Setting,
    Spec,
    Statement,
    Symbols,
    Train,
    Words,
)

__all__ = ["check"]


def check(spec: Spec) -> Model:
    """The model that a spec describes; raises SpecError with every mistake."""
    reporter = Reporter(spec.source)
    if not spec.statements:
        reporter.error("the spec says nothing", hint="a first line might be `input x = 2`")
    _refuse_later(spec, reporter)
    expanded = expand(spec.statements, reporter)
    spec = replace(spec, statements=expanded.statements)
    functions = declared_functions(spec.of(Function), reporter)
    scope = Scope(reporter)
    for family in expanded.families:
        scope.declare_family(family.name, family.members)
    scope.declare_broken(expanded.broken, "node")
    resolver = Resolver(scope, functions, wants_fractions(spec.of(Options)))
    enter_losses(resolver)
    definitions = Definitions(scope, resolver)
    sizes = declare_symbols(spec.of(Symbols), scope, resolver)
    for declaration in _sizes_known(spec):
        match declaration:
            case Declaration():
                declare_data(declaration, scope, resolver)
            case Equation() | Layer() | Loss() | LateParam() | Penalty():
                definitions.enter(declaration)
            case _:
                pass
    scope.data = dict(sorted(scope.data.items(), key=lambda item: item[1].span.start))
    data_rows = samples(spec.of(DataBlock), scope, resolver)
    overrides = declare_given(spec.of(Given), _defined(spec), scope, resolver)
    nodes = given_values(overrides, definitions.nodes(), scope, resolver)
    loss, ascent = _loss(spec, definitions, reporter)
    if loss is None and spec.of(Train):
        loss = next((node.symbol for node in nodes if node.role == "stand-in"), None)
    drawn = fill(spec.of(Init), scope, resolver)
    plan, frozen = _training(spec, ascent, len(data_rows), overrides, scope, resolver)
    states = state_names(plan)
    settings = numbers([o for o in spec.of(Options) if o.kind == "numbers"], states, scope, resolver)
    shown = report([o for o in spec.of(Options) if o.kind == "report"], scope)
    _report_unsized(scope)
    data = quantities(scope, frozen, drawn is not None)
    gradients = spec.of(Gradient)
    objectives, wrt = _objectives(gradients, loss, scope, resolver)
    stand_ins = (node.symbol for node in nodes if node.role == "stand-in")
    objectives = tuple(dict.fromkeys((*objectives, *stand_ins)))
    penalty = _penalty(spec, loss, nodes, scope)
    scope.look_alikes()
    _refuse_what_is_missing(spec, nodes, loss, plan, reporter)
    expected = expectations(spec.of(Expected), plan, len(data_rows), loss, nodes, scope, resolver)
    questions = Questions(plan, {node.symbol.key: node for node in nodes}, scope, resolver)
    tasks, remarks = questions.tasks(spec.of(Find)), questions.remarks(spec.of(Note))
    title, credit = _words(spec, "title", reporter), _words(spec, "source", reporter)
    _refuse_idle_targets(data, nodes, loss, bool(gradients), scope)
    asked_for = asked(shown, nodes, plan, objectives, scope, resolver)
    placed = columns(spec.of(Layers), nodes, scope, resolver)
    reporter.stop_if_errors()
    _announce_unused(data, nodes, scope)
    nodes = told_from_e(nodes, (q.symbol for q in data))
    model = Model(
        source=spec.source,
        title=title,
        credit=credit,
        quantities=data,
        nodes=nodes,
        layers=tuple(
            LayerOutline(s.units.key, s.units, s.named, s.activation.name if s.activation else "linear")
            for s in definitions.shelves
        ),
        objectives=objectives if penalty is None else (*objectives, penalty),
        loss=loss,
        wrt=wrt,
        training=plan,
        carry=settings.carry,
        display=settings.display,
        samples=data_rows,
        penalty=penalty,
        expected=expected,
        overrides=overrides.values,
        upstream=overrides.upstream,
        tasks=tasks,
        text="\n\n".join(s.text.text for s in spec.of(Words) if s.kind == "text"),
        remarks=remarks,
        sizes=sizes,
        columns=placed,
        letters=frozenset(n.text for s in spec.of(Symbols) for d in s.declared for n in spread(d.names, reporter)),
        counts_classes=scope.counts_classes,
        drawn=drawn or (),
        announcements=tuple(reporter.warnings),
        report=asked_for,
    )
    return model if asked_for.notation.is_default else _in_notation(model, spec, shown["notation"], reporter)


def _in_notation(model: Model, spec: Spec, setting: Setting, reporter: Reporter) -> Model:
    """The model in the letters that its page asks for; two names that they would make alike are a mistake."""
    roles = {node.symbol.key: node.role for node in model.nodes}
    nameless = any(statement.name is None for statement in spec.of(Loss))
    nameless = nameless and model.loss is not None and roles.get(model.loss.key) == "loss"
    notation = model.report.notation
    made, alike = lettered(model, notation, nameless)
    for one, other in alike[:MOST_ALIKE]:
        reporter.error(
            f"in the notation `{notation.name}`, {_quoted(one)} and {_quoted(other)} would look the same on the page",
            setting.value.span or setting.span,
            hint="rename one of them in the spec, or write another letter in a notation of your own, a TOML file",
        )
    reporter.stop_if_errors()
    return made


MOST_ALIKE = 3
"""So many pairs are named: a superscript too few makes many alike."""


def _quoted(name: str) -> str:
    return name if name.startswith("the ") else f"`{name}`"


def _sizes_known(spec: Spec) -> list[Statement]:
    """The statements, with the declarations that ask for the size of another after all others."""
    return sorted(spec.statements, key=lambda s: isinstance(s, Declaration) and asks_for_sizes(s))


def _refuse_later(spec: Spec, reporter: Reporter) -> None:
    for statement in spec.of(Later):
        start = statement.span.start
        keyword = Span(start, start + len(statement.keyword))
        reporter.error(f"`{statement.keyword}` is not in the language yet", keyword)


def _defined(spec: Spec) -> frozenset[str]:
    """The names that have an equation of their own, or come from a layer."""
    found = [s.name.text for s in spec.of(Equation)] + [s.name.text for s in spec.of(Loss) if s.name]
    for layer in spec.of(Layer):
        units = [n.text for group in layer.elements for n in spread(group, Reporter(spec.source))]
        found += [layer.name.text, f"{layer.name.text}.z", *units, *(f"z_{unit}" for unit in units)]
    found += [f"z_{name}" for name in found]
    return frozenset(map(canonical, found))


def _report_unsized(scope: Scope) -> None:
    """A class number that is compared with nothing."""
    for unsized in () if scope.reporter.errors else scope.unsized.values():
        scope.reporter.error(
            f"how many classes `{unsized.name}` has is not known",
            unsized.span,
            hint=f"compare it with an output, `loss cross_entropy({unsized.name}, p)`, or say it: "
            f"`target {unsized.name}[3] = class({unsized.chosen})`",
        )


def _words(spec: Spec, kind: str, reporter: Reporter) -> str:
    found = [s for s in spec.of(Words) if s.kind == kind]
    for again in found[1:]:
        reporter.error(f"a spec has one {kind}", again.span, also=[Label(found[0].span, "the first")])
    return found[0].text.text if found else ""


def _loss(spec: Spec, definitions: Definitions, reporter: Reporter) -> tuple[Symbol | None, bool]:
    """The loss node, and whether it is maximised."""
    statements = spec.of(Loss)
    for again in statements[1:]:
        reporter.error(
            "a spec has one loss",
            again.span,
            "a second one",
            also=[Label(statements[0].span, "the first")],
            hint="add them up in one: `loss E = E1 + E2`",
        )
    return definitions.loss, bool(statements) and statements[0].kind == "maximise"


def _training(
    spec: Spec, ascent: bool, count: int, overrides: Overrides, scope: Scope, resolver: Resolver
) -> tuple[Training | None, frozenset[str]]:
    own = rules(spec.of(Rule), scope)
    broken = {rule.name.text for rule in spec.of(Rule)} - own.keys()
    statements = spec.of(Train)
    for again in statements[1:]:
        scope.reporter.error("a spec has one training", again.span, also=[Label(statements[0].span, "the first")])
    if not statements:
        return None, frozenset()
    if statements[0].optimizer.text in broken:
        return None, frozenset()
    return training(statements[0], ascent, count, own, overrides.states, scope, resolver)


def _penalty(spec: Spec, loss: Symbol | None, nodes: tuple[Node, ...], scope: Scope) -> Symbol | None:
    """The penalty's node; it is of the parameters, not of a sample."""
    statements = spec.of(Penalty)
    for again in statements[1:]:
        scope.reporter.error("a spec has one penalty", again.span, also=[Label(statements[0].span, "the first")])
    if not statements:
        return None
    statement = statements[0]
    if loss is None:
        scope.reporter.error("a penalty is added to a loss, and there is none", statement.span)
    by_key = {node.symbol.key: node for node in nodes}
    node = by_key.get(statement.name.text)
    if node is None:
        return None
    waiting, seen = [node.symbol.key], set[str]()
    while waiting:
        key = waiting.pop()
        if key in seen:
            continue
        seen.add(key)
        datum = scope.data.get(key)
        if datum is not None and datum.kind in ("input", "target"):
            what = f"`{key}` is {article(datum.kind)}"
            scope.reporter.error("a penalty depends on parameters only", statement.value.span, what)
            break
        waiting += symbols(by_key[key].formula) if key in by_key else []
    return node.symbol


MOST_OBJECTIVES = 64
"""So many entries may have their gradients taken."""


def _objectives(
    statements: list[Gradient], loss: Symbol | None, scope: Scope, resolver: Resolver
) -> tuple[tuple[Symbol, ...], tuple[Symbol, ...]]:
    """What is differentiated, and by what if that is said."""
    objectives = [loss] if loss is not None else []
    wrt: list[Symbol] = []
    for statement in statements:
        for name in statement.objectives:
            symbol = _node_symbol(name.text, name.span, scope)
            if symbol is not None and size(symbol.shape) > MOST_OBJECTIVES:
                scope.reporter.error(
                    f"`{name.text}` is {spoken(symbol.shape)}: its Jacobian would have {size(symbol.shape)} rows",
                    name.span,
                    f"at most {MOST_OBJECTIVES} are computed",
                    hint=f"name an entry by an equation of its own, `f1 = {name.text}[1]`, and take its gradient",
                )
            elif symbol is not None:
                objectives += [entry for entry in entry_symbols(symbol) if entry not in objectives]
        for name in statement.wrt:
            found = scope.look_up(name.text, name.span)
            base = found.of if isinstance(found, Element) else found
            if isinstance(base, Symbol):
                wrt.append(Symbol(name.text) if isinstance(found, Element) else base)
    return tuple(objectives), tuple(wrt)


def _node_symbol(text: str, span: Span, scope: Scope) -> Symbol | None:
    meaning = scope.meaning(text)
    found = scope.look_up(text, span)
    if meaning is None or found is None:
        return None
    if meaning.kind in ("input", "target", "param", "const"):
        if canonical(text) not in scope.clashing:
            scope.reporter.error(f"`{text}` is {article(meaning.kind)}, nothing that is computed", span)
        return None
    if isinstance(found, Symbol):
        return found
    assert isinstance(found, Element)
    return Symbol(meaning.text)


def _refuse_what_is_missing(
    spec: Spec, nodes: tuple[Node, ...], loss: Symbol | None, plan: Training | None, reporter: Reporter
) -> None:
    if plan is not None and loss is None and not spec.of(Loss):
        reporter.error("a training needs a loss", spec.of(Train)[0].span, hint="for example `loss E = 1/2*(t - y)^2`")
    has_nodes = bool(nodes or spec.of(Equation) or spec.of(Layer) or spec.of(Loss))
    if spec.statements and not has_nodes and not reporter.errors:
        reporter.error("the spec computes nothing", hint="give a node its equation, for example `y = w*x + b`")


def _refuse_idle_targets(
    data: tuple[Quantity, ...],
    nodes: tuple[Node, ...],
    loss: Symbol | None,
    gradients: bool,
    scope: Scope,
) -> None:
    """A target that no formula uses is a mistake; nothing is said where the loss, or what names it, is wrong."""
    used = {canonical(key) for node in nodes for key in symbols(node.formula)}
    if scope.reporter.errors:
        used |= scope.used
        made = {node.symbol.key for node in nodes}
        if loss is not None and (loss.key not in made or canonical(loss.key) in scope.clashing):
            return
    for quantity in data:
        text = quantity.symbol.key
        if quantity.kind != "target" or canonical(text) in used:
            continue
        if loss is not None:
            scope.reporter.error(
                f"the target `{text}` is never used", quantity.span, hint="the loss should compare an output with it"
            )
        elif not gradients and not scope.reporter.errors:
            scope.reporter.error(
                f"there is a target `{text}`, but no loss", quantity.span, hint="for example `loss half_squared_error`"
            )


def _announce_unused(data: tuple[Quantity, ...], nodes: tuple[Node, ...], scope: Scope) -> None:
    """A quantity that no formula uses is announced."""
    used = {key for node in nodes for key in symbols(node.formula)}
    for quantity in data:
        text = quantity.symbol.key
        if text not in used and canonical(text) not in scope.used and quantity.kind != "target":
            scope.reporter.warning(f"`{text}` is never used", quantity.span)
