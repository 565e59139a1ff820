"""The formulas of the rules, written once for any array library: ``xp`` is numpy, torch or jax.numpy.

All arithmetic is in float32. A rule is asked about one tensor at a time.
"""

from __future__ import annotations

import math
from typing import Any, Dict, List, NamedTuple, Sequence, Tuple, Union

import numpy as np

from . import files

Array = Any  # of numpy, torch or jax
Arrays = Dict[str, Array]
Shape = Tuple[int, ...]


class Moment(NamedTuple):
    """What is the same for all weights of a tensor at one step."""

    step: Array  # the number of the step, a float32 scalar of the array library; the first is 0
    horizon: int  # how many steps the whole run has; 0 if nobody knows
    depth: int  # how many tensors of two dimensions or more there are in all
    outputs: int = 0  # how many columns the last of these has


class Rule:
    """A rule with its meta-parameters ``phi``, as a file holds them. ``load`` returns one of the two classes below.

    ``reads_theta`` and ``reads_horizon`` tell whether the step depends on the weights and on the length of the run, and
    ``needs_horizon`` whether it must be told. A
    ``coordinatewise`` rule treats each weight by itself: what it remembers has a row for each.
    """

    name: str = ""
    coordinatewise = False
    reads_theta = False
    reads_horizon = False
    needs_horizon = False

    def __init__(self, saved: files.Saved) -> None:
        self.phi = saved.phi
        self.checksum = saved.checksum
        self.provenance = saved.provenance
        self.config = self._configured(saved.config)
        want = self._layout()
        have = [(name, value.shape) for name, value in saved.phi.items()]
        for (name, shape), found in zip(want + [("nothing", ())], have + [("nothing", ())]):
            if (name, shape) != found:
                raise files.FileError(f"another layout than {self.name} has: {found[0]:.60} {list(found[1])}, want {name} {list(shape)}")

    defaults: Dict[str, Any] = {}

    def _configured(self, config: Dict[str, Any]) -> Dict[str, Any]:
        for key in config:
            if key not in self.defaults:
                known = ", ".join(self.defaults)
                raise files.FileError(f"configuration of {self.name}: no field {key!r:.60}; there are {known}")
            if not isinstance(config[key], _kinds(self.defaults[key])):
                raise files.FileError(f"configuration of {self.name}: {key} is {config[key]!r:.60}")
        return {key: config.get(key) or value for key, value in self.defaults.items()}

    def _layout(self) -> List[Tuple[str, Shape]]:
        raise NotImplementedError

    def view(self, shape: Sequence[int]) -> Shape:
        """Returns the shape in which the rule sees a tensor of some shape."""
        raise NotImplementedError

    def state(self, shape: Sequence[int]) -> Dict[str, Shape]:
        """Returns the shapes of what the rule remembers of a tensor, by name. It is zero before the first step."""
        raise NotImplementedError

    def step(self, xp: Any, phi: Arrays, grad: Array, theta: Array, state: Arrays, at: Moment) -> Tuple[Array, Arrays]:
        """Returns the step, to be added to the weights, and the next state.

        ``grad``, ``theta`` and the step have the shape that ``view`` returned; ``theta`` may be None where the rule does not read
        it. ``phi`` is the rule's own, as arrays of ``xp``.
        """
        raise NotImplementedError


def _kinds(default: Any) -> Tuple[type, ...]:
    return (int, float) if isinstance(default, float) else (type(default),)


