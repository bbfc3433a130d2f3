"""Graph -> what waits for what where weights are updated layer by layer from the output; computes no number."""

from __future__ import annotations

from graphdsl.graph import Graph, Op


def loss_tensor(graph: Graph) -> str:
    """The key of the tensor that holds the loss."""
    loss = graph.model.loss
    assert loss is not None, "there is a loss"
    return graph.computed[loss.key][0].symbol.key


class Uses:
    """What is made of parameters alone, and which operations on data still wait to be passed before one is renewed."""

    def __init__(self, graph: Graph):
        still = {q.symbol.key for q in graph.model.quantities if q.kind in ("param", "const")}
        self.weights: dict[str, Op] = {}
        end = loss_tensor(graph)
        for op in graph.ops:
            if op.id != end and op.inputs and all(i in still or i in self.weights for i in op.inputs):
                self.weights[op.id] = op
        self.symbols = {q.symbol.key: q.symbol for q in graph.model.quantities if q.trained}
        self.made_of = {key: self._made_of(key) for key in self.symbols}
        self.pending = {
            key: {op.id for op in graph.ops if op.id not in self.weights and not below.isdisjoint(op.inputs)}
            for key, below in self.made_of.items()
        }

    def _made_of(self, key: str) -> set[str]:
        """A parameter, and what is made of it and other parameters alone."""
        found = {key}
        for op in self.weights.values():
            if not found.isdisjoint(op.inputs):
                found.add(op.id)
        return found

    def is_weight(self, key: str) -> bool:
        """Whether something is a trained parameter, or made of parameters alone."""
        return key in self.weights or key in self.symbols

    def passed(self, op: str) -> list[str]:
        """The parameters that nothing waits for any more, once this operation has been passed."""
        found: list[str] = []
        for key, pending in self.pending.items():
            if op in pending:
                pending.discard(op)
                if not pending:
                    found.append(key)
        return found
