"""Statements as written -> statements without loops and module calls, each family member a name of its own; judges no shape and no value."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal

from graphdsl.diagnostics import Label, Reporter, Span, did_you_mean
from graphdsl.expr import (
    Array,
    Call,
    Element,
    Expr,
    Number,
    Product,
    Quotient,
    Sum,
    Symbol,
    children,
    walk,
    with_children,
)
from graphdsl.limits import exceeded
from graphdsl.names import Ink, canonical, indexed, ink_of
from graphdsl.syntax import (
    NAMED,
    OVER,
    RANGE,
    Assignment,
    Declaration,
    Declared,
    Equation,
    Expected,
    Find,
    For,
    Function,
    Given,
    Init,
    LateParam,
    Layer,
    Loss,
    Module,
    Name,
    Names,
    Note,
    Options,
    Penalty,
    Place,
    Quoted,
    Reference,
    Setting,
    Statement,
    Train,
    Use,
    as_written,
)

DEEPEST_CALL = 20
"""Modules may call modules so deep."""

STACK = as_written("stack")
_TAKE_MEMBERS = ("stack", "concat", "max", "min")
"""Functions of several arguments, among which a slice of a family stands for its members."""


@dataclass(frozen=True, slots=True)
class Family:
    """A name whose members have equations: where the first stands, and what the members are called."""

    name: Name
    members: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Expanded:
    """Statements without loops and modules; the families among them; names whose definition is wrong, which was reported."""

    statements: tuple[Statement, ...]
    families: tuple[Family, ...] = ()
    broken: tuple[Name, ...] = ()


def expand(statements: Iterable[Statement], reporter: Reporter) -> Expanded:
    """The same statements with every loop and module written out."""
    kept = tuple(s for s in statements if not isinstance(s, Use))
    if not any(isinstance(s, For | Assignment | Module) for s in kept) and not any(map(_has_over, kept)):
        return Expanded(kept)
    expander = _Expander(reporter, {canonical(s.name.text): s for s in _modules(kept, reporter)})
    top = _Frame("", (), {}, {}, constants=_constants(kept))
    made = expander.block(tuple(s for s in kept if not isinstance(s, Module)), top)
    first = {p.name.text: p.name for p in reversed(list(_places(kept))) if p.index}
    families = (Family(name, tuple(expander.members.get(canonical(text), ()))) for text, name in first.items())
    return Expanded(tuple(_with_instances(made)), tuple(families), tuple(expander.broken))


def called(statements: Iterable[Statement]) -> dict[str, Span]:
    """The names that are called, each with the place of its first call."""
    found: dict[str, Span] = {}
    for statement in statements:
        match statement:
            case For() | Module():
                for name, span in called(statement.body).items():
                    found.setdefault(name, span)
            case Equation() | Assignment() | Loss():
                for node in walk(statement.value):
                    if isinstance(node, Call) and node.span is not None:
                        found.setdefault(canonical(node.operation.name), node.span)
            case _:
                pass
    return found


def _modules(statements: Iterable[Statement], reporter: Reporter) -> list[Module]:
    found: dict[str, Module] = {}
    for module in (s for s in statements if isinstance(s, Module)):
        other = found.setdefault(canonical(module.name.text), module)
        if other is not module:
            reporter.error(
                f"the module `{module.name.text}` is defined twice",
                module.name.span,
                also=[Label(other.name.span, "first here")],
            )
    return list(found.values())


def _constants(statements: Iterable[Statement]) -> dict[str, int]:
    """Constants that are whole numbers: a range may end in one."""
    found: dict[str, int] = {}
    for statement in statements:
        if isinstance(statement, Declaration) and statement.kind == "const":
            for declared in statement.declared:
                value = declared.value
                if isinstance(value, Number) and value.value == value.value.to_integral_value():
                    found[canonical(declared.names.first.text)] = int(value.value)
    return found


def _has_over(statement: Statement) -> bool:
    value = getattr(statement, "value", None)
    return isinstance(value, Expr) and any(isinstance(n, Call) and n.operation in OVER.values() for n in walk(value))


@dataclass(frozen=True, slots=True)
class _Instance:
    """A module with its options: one set of parameters, called by the prefix."""

    module: Module
    prefix: str
    options: Mapping[str, Expr]
    span: Span


@dataclass(slots=True)
class _Frame:
    """A block that is written out: what its names stand for, and what is put before and behind those that it makes."""

    prefix: str
    suffix: tuple[int, ...]
    env: Mapping[str, Expr]
    instances: dict[str, _Instance]
    families: dict[str, tuple[int, ...]] = field(default_factory=dict)
    constants: Mapping[str, int] = field(default_factory=dict)
    call: Span | None = None
    stack: tuple[str, ...] = ()
    outputs: Mapping[str, tuple[str, Ink]] = field(default_factory=dict)
    chosen: Mapping[str, Expr] = field(default_factory=dict)


class _Expander:
    def __init__(self, reporter: Reporter, modules: Mapping[str, Module]):
        self.reporter = reporter
        self.modules = modules
        self.count = 0
        self.parameters: set[str] = set()
        self.calls: dict[str, int] = {}
        self.members: dict[str, list[str]] = {}
        self.broken: list[Name] = []

    # --- blocks

    def block(self, statements: tuple[Statement, ...], frame: _Frame) -> list[Statement]:
        """The statements of a block, written out in their order."""
        for place in _places(statements):
            if place.index:
                frame.families.setdefault(self._full(place.name, frame), frame.suffix if frame.prefix else ())
        self._refuse_shadows(statements, frame)
        flat = list(self._unrolled(statements, {}, frame))
        for statement in flat:
            if isinstance(statement, Assignment):
                for target in statement.targets:
                    self._note_member(target, frame)
        made: list[Statement] = []
        for statement in flat:
            made += self._statement(statement, frame)
        return made

    def _full(self, name: Name, frame: _Frame) -> str:
        return f"{frame.prefix}.{name.text}" if frame.prefix else name.text

    def _note_member(self, target: Place, frame: _Frame) -> None:
        if target.index:
            key = self._full(target.name, frame)
            self.members.setdefault(canonical(key), []).append(_member(key, frame.families.get(key, ()), target.index))

    def _refuse_shadows(self, statements: tuple[Statement, ...], frame: _Frame) -> None:
        """An index that is also a name would hide it."""
        taken = dict(_named(statements))
        for loop in _loops(statements):
            known = taken.get(canonical(loop.index.text))
            if known is not None:
                self.reporter.error(
                    f"the index `{loop.index.text}` is also the name of something else",
                    loop.index.span,
                    also=[Label(known, "defined here")],
                    hint="give the index a letter of its own",
                )

    def _unrolled(
        self, statements: tuple[Statement, ...], index: Mapping[str, Expr], frame: _Frame
    ) -> Iterator[Statement]:
        """Loops once for each value of their index; names replaced by what they stand for in this frame."""
        for statement in statements:
            if not isinstance(statement, For):
                self._count(statement.span)
                yield self._substituted(statement, {**frame.env, **index}, frame)
                continue
            name = canonical(statement.index.text)
            if name in index:
                self.reporter.error(
                    f"the index `{statement.index.text}` is used by the loop around this one", statement.index.span
                )
                continue
            for value in self._values(statement, {**frame.env, **index}, frame):
                yield from self._unrolled(statement.body, {**index, name: value}, frame)

    def _count(self, span: Span) -> None:
        self.count += 1
        most = self.reporter.source.limits.nodes
        if self.count > most:
            hint = f"make the range smaller; {exceeded('nodes', 2 * most)}"
            self.reporter.error(f"the loops and modules make more than {most:,} equations", span, hint=hint)
            self.reporter.stop()

    def _values(self, loop: For, env: Mapping[str, Expr], frame: _Frame) -> list[Expr]:
        values = loop.values
        if isinstance(values, Call) and values.operation is RANGE:
            return self._range(values, env, frame, len(loop.body))
        if isinstance(values, Array):
            return [self._expr(entry, env, frame) for entry in values.entries]
        self.reporter.error("a loop runs through a range or a list", values.span, hint="for example 1..3 or [1, 3]")
        return []

    def _range(self, bounds: Call, env: Mapping[str, Expr], frame: _Frame, weight: int = 1) -> list[Expr]:
        low, high = (self._whole(end, env, frame) for end in bounds.arguments)
        if low is None or high is None:
            return []
        if high < low:
            self.reporter.error(f"the range {low}..{high} runs backwards", bounds.span, hint=f"write {high}..{low}")
            return []
        most, wanted = self.reporter.source.limits.nodes, (high - low + 1) * max(1, weight)
        if wanted > most:
            self.reporter.error(
                f"the range has {high - low + 1:,} members",
                bounds.span,
                f"at most {most:,} equations are made",
                hint=exceeded("nodes", wanted),
            )
            return []
        return [Number(Decimal(i), span=bounds.span) for i in range(low, high + 1)]

    def _whole(self, expr: Expr, env: Mapping[str, Expr], frame: _Frame) -> int | None:
        """The whole number that an end of a range is."""
        found = _integer(_substitute(expr, env), frame.constants)
        if found is None:
            self.reporter.error(
                "a range runs between two whole numbers", expr.span, hint="a `const` that is a whole number is one too"
            )
        return found

    # --- names in formulas

    def _expr(self, expr: Expr, env: Mapping[str, Expr], frame: _Frame) -> Expr:
        """A formula with its names replaced, its sums over an index written out, its family members named."""
        match expr:
            case Symbol():
                return _renamed(expr, env)
            case Call() if expr.operation in OVER.values():
                return self._over(expr, env, frame)
            case Call() if canonical(expr.operation.name) in _TAKE_MEMBERS:
                arguments = (member for a in expr.arguments for member in self._spread(a, env, frame))
                return replace(expr, arguments=tuple(arguments))
            case Call() if expr.operation is NAMED:
                name, value = expr.arguments
                return with_children(expr, (name, self._expr(value, env, frame)))
            case Call() if expr.operation is RANGE:
                entries = self._range(expr, env, frame)
                return Array((len(entries),), tuple(entries), expr.span)
            case Element():
                return self._element(expr, env, frame)
            case _:
                return with_children(expr, tuple(self._expr(child, env, frame) for child in children(expr)))

    def _spread(self, argument: Expr, env: Mapping[str, Expr], frame: _Frame) -> tuple[Expr, ...]:
        """h[1..3] among the arguments of a call is three arguments."""
        found = self._expr(argument, env, frame)
        slice_of_family = isinstance(argument, Element) and isinstance(found, Call) and found.operation is STACK
        return found.arguments if slice_of_family and isinstance(found, Call) else (found,)

    def _element(self, expr: Element, env: Mapping[str, Expr], frame: _Frame) -> Expr:
        index = tuple(_folded(self._expr(i, env, frame), frame.constants) for i in expr.index)
        base = _renamed(expr.of, env) if isinstance(expr.of, Symbol) else None
        suffix = self._family(base.key, frame) if isinstance(base, Symbol) else None
        if isinstance(base, Symbol) and suffix is not None:
            return self._members(base, suffix, index, expr.span)
        of = base if base is not None else self._expr(expr.of, env, frame)
        return replace(expr, of=of, index=index)

    def _family(self, key: str, frame: _Frame) -> tuple[int, ...] | None:
        """What stands before the index of a family's member; nothing where the name is no family."""
        return frame.families.get(key)

    def _members(self, base: Symbol, suffix: tuple[int, ...], index: tuple[Expr, ...], span: Span | None) -> Expr:
        """h[2], or the members of h[1..3], stacked."""
        if len(index) == 1 and isinstance(index[0], Array):
            members = tuple(self._members(base, suffix, (i,), span) for i in index[0].entries)
            return Call(STACK, members, span=span)
        if not all(isinstance(i, Number) for i in index):
            self.reporter.error(
                f"the members of `{base.key}` are chosen by whole numbers",
                span,
                hint="for example h[1], or h[s] in a loop",
            )
        return Symbol(_member(base.key, suffix, index), span=span)

    def _over(self, expr: Call, env: Mapping[str, Expr], frame: _Frame) -> Expr:
        """Σ or Π over an index, term by term."""
        index, low, high, body = expr.arguments
        assert isinstance(index, Symbol)
        values = self._range(Call(RANGE, (low, high), span=expr.span), env, frame)
        for _ in values:
            self._count(expr.span or Span(0, 0))
        parts = tuple(self._expr(body, {**env, canonical(index.key): value}, frame) for value in values)
        if len(parts) == 1:
            return parts[0]
        if not parts:
            return Number(Decimal(0), span=expr.span)
        return (Sum if expr.operation is OVER["sum"] else Product)(parts, expr.span)

    # --- statements

    def _substituted(self, statement: Statement, env: Mapping[str, Expr], frame: _Frame) -> Statement:
        """The statement with the names of its formulas replaced."""

        def formula(expr: Expr) -> Expr:
            return self._expr(expr, env, frame)

        match statement:
            case Equation() | Loss() | Penalty() | Function():
                return replace(statement, value=formula(statement.value))
            case Assignment():
                targets = tuple(
                    replace(t, index=tuple(_folded(formula(i), frame.constants) for i in t.index))
                    for t in statement.targets
                )
                return replace(statement, targets=targets, value=formula(statement.value))
            case Declaration() if frame.prefix:
                return replace(statement, declared=tuple(_declared(d, formula) for d in statement.declared))
            case Expected():
                values = tuple(replace(v, reference=self._reference(v.reference, frame)) for v in statement.values)
                return replace(statement, values=values)
            case Given():
                gave = tuple(
                    replace(v, reference=self._reference(v.reference, frame), value=formula(v.value))
                    for v in statement.values
                )
                return replace(statement, values=gave)
            case Note():
                return replace(statement, reference=self._reference(statement.reference, frame))
            case Layer() | Init() | Train() | Options():
                settings = tuple(self._setting(s, frame) for s in statement.settings)
                return replace(statement, settings=settings)
            case _:
                return statement

    def _setting(self, setting: Setting, frame: _Frame) -> Setting:
        if setting.name.text == "table":
            return setting  # the columns of a family stand for all its members: h[s]
        brackets = tuple(self._place(b, frame) for b in setting.brackets)
        value = setting.value if isinstance(setting.value, Quoted) else self._place(setting.value, frame)
        return replace(setting, brackets=brackets, value=value)

    def _all_members(self, reference: Reference, frame: _Frame) -> list[Reference]:
        """A bare family that is asked for stands for all its members."""
        of = reference.of
        if reference.wrt is None and isinstance(of, Symbol) and self._family(of.key, frame) is not None:
            members = self.members.get(canonical(of.key), [])
            return [replace(reference, of=Symbol(m, span=of.span)) for m in members]
        return [reference]

    def _reference(self, reference: Reference, frame: _Frame) -> Reference:
        wrt = None if reference.wrt is None else self._place(reference.wrt, frame)
        return replace(reference, of=self._place(reference.of, frame), wrt=wrt)

    def _place(self, expr: Expr, frame: _Frame) -> Expr:
        """A name with the members of families named."""
        match expr:
            case Element(of=Symbol() as of) if self._family(of.key, frame) is not None:
                index = tuple(_folded(i, frame.constants) for i in expr.index)
                return self._members(of, self._family(of.key, frame) or (), index, expr.span)
            case Symbol():
                return expr
            case _:
                return with_children(expr, tuple(self._place(child, frame) for child in children(expr)))

    def _statement(self, statement: Statement, frame: _Frame) -> list[Statement]:
        """A statement with the modules that it calls written out."""
        match statement:
            case Equation():
                target = Place(statement.name, (), statement.name.span)
                return self._assignment(Assignment((target,), statement.value, statement.span), frame)
            case Assignment():
                return self._assignment(statement, frame)
            case Loss():
                value, before = self._lifted(statement.value, statement.name.text if statement.name else "E", frame)
                return [*before, replace(statement, value=value)]
            case Find() if not frame.prefix:
                found = (r for reference in statement.references for r in self._all_members(reference, frame))
                return [replace(statement, references=tuple(self._reference(r, frame) for r in found))]
            case Declaration() if frame.prefix:
                return list(self._own_quantities(statement, frame))
            case _ if frame.prefix and not isinstance(statement, For):
                self.reporter.error(
                    "a module holds equations, parameters, constants and loops",
                    statement.span,
                    hint="move this out of it",
                )
                return []
            case _:
                return [statement]

    def _named_target(self, target: Place, frame: _Frame) -> tuple[str, Ink]:
        """The key and the look of what stands left of =."""
        local = _member(target.name.text, (), target.index)
        if local in frame.outputs:
            return frame.outputs[local]
        index = tuple(_int(i) for i in target.index)
        ink = ink_of(target.name.text)
        if not frame.prefix:
            return _member(target.name.text, (), target.index), indexed(ink, index) if index else ink
        whole = (*frame.suffix, *index)
        return _keyed(self._full(target.name, frame), whole), indexed(ink, whole) if whole else ink

    def _assignment(self, statement: Assignment, frame: _Frame) -> list[Statement]:
        for target in statement.targets:
            if not all(isinstance(i, Number) and i.value == i.value.to_integral_value() for i in target.index):
                self.reporter.error("the member of a family is chosen by whole numbers", target.span)
                return self._broken([(target.name.text, ink_of(target.name.text))])
        named = [self._named_target(target, frame) for target in statement.targets]
        value = statement.value
        module = self._callee(value, frame) if isinstance(value, Call) else None
        if isinstance(value, Call) and module is not None:
            return self._reported(named, self._called, statement, value, module, named, frame)
        if len(statement.targets) > 1:
            self.reporter.error(
                "only a module gives several values at once",
                statement.span,
                hint="write one equation for each name",
            )
            return self._broken(named)
        value, before = self._lifted(value, named[0][0], frame)
        (key, ink), place = named[0], statement.targets[0]
        plain = not frame.prefix and not place.index
        name = Name(key, place.name.span if plain else place.span)
        return [*before, Equation(name, value, statement.span, None if plain else ink, frame.call)]

    def _broken(self, named: list[tuple[str, Ink]]) -> list[Statement]:
        """What was wrong is defined no better, so that using it is no second mistake."""
        self.broken += [Name(key, Span(0, 0)) for key, _ in named]
        return []

    def _reported(
        self, named: list[tuple[str, Ink]], make: Callable[..., list[Statement]], *arguments: object
    ) -> list[Statement]:
        before = len(self.reporter.errors)
        made = make(*arguments)
        return self._broken(named) if len(self.reporter.errors) > before else made

    # --- modules

    def _callee(self, call: Call, frame: _Frame) -> _Instance | Module | None:
        name = canonical(call.operation.name)
        return frame.instances.get(name) or self.modules.get(name)

    def _lifted(self, expr: Expr, name: str, frame: _Frame) -> tuple[Expr, list[Statement]]:
        """Calls of modules within a formula become equations of their own."""
        before: list[Statement] = []

        def visit(node: Expr) -> Expr:
            node = with_children(node, tuple(map(visit, children(node))))
            callee = self._callee(node, frame) if isinstance(node, Call) else None
            if not isinstance(node, Call) or callee is None:
                return node
            module = callee if isinstance(callee, Module) else callee.module
            stem = f"{name}.{module.name.text}"
            self.calls[stem] = self.calls.get(stem, 0) + 1
            key = stem if self.calls[stem] == 1 else f"{stem}{self.calls[stem]}"
            place = Place(Name(key, node.span or Span(0, 0)), (), node.span or Span(0, 0))
            statement = Assignment((place,), node, node.span or Span(0, 0))
            named = [(key, Ink(module.name.text))]
            before.extend(self._reported(named, self._called, statement, node, callee, named, frame))
            return Symbol(key, span=node.span)

        return visit(expr), before

    def _called(
        self,
        statement: Assignment,
        call: Call,
        callee: _Instance | Module,
        named: list[tuple[str, Ink]],
        frame: _Frame,
    ) -> list[Statement]:
        positional = [a for a in call.arguments if not _is_option(a)]
        options = self._options(call)
        module = callee if isinstance(callee, Module) else callee.module
        if isinstance(callee, Module) and not positional and callee.inputs:
            return self._new_instance(statement, callee, options, named, frame)
        if canonical(module.name.text) in frame.stack or len(frame.stack) > DEEPEST_CALL:
            path = " → ".join(f"`{n}`" for n in (*frame.stack, module.name.text))
            self.reporter.error(f"the module `{module.name.text}` calls itself: {path}", call.span)
            return []
        suffix = tuple(_int(i) for i in statement.targets[0].index)
        if isinstance(callee, Module):
            return self._at_once(statement, callee, positional, options, named, call, frame)
        return self._inlined(callee, positional, options, named, self._numbered(callee, suffix, frame), call, frame)

    def _at_once(
        self,
        statement: Assignment,
        module: Module,
        positional: list[Expr],
        options: dict[str, Expr],
        named: list[tuple[str, Ink]],
        call: Call,
        frame: _Frame,
    ) -> list[Statement]:
        """A module called without a name of its own for its parameters: the target's name serves."""
        target = statement.targets[0]
        prefix = named[0][0].partition("[")[0]
        if (target.index or frame.suffix) and _quantity_names(module):
            self.reporter.error(
                f"`{module.name.text}` has parameters: is it one set for all calls, or one for each?",
                call.span,
                hint=f"for one set: {target.name.text}_cell = {module.name.text}(…options…), then {target.name.text}_cell(…)",
            )
            return []
        instance = _Instance(module, prefix, options, call.span or statement.span)
        suffix = (*frame.suffix, *(_int(i) for i in target.index))
        return self._inlined(instance, positional, {}, named, suffix, call, frame)

    def _numbered(self, instance: _Instance, suffix: tuple[int, ...], frame: _Frame) -> tuple[int, ...]:
        """The index of what a call makes: that of its target, else the number of the call."""
        if suffix:
            return (*frame.suffix, *suffix)
        self.calls[instance.prefix] = self.calls.get(instance.prefix, 0) + 1
        return (*frame.suffix, self.calls[instance.prefix])

    def _options(self, call: Call) -> dict[str, Expr]:
        found: dict[str, Expr] = {}
        for option in call.arguments:
            if isinstance(option, Call) and option.operation is NAMED:
                key, value = option.arguments
                assert isinstance(key, Symbol)
                if canonical(key.key) in found:
                    self.reporter.error(f"`{key.key}` is said twice", key.span)
                found[canonical(key.key)] = replace(value, span=value.span or option.span)
        return found

    def _new_instance(
        self,
        statement: Assignment,
        module: Module,
        options: Mapping[str, Expr],
        named: list[tuple[str, Ink]],
        frame: _Frame,
    ) -> list[Statement]:
        (target, *others) = statement.targets
        if others or target.index:
            self.reporter.error(
                f"`{module.name.text}` without inputs makes one set of parameters, which has one name", statement.span
            )
            return []
        frame.instances[canonical(target.name.text)] = _Instance(module, named[0][0], options, statement.span)
        return []

    def _inlined(
        self,
        instance: _Instance,
        positional: list[Expr],
        named_inputs: Mapping[str, Expr],
        targets: list[tuple[str, Ink]],
        suffix: tuple[int, ...],
        call: Call,
        frame: _Frame,
    ) -> list[Statement]:
        """The body of a module with its names replaced."""
        module, prefix = instance.module, instance.prefix
        outputs = self._outputs(module, targets, call)
        inputs, before = self._inputs(instance, positional, named_inputs, suffix, call, frame)
        options = self._option_values(instance, call)
        if outputs is None or inputs is None or options is None:
            return []
        env: dict[str, Expr] = {**inputs, **options}
        inner = _Frame(
            prefix,
            suffix,
            env,
            {},
            constants=frame.constants,
            call=frame.call or call.span,
            stack=(*frame.stack, canonical(module.name.text)),
            outputs=outputs,
            chosen=instance.options,
        )
        for name in _local_names(module):
            if canonical(name.text) in env:
                self.reporter.error(
                    f"`{name.text}` is both an input of the module `{module.name.text}` and defined in it", name.span
                )
                return []
        env |= self._locals(module, instance, inner)
        made = self.block(module.body, inner)
        defined = {s.name.text for s in made if isinstance(s, Equation)}
        missing = [local for local, (key, _) in outputs.items() if key not in defined]
        for local in missing:
            value = env.get(canonical(local))
            if value is None:
                self.reporter.error(
                    f"the module `{module.name.text}` does not define its output `{local}`", module.span
                )
                return []
            key, ink = outputs[local]
            made.append(Equation(Name(key, call.span or module.span), value, module.span, ink, inner.call))
        return [*before, *made]

    def _locals(self, module: Module, instance: _Instance, frame: _Frame) -> dict[str, Expr]:
        """What the module's own names are called outside."""
        found: dict[str, Expr] = {}
        for name in _local_names(module):
            if name.text in frame.outputs:
                found[canonical(name.text)] = Symbol(frame.outputs[name.text][0])
            elif canonical(name.text) in _quantity_names(module):
                given = instance.options.get(canonical(name.text))
                own = Symbol(f"{instance.prefix}.{name.text}")
                found[canonical(name.text)] = given if isinstance(given, Symbol) else own
            else:
                key = self._full(name, frame)
                is_family = any(p.index for p in _places(module.body) if p.name.text == name.text)
                found[canonical(name.text)] = Symbol(key if is_family else _keyed(key, frame.suffix))
        return found

    def _outputs(self, module: Module, targets: list[tuple[str, Ink]], call: Call) -> dict[str, tuple[str, Ink]] | None:
        names = [n.text for n in module.outputs] or [_member(p.name.text, (), p.index) for p in _places(module.body)][
            -1:
        ]
        if len(names) != len(targets):
            self.reporter.error(
                f"the module `{module.name.text}` gives {_many(len(names), 'value')}, here are {_many(len(targets), 'name')}",
                call.span,
                hint=f"it gives {', '.join(names)}" if names else "",
            )
            return None
        return dict(zip(names, targets, strict=True))

    def _inputs(
        self,
        instance: _Instance,
        positional: list[Expr],
        named: Mapping[str, Expr],
        suffix: tuple[int, ...],
        call: Call,
        frame: _Frame,
    ) -> tuple[dict[str, Expr] | None, list[Statement]]:
        module = instance.module
        wanted = [p.name for p in module.inputs]
        given = {**named, **{k: v for k, v in instance.options.items() if k in {canonical(n.text) for n in wanted}}}
        defaults = {canonical(p.name.text): p.default for p in module.inputs if p.default is not None}
        if len(positional) > len(wanted):
            self.reporter.error(
                f"the module `{module.name.text}` takes {_many(len(wanted), 'input')}, not {len(positional)}",
                call.span,
                hint=f"it takes {', '.join(n.text for n in wanted)}; options are written name = value",
            )
            return None, []
        unknown = next((k for k in named if k not in {canonical(n.text) for n in wanted}), None)
        if unknown is not None:
            self.reporter.error(
                f"`{unknown}` is said where `{instance.prefix}` is made, not where it is called", named[unknown].span
            )
            return None, []
        found: dict[str, Expr] = {}
        before: list[Statement] = []
        for i, name in enumerate(wanted):
            key = canonical(name.text)
            value = positional[i] if i < len(positional) else given.get(key) or defaults.get(key)
            if value is None:
                self.reporter.error(
                    f"the module `{module.name.text}` takes {_many(len(wanted), 'input')}, not {len(positional)}",
                    call.span,
                    f"`{name.text}` is missing",
                )
                return None, []
            if isinstance(value, Symbol | Number | Element):
                found[key] = value
                continue
            own = _keyed(f"{instance.prefix}.{name.text}", suffix)
            ink = ink_of(name.text)
            before += self._lift_argument(own, indexed(ink, suffix) if suffix else ink, value, frame)
            found[key] = Symbol(own, span=value.span)
        return found, before

    def _lift_argument(self, key: str, ink: Ink, value: Expr, frame: _Frame) -> list[Statement]:
        span = value.span or Span(0, 0)
        lifted, before = self._lifted(value, key, frame)
        return [*before, Equation(Name(key, span), lifted, span, ink, frame.call)]

    def _option_values(self, instance: _Instance, call: Call) -> dict[str, Expr] | None:
        module = instance.module
        found: dict[str, Expr] = {}
        known = {canonical(p.name.text): p for p in module.options}
        own = _quantity_names(module)
        inputs = {canonical(p.name.text) for p in module.inputs}
        for key, value in instance.options.items():
            if key not in known and key not in own and key not in inputs:
                names = [p.name.text for p in module.options] + [n.text for n in own.values()]
                self.reporter.error(
                    f"the module `{module.name.text}` has no option `{key}`",
                    value.span,
                    hint=did_you_mean(key, names) or (f"it has {', '.join(names)}" if names else "it has none"),
                )
                return None
        for key, parameter in known.items():
            value = instance.options.get(key) or parameter.default  # type: ignore[assignment]
            if value is None:
                self.reporter.error(
                    f"the module `{module.name.text}` needs `{parameter.name.text}`",
                    instance.span,
                    also=[Label(parameter.name.span, "declared here")],
                    hint=f"write {module.name.text}(…, {parameter.name.text} = …)",
                )
                return None
            found[key] = value
        return found

    def _own_quantities(self, statement: Declaration, frame: _Frame) -> Iterator[LateParam]:
        """The parameters and constants of a module, once for each set."""
        if statement.kind not in ("param", "const"):
            self.reporter.error(
                f"a module has no `{statement.kind}`", statement.span, hint="make it an input: module m(x)"
            )
            return
        for declared in statement.declared:
            name = declared.names.first
            key = f"{frame.prefix}.{name.text}"
            own = frame.env.get(canonical(name.text))
            if key in self.parameters or not isinstance(own, Symbol) or own.key != key:
                continue
            self.parameters.add(key)
            value = frame.chosen.get(canonical(name.text), declared.value)
            place = Name(key, name.span)
            call = frame.call or statement.span
            yield LateParam(statement.kind, place, declared.shape, value, declared.span, ink_of(name.text), call)