class LSTM(Rule):
    """The optimizer of Andrychowicz et al., Learning to learn by gradient descent by gradient descent, 2016 (section 2.1 and
    appendix A): a stack of LSTM cells that each weight has a copy of, which sees the logarithm and the sign of its gradient.

    Its state takes 2·layers·hidden numbers a weight: 80 at the default size.
    """

    name = "lstm"
    coordinatewise = True
    defaults = {"hidden": 20, "layers": 2, "scale": 0.1, "preprocess": 10.0}

    def _layout(self) -> List[Tuple[str, Shape]]:
        h, seen = self.config["hidden"], 1 if self.config["preprocess"] < 0 else 2
        layout: List[Tuple[str, Shape]] = []
        for l in range(self.config["layers"]):
            layout += [
                (f"lstm.weight_ih_l{l}", (4 * h, seen if l == 0 else h)),
                (f"lstm.weight_hh_l{l}", (4 * h, h)),
                (f"lstm.bias_l{l}", (4 * h,)),
            ]
        return layout + [("linear.weight", (1, h)), ("linear.bias", (1,))]

    def view(self, shape: Sequence[int]) -> Shape:
        return (math.prod(shape),)

    def state(self, shape: Sequence[int]) -> Dict[str, Shape]:
        size = (math.prod(shape), self.config["hidden"])
        return {f"{part}{l}": size for l in range(self.config["layers"]) for part in "hc"}

    def step(self, xp: Any, phi: Arrays, grad: Array, theta: Array, state: Arrays, at: Moment) -> Tuple[Array, Arrays]:
        x, after, h = self._features(xp, grad), {}, self.config["hidden"]
        for l in range(self.config["layers"]):
            w, u, bias = (phi[f"lstm.{part}_l{l}"] for part in ("weight_ih", "weight_hh", "bias"))
            z = x @ w.T + state[f"h{l}"] @ u.T + bias
            i, f, cell, o = (z[:, k * h : (k + 1) * h] for k in range(4))
            c = _sigmoid(xp, f) * state[f"c{l}"] + _sigmoid(xp, i) * xp.tanh(cell)
            x = _sigmoid(xp, o) * xp.tanh(c)
            after[f"h{l}"], after[f"c{l}"] = x, c
        return self.config["scale"] * (x @ phi["linear.weight"][0] + phi["linear.bias"]), after

    def _features(self, xp: Any, g: Array) -> Array:
        p = self.config["preprocess"]
        if p < 0:
            return g[:, None]
        size = xp.abs(g)
        large = size >= math.exp(-p)
        log = xp.log(xp.clip(size, math.exp(-p), None)) / p
        return xp.stack([xp.where(large, log, xp.full_like(g, -1)), xp.where(large, xp.sign(g), math.exp(p) * g)], 1)


def _sigmoid(xp: Any, z: Array) -> Array:
    return 0.5 * xp.tanh(0.5 * z) + 0.5


# The decays of General's averages.
MOMENTS = (0.9, 0.99, 0.999)
SQUARES = 0.95


