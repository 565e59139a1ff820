#!/usr/bin/env python3
"""The window in PyTorch, as fast as we could write it without leaving autograd.

Coordinates run along the last axis, so that each gate is one contiguous piece, and a layer's two matrices are one. On
one thread this beat rows of coordinates, torch.nn.LSTMCell, torch.nn.LSTM, torch.jit.script and checkpointed steps.
"""
import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # a second pool of threads next to PyTorch's own costs a factor of 10

import peer

args = peer.flags()

import math

import torch

HIDDEN, SCALE, P = 20, 0.1, 10.0

torch.set_num_threads(args.threads)
window = peer.Work(args.inputs, "window")
phi = {name: torch.from_numpy(t).requires_grad_() for name, t in window.phi.items()}
images, labels = torch.from_numpy(window.images), torch.from_numpy(window.labels).long()
theta0 = torch.cat([torch.from_numpy(t).flatten() for t in window.theta.values()])
shapes = [t.shape for t in window.theta.values()]


def preprocess(g):
    big = g.abs() >= math.exp(-P)
    left = torch.where(big, g.abs().clamp_min(1e-30).log() / P, -torch.ones_like(g))
    return torch.stack([left, torch.where(big, g.sign(), math.exp(P) * g)])


def layers():
    """Returns the weights of the layers as the cells want them."""
    return [(torch.cat([phi[f"lstm.weight_ih_l{l}"], phi[f"lstm.weight_hh_l{l}"]], 1), phi[f"lstm.bias_l{l}"][:, None])
            for l in range(2)]


def rule(g, state, weights):
    x, after = preprocess(g), []
    for (w, b), (h, c) in zip(weights, state):
        i, f, g, o = torch.addmm(b, w, torch.cat([x, h])).chunk(4)
        c = torch.addcmul(f.sigmoid() * c, i.sigmoid(), g.tanh())
        x = o.sigmoid() * c.tanh()
        after.append((x, c))
    return SCALE * (phi["linear.weight"] @ x + phi["linear.bias"])[0], after


def loss(theta, t):
    parts = theta.split([math.prod(s) for s in shapes])
    w0, b0, w1, b1 = (p.view(s) for p, s in zip(parts, shapes))
    hidden = torch.addmm(b0, images[t], w0).sigmoid()
    return torch.nn.functional.cross_entropy(torch.addmm(b1, hidden, w1), labels[t])


def run():
    theta, weights, total = theta0.clone().requires_grad_(), layers(), 0.0
    state = [(torch.zeros(HIDDEN, theta.numel()),) * 2] * 2
    for t in range(len(images) - 1):
        f = loss(theta, t)
        total = total + f
        g, = torch.autograd.grad(f, theta, retain_graph=True)
        step, state = rule(g.detach(), state, weights)
        theta = theta + step
    mean = (total + loss(theta, len(images) - 1)) / len(images)
    return mean.item(), dict(zip(phi, torch.autograd.grad(mean, list(phi.values()))))


peer.require_fast_blas()
peer.main(args, window, "PyTorch", torch.__version__, run)