# --- names


def _keyed(key: str, index: tuple[int, ...]) -> str:
    return f"{key}[{','.join(map(str, index))}]" if index else key


def _member(key: str, suffix: tuple[int, ...], index: tuple[Expr, ...]) -> str:
    """The key of a family's member: h[2]."""
    return _keyed(key, (*suffix, *(_int(i) for i in index)))


def _int(expr: Expr) -> int:
    return int(expr.value) if isinstance(expr, Number) else 0


def _renamed(symbol: Symbol, env: Mapping[str, Expr]) -> Expr:
    """What a name stands for; `cell.W` where `cell` stands for another name."""
    found = env.get(canonical(symbol.key))
    if found is not None:
        return replace(found, span=symbol.span)
    base, dot, rest = symbol.key.partition(".")
    outer = env.get(canonical(base)) if dot else None
    return Symbol(f"{outer.key}.{rest}", span=symbol.span) if isinstance(outer, Symbol) else symbol


def _substitute(expr: Expr, env: Mapping[str, Expr]) -> Expr:
    if isinstance(expr, Symbol):
        return _renamed(expr, env)
    return with_children(expr, tuple(_substitute(child, env) for child in children(expr)))


def _integer(expr: Expr, constants: Mapping[str, int]) -> int | None:
    """The whole number that an expression of numerals and constants is."""
    match expr:
        case Number():
            return (
                int(expr.value) if expr.value == expr.value.to_integral_value() and abs(expr.value) < 10**15 else None
            )
        case Symbol():
            return constants.get(canonical(expr.key))
        case Sum() | Product():
            parts = [_integer(part, constants) for part in children(expr)]
            if None in parts:
                return None
            total = 0 if isinstance(expr, Sum) else 1
            for part in parts:
                total = total + (part or 0) if isinstance(expr, Sum) else total * (part or 0)
            return total
        case Quotient():
            above, below = (_integer(part, constants) for part in children(expr))
            return above // below if above is not None and below and above % below == 0 else None
        case _:
            return None