class General(Rule):
    """A rule for networks that it was not learned on: a small perceptron, which sees 30 features of a weight and its tensor, gives
    the direction, and a controller of 15 numbers gives each tensor its rate; where its decay is learned, another gives that.

    It sees a tensor of more than two dimensions as the matrix of its last. Its state takes 4 numbers a weight, and the temporary
    arrays of a step about 50 a weight of the largest tensor.
    """

    name = "general"
    reads_theta = True
    defaults = {
        "hidden": 8,
        "lr": 1.0,
        "weight_decay": 0.0,
        "horizon": "known",
        "learned_decay": False,
        "outputs": False,
        "most_outputs": 0,
        "longest": 0,
        "shortest": 0,
        "widest": 0,
        "start": "even",  # of learning, which is over
    }
    told_knots = (0, 0.03, 0.1, 0.3, 0.6, 0.9, 1)
    untold_knots = (0, 1, 1.5, 2, 2.5, 3, 4)

    @property
    def reads_horizon(self) -> bool:  # type: ignore[override]
        return self.config["horizon"] != "free"

    @property
    def needs_horizon(self) -> bool:  # type: ignore[override]
        return self.config["horizon"] == "known"

    def _layout(self) -> List[Tuple[str, Shape]]:
        if self.config["horizon"] not in ("known", "free", "either"):
            raise files.FileError(f"configuration of general: horizon is {self.config['horizon']!r:.60}, want 'known', 'free' or 'either'")
        h = self.config["hidden"]
        layers = [("w0", (30, h)), ("b0", (h,)), ("w1", (h, h)), ("b1", (h,)), ("w2", (h, 1)), ("b2", (1,))]
        controller = [("schedule", (7,)), ("controls", (8 if self.reads_horizon else 7,))]
        if self.config["horizon"] == "either":
            controller.insert(1, ("untold", (7,)))
        if self.config["outputs"]:
            controller.append(("outputs", (1,)))
        decay = [("decay_" + name, shape) for name, shape in controller] if self.config["learned_decay"] else []
        return layers + controller + decay

    def _told(self, at: Moment) -> bool:
        """Tells whether the rule goes by how long the run is."""
        return self.needs_horizon or self.reads_horizon and at.horizon > 0

    def view(self, shape: Sequence[int]) -> Shape:
        if len(shape) < 2:
            return (math.prod(shape),)
        return (math.prod(shape[:-1]), shape[-1])

    def state(self, shape: Sequence[int]) -> Dict[str, Shape]:
        view = self.view(shape)
        shapes = {name: view for name in ("m0", "m1", "m2", "v0")}
        for k in range(3):
            if len(view) < 2:
                shapes[f"diag{k}"] = view
            else:
                shapes[f"row{k}"], shapes[f"col{k}"] = view[:1], view[1:]
        return shapes

    def step(self, xp: Any, phi: Arrays, grad: Array, theta: Array, state: Arrays, at: Moment) -> Tuple[Array, Arrays]:
        features, after = self._features(xp, xp.clip(grad, -1000, 1000), theta, state)
        n = len(features)
        rows = xp.stack(features).reshape(n, -1)
        squares = (rows * rows).mean(1)
        w0 = phi["w0"][:n] * _inverse_root(xp, squares, 1e-9)[:, None]
        h = xp.clip(w0.T @ rows + phi["b0"][:, None], 0, None)
        h = xp.clip(phi["w1"].T @ h + phi["b1"][:, None], 0, None)
        d = phi["w2"][:, 0] @ h + phi["b2"]
        d = (d * _inverse_root(xp, (d * d).mean(), 1e-9)).reshape(tuple(grad.shape))
        seen, decay = self._seen(xp, tuple(grad.shape), squares, at), self.config["weight_decay"]
        if self.config["learned_decay"]:
            decay = decay + self._factor(xp, phi, "decay_", seen, at)
        d = d + decay * theta
        return -1e-3 * self._multiplier(at) * self._first(xp, tuple(grad.shape), at) * self._factor(xp, phi, "", seen, at) * d, after

    def _multiplier(self, at: Moment) -> float:
        """Returns what the controller's rates are multiplied with in a net and a run of a length."""
        rate, most = self.config["lr"], self.config["most_outputs"]
        if 0 < most < at.outputs:
            rate *= max(0.5, math.sqrt(most / at.outputs))
        if at.horizon == 0 or not self.reads_horizon:
            return rate
        if 0 < self.config["longest"] < at.horizon:
            rate *= math.sqrt(self.config["longest"] / at.horizon)
        if at.horizon < self.config["shortest"]:
            rate *= math.sqrt(at.horizon / self.config["shortest"])
        return rate

    def _first(self, xp: Any, shape: Shape, at: Moment) -> Array:
        """Returns what the rates of a wide tensor are multiplied with in the first steps, and 1 for others."""
        columns, widest = (shape or (1,))[-1], self.config["widest"]
        if 0 < widest < columns != at.outputs:
            return xp.exp(math.log(widest / columns) * xp.exp(-at.step / 10))
        return 1.0

    def _factor(self, xp: Any, phi: Arrays, of: str, seen: List[Array], at: Moment) -> Array:
        """Returns what a controller gives, the rate's or the decay's."""
        v = self._schedule(xp, phi[of + ("schedule" if self._told(at) or not self.reads_horizon else "untold")], at)
        for control, x in zip(phi[of + "controls"][-len(seen) :], seen):
            v = v + control * x
        if self.config["outputs"]:
            most = max(self.config["most_outputs"] or at.outputs, 10)
            outputs = min(max(at.outputs, 10), most)
            v = v + phi[of + "outputs"][0] * (math.log(outputs / 10) / 2)
        return xp.exp(xp.clip(5 * v, -8, 8))

    def _features(self, xp: Any, g: Array, theta: Array, state: Arrays) -> Tuple[List[Array], Arrays]:
        after = {f"m{k}": _average(beta, state[f"m{k}"], g) for k, beta in enumerate(MOMENTS)}
        after["v0"] = v = _average(SQUARES, state["v0"], g * g)
        m, root = [after[f"m{k}"] for k in range(3)], _inverse_root(xp, v, 1e-8)
        others: List[Array] = []
        if len(g.shape) < 2:
            scales = self._vector(xp, g, state, after)
        else:
            scales, others = self._matrix(xp, g, m, state, after)
        first = [g, xp.clip(g, -0.1, 0.1), theta, *m, v, *(x * root for x in m), root, *(g * s for s in scales), g * root]
        return first + others, after

    def _vector(self, xp: Any, g: Array, state: Arrays, after: Arrays) -> List[Array]:
        for k, beta in enumerate(MOMENTS):
            after[f"diag{k}"] = _average(beta, state[f"diag{k}"], g * g + 1e-30)
        return [_inverse_root(xp, after[f"diag{k}"], 1e-9) for k in range(3)]

    def _matrix(self, xp: Any, g: Array, m: List[Array], state: Arrays, after: Arrays) -> Tuple[List[Array], List[Array]]:
        """Returns 1/√F for each decay, F the factored second moments (Shazeer and Stern 2018, section 3), and the features of
        rows and columns."""
        square, rows, cols, scales = g * g + 1e-30, [], [], []
        for k, beta in enumerate(MOMENTS):
            after[f"row{k}"] = row = _average(beta, state[f"row{k}"], square.mean(1))
            after[f"col{k}"] = col = _average(beta, state[f"col{k}"], square.mean(0))
            down = _inverse_root(xp, xp.clip(row / (row.mean() + 1e-9), 1e-9, None), 0)
            across = _inverse_root(xp, xp.clip(col, 1e-9, None), 0)
            rows.append(row[:, None])
            cols.append(col[None, :])
            scales.append(down[:, None] * across[None, :])
        over = [*rows, *cols, *(_inverse_root(xp, x, 1e-8) for x in rows + cols)]
        return scales, [xp.broadcast_to(x, tuple(g.shape)) for x in over] + [x * s for x, s in zip(m, scales)]

    def _schedule(self, xp: Any, s: Array, at: Moment) -> Array:
        """Is linear between the knots, and flat beyond the last."""
        if self._told(at):
            now, knots = at.step / max(at.horizon, 1), self.told_knots
        else:
            now, knots = xp.log(at.step + 1) / math.log(10), self.untold_knots
        v = s[0]
        for k in range(len(knots) - 1):
            v = v + (s[k + 1] - s[k]) * xp.clip((now - knots[k]) / (knots[k + 1] - knots[k]), 0, 1)
        return v

    def _seen(self, xp: Any, shape: Shape, squares: Array, at: Moment) -> List[Array]:
        """Returns what the controls are multiplied with, in their order."""
        size = (xp.log(xp.sqrt(squares[2]) + 0.01) + 2.3) / 2
        rows, vector = (0.0, 1.0) if len(shape) < 2 else (math.log(shape[0] / 64) / 2, 0.0)
        length = [math.log10(max(at.horizon, 1) / 300)] if self._told(at) else []
        depth = math.log(max(at.depth, 1) / 3)
        signals = [_signal(xp, squares, k, at) for k in range(2)]
        return [*length, size, rows, vector, xp.exp(-at.step / 10), depth, (signals[0] + 1) / 2, (signals[1] + 1.5) / 2]


