#!/usr/bin/env python3
"""Computes witness.json: what PyTorch's autograd says of the learned optimizer's steps and meta-gradients.

It was made with Debian 12's python3-torch 1.13.1+dfsg-4, which calls itself 1.13.0a0, on one thread, in float64:

    apt-get install -y python3-torch
    OPENBLAS_NUM_THREADS=1 OMP_NUM_THREADS=1 /usr/bin/python3 witness.py > witness.json

Another version or processor may round differently in the last digits. The file holds every input next to what follows
from it, and all tensors are flat, row by row, except the matrices w, grads and steps. Inputs are multiples of a power
of two where that is possible, so that they are the same numbers in float32; grads and adam's phi are not.

    lstm   the steps of two layers of torch.nn.LSTMCell for a given sequence of gradients, and the state after the last
    meta   that LSTM, from a zero state, on f(theta) = |w theta - y|^2: the losses f before each of the steps and after
           the last, the final theta, and the gradient of the sum of the losses with respect to phi
    adam   the same on the same problem, where the rule is Adam and phi its hyperparameters

Meta-gradients come in two kinds: first_order takes the inner gradients, the inputs of the rule, to be constants;
exact differentiates through them.
"""
import json
import math

import torch

HIDDEN, LAYERS, SCALE, P = 4, 2, 0.1, 10.0
COORDINATES, WINDOW = 6, 4

# Fifteen orders of magnitude, both signs, zeros, and both sides of e^-P = 4.5e-5.
GRADS = [
    [1e3, -1e-12, 0.0, 2.5, -3e-2, 1e-4],
    [-4e2, 5e-6, -1e-8, 0.75, 6e-3, -2e-5],
    [30.0, -1e-4, 1e-12, 0.0, -1.0, 1e-5],
    [-1e3, 0.2, 7e-10, -2.5, 4e-4, -1e-3],
    [1.5, -8e1, -1e-6, -1e-2, 0.0, 3e-7],
]


def grid(*shape, bound, step):
    """Draws from the uniform distribution on the multiples of step within ±bound."""
    n = round(bound / step)
    return torch.randint(-n, n + 1, shape).double() * step


def preprocess(g):
    """(log|g|/P, sgn g) where |g| >= e^-P and (-1, e^P g) elsewhere; the branch not taken must not see log 0."""
    big = g.abs() >= math.exp(-P)
    size = torch.where(big, g.abs(), torch.ones_like(g))
    left = torch.where(big, size.log() / P, -torch.ones_like(g))
    return torch.stack([left, torch.where(big, g.sign(), math.exp(P) * g)], dim=1)


def off_kink(g):
    """Whether every gradient is a factor of 2 from e^-P, where preprocess has no derivative."""
    return all(x == 0 or abs(math.log(abs(x)) + P) > math.log(2) for x in g.tolist())


class LSTM:
    """PyTorch's own cells; their second bias stays zero and is no part of phi."""

    def __init__(self):
        self.cells = [torch.nn.LSTMCell(HIDDEN if l else 2, HIDDEN) for l in range(LAYERS)]
        self.linear = torch.nn.Linear(HIDDEN, 1)
        self.phi = {}
        for l, cell in enumerate(self.cells):
            self.phi[f"lstm.weight_ih_l{l}"] = cell.weight_ih
            self.phi[f"lstm.weight_hh_l{l}"] = cell.weight_hh
            self.phi[f"lstm.bias_l{l}"] = cell.bias_ih
            torch.nn.init.zeros_(cell.bias_hh)
        self.phi["linear.weight"] = self.linear.weight
        self.phi["linear.bias"] = self.linear.bias
        with torch.no_grad():
            for tensor in self.phi.values():
                tensor.copy_(grid(*tensor.shape, bound=0.5, step=2**-10))

    def start(self):
        zero = torch.zeros(COORDINATES, HIDDEN)
        return [(zero, zero)] * LAYERS

    def step(self, g, state):
        assert off_kink(g)
        x, after = preprocess(g), []
        for cell, hc in zip(self.cells, state):
            after.append(cell(x, hc))
            x = after[-1][0]
        return SCALE * self.linear(x).squeeze(1), after