def _folded(index: Expr, constants: Mapping[str, int]) -> Expr:
    """An index as a number, if it is one."""
    if isinstance(index, Number | Array):
        return index
    found = _integer(index, constants)
    return index if found is None else Number(Decimal(found), span=index.span)


def _declared(declared: Declared, formula: Callable[[Expr], Expr]) -> Declared:
    value = None if declared.value is None else formula(declared.value)
    return replace(declared, shape=tuple(map(formula, declared.shape)), value=value)


def _is_option(expr: Expr) -> bool:
    return isinstance(expr, Call) and expr.operation is NAMED


def _loops(statements: Iterable[Statement]) -> Iterator[For]:
    for statement in statements:
        if isinstance(statement, For):
            yield statement
            yield from _loops(statement.body)


def _places(statements: Iterable[Statement]) -> Iterator[Place]:
    """What stands left of =, in loops too."""
    for statement in statements:
        match statement:
            case For():
                yield from _places(statement.body)
            case Equation():
                yield Place(statement.name, (), statement.name.span)
            case Assignment():
                yield from statement.targets
            case _:
                pass


def _spelled(names: Names) -> Iterator[Name]:
    yield names.first
    if names.last is not None:
        yield names.last


def _named(statements: Iterable[Statement]) -> Iterator[tuple[str, Span]]:
    """Every name that the statements define, and where."""
    for place in _places(statements):
        yield canonical(place.name.text), place.name.span
    for statement in statements:
        if isinstance(statement, Declaration):
            for declared in statement.declared:
                for name in _spelled(declared.names):
                    yield canonical(name.text), name.span