def _average(beta: float, before: Array, x: Array) -> Array:
    return beta * before + (1 - beta) * x


def _inverse_root(xp: Any, x: Array, eps: float) -> Array:
    return 1 / xp.sqrt(x + eps)


def _signal(xp: Any, squares: Array, k: int, at: Moment) -> Array:
    """Half the logarithm of Σm̂²/Σg², from −4 to 1, with m the k-th average: how much of the gradient is signal."""
    unbias = xp.expm1(math.log(MOMENTS[k]) * (at.step + 1))
    above = squares[3 + k] / (unbias * unbias) + 1e-22
    return xp.clip(xp.log(above / (squares[0] + 1e-20)) / 2, -4, 1)


RULES = {rule.name: rule for rule in (LSTM, General)}


def load(path: files.Path) -> Rule:
    """Reads a rule from a file that ``metatrain`` or ``Trained.Save`` wrote. What is wrong with a file is a ``FileError``."""
    saved = files.read(path)
    try:
        if saved.name not in RULES:
            raise files.FileError(f"holds the rule {saved.name!r:.60}; this package knows {' and '.join(RULES)}")
        return RULES[saved.name](saved)
    except files.FileError as e:
        raise files.FileError(f"unroll: {path}: {e}") from None


def loaded(rule: Union[Rule, files.Path]) -> Rule:
    """Returns a rule as it is, and loads it where it is the name of a file."""
    return rule if isinstance(rule, Rule) else load(rule)


def check_horizon(rule: Rule, horizon: Union[int, None]) -> int:
    """Returns the horizon, or 0 for a rule that does not read it; an error where a rule that needs it is not told."""
    if not rule.reads_horizon or horizon is None and not rule.needs_horizon:
        return 0
    if horizon is None or horizon < 1 or horizon != int(horizon):
        raise ValueError(f"unroll: {rule.name} knows how long a run is; want horizon=N, the number of steps, at least 1, got {horizon}")
    return int(horizon)