class Adam:
    """Algorithm 1 of Kingma and Ba 2015, in terms of numbers that may take any real value."""

    LR, BETAS, EPS = 0.05, (0.9, 0.99), 1e-8

    def __init__(self):
        values = {"log_lr": math.log(self.LR), "logit_beta1": math.log(9), "logit_beta2": math.log(99),
                  "log_eps": math.log(self.EPS)}
        self.phi = {name: torch.tensor([v], requires_grad=True) for name, v in values.items()}

    def start(self):
        zero = torch.zeros(COORDINATES)
        return zero, zero, 0

    def step(self, g, state):
        lr, eps = self.phi["log_lr"].exp(), self.phi["log_eps"].exp()
        beta1, beta2 = self.phi["logit_beta1"].sigmoid(), self.phi["logit_beta2"].sigmoid()
        m, v, t = state
        m, v, t = beta1 * m + (1 - beta1) * g, beta2 * v + (1 - beta2) * g * g, t + 1
        return -lr * (m / (1 - beta1**t)) / ((v / (1 - beta2**t)).sqrt() + eps), (m, v, t)


def unroll(rule, loss, theta0, exact):
    """Returns the losses and thetas of a window and the gradient of the sum of the losses with respect to phi."""
    thetas, state = [theta0.clone().requires_grad_()], rule.start()
    losses = [loss(thetas[0])]
    for _ in range(WINDOW):
        g, = torch.autograd.grad(losses[-1], thetas[-1], create_graph=True)
        step, state = rule.step(g if exact else g.detach(), state)
        thetas.append(thetas[-1] + step)
        losses.append(loss(thetas[-1]))
    return losses, thetas, torch.autograd.grad(sum(losses), list(rule.phi.values()))


def flat(tensors):
    return {name: t.detach().flatten().tolist() for name, t in tensors.items()}


def witness(rule, loss, theta0):
    """Returns the thetas of a window, and the entry of the file on it."""
    losses, thetas, first_order = unroll(rule, loss, theta0, exact=False)
    again, _, exact = unroll(rule, loss, theta0, exact=True)
    assert losses == again
    return thetas, {
        "losses": [f.item() for f in losses],
        "theta": thetas[-1].tolist(),
        "first_order": flat(dict(zip(rule.phi, first_order))),
        "exact": flat(dict(zip(rule.phi, exact))),
    }


def check_adam(thetas, loss):
    """Holds the thetas of Adam against those of PyTorch's."""
    theta = thetas[0].detach().clone().requires_grad_()
    peer = torch.optim.Adam([theta], lr=Adam.LR, betas=Adam.BETAS, eps=Adam.EPS)
    for want in thetas[1:]:
        peer.zero_grad()
        loss(theta).backward()
        peer.step()
        assert (theta - want).abs().max() < 1e-12


def render(value, indent=""):
    """Writes JSON with an array of numbers on one line, and every number with all the digits it has."""
    inner = indent + "  "
    if isinstance(value, dict):
        items, ends = [json.dumps(k) + ": " + render(v, inner) for k, v in value.items()], "{}"
    elif isinstance(value, list) and isinstance(value[0], list):
        items, ends = [render(v, inner) for v in value], "[]"
    else:
        return json.dumps(value, allow_nan=False)
    return ends[0] + "\n" + ",\n".join(inner + item for item in items) + "\n" + indent + ends[1]


def main():
    torch.set_num_threads(1)
    torch.set_default_dtype(torch.float64)
    torch.manual_seed(28)

    lstm, adam = LSTM(), Adam()
    steps, state = [], lstm.start()
    for g in GRADS:
        step, state = lstm.step(torch.tensor(g), state)
        steps.append(step.tolist())
    final = {f"{name}{l}": t for l, hc in enumerate(state) for name, t in zip("hc", hc)}

    # The window starts near the minimum, where a step changes the next gradient much, so that first_order and exact
    # differ clearly. The last column of w is small: that coordinate's gradients are below e^-P, all others above.
    w = grid(COORDINATES, COORDINATES, bound=1, step=2**-5)
    w[:, -1] *= 2**-14
    theta0 = grid(COORDINATES, bound=1, step=2**-5)
    y = w[:, :-1].mv(theta0[:-1]) + grid(COORDINATES, bound=2**-3, step=2**-8)

    def loss(theta):
        return (w.mv(theta) - y).square().sum()

    thetas, of_lstm = witness(lstm, loss, theta0)
    for theta in thetas[:-1]:
        g, = torch.autograd.grad(loss(theta), theta)
        assert (g.abs() < math.exp(-P)).tolist() == [False] * (COORDINATES - 1) + [True]
    thetas, of_adam = witness(adam, loss, theta0)
    check_adam(thetas, loss)
    print(render({
        "torch": str(torch.__version__),
        "lstm": {"hidden": HIDDEN, "layers": LAYERS, "scale": SCALE, "preprocess": P, "phi": flat(lstm.phi),
                 "grads": GRADS, "steps": steps, "state": flat(final)},
        "meta": {"w": w.tolist(), "y": y.tolist(), "theta0": theta0.tolist(), **of_lstm},
        "adam": {"phi": flat(adam.phi), **of_adam},
    }))


if __name__ == "__main__":
    main()