def _quantity_names(module: Module) -> dict[str, Name]:
    return {
        canonical(d.names.first.text): d.names.first
        for statement in module.body
        if isinstance(statement, Declaration)
        for d in statement.declared
    }


def _local_names(module: Module) -> list[Name]:
    """The names that a module defines: its quantities and what stands left of =."""
    names = [*_quantity_names(module).values(), *(p.name for p in _places(module.body))]
    return list({canonical(n.text): n for n in names}.values())


def _few(names: list[str]) -> str:
    shown = names if len(names) <= 3 else [names[0], names[1], "…", names[-1]]
    return ", ".join(n if n == "…" else f"`{n}`" for n in shown)


def _many(count: int, word: str) -> str:
    return f"{count} {word if count == 1 else f'{word}s'}"


def _with_instances(statements: list[Statement]) -> Iterator[Statement]:
    """What belongs to a set of parameters bears its name where its letter stands for something else too."""
    owners: dict[tuple[str, str], set[str]] = {}
    for statement in statements:
        for ink, key in _looks(statement):
            owners.setdefault((ink.base, ink.accent), set()).add(_owner(key))
    for statement in statements:
        match statement:
            case Equation(ink=Ink() as ink) | LateParam(ink=ink):
                owner = _owner(statement.name.text)
                shared = len(owners[ink.base, ink.accent]) > 1
                yield replace(statement, ink=replace(ink, sup=f"({owner})")) if owner and shared else statement
            case _:
                yield statement


def _owner(key: str) -> str:
    """`cell` of `cell.W`; nothing of a name of the author's."""
    return key.rpartition(".")[0]


def _looks(statement: Statement) -> Iterator[tuple[Ink, str]]:
    """The looks of the names that a statement defines."""
    match statement:
        case Equation():
            yield statement.ink or ink_of(statement.name.text), statement.name.text
        case LateParam():
            yield statement.ink, statement.name.text
        case Declaration():
            for declared in statement.declared:
                yield from ((ink_of(name.text), name.text) for name in _spelled(declared.names))
        case _:
            pass
