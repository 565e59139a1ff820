#!/usr/bin/env python3
"""Persistent evolution strategies in JAX: pairs and signs side by side by jax.vmap, a window one jitted scan.

--time N takes N seconds. The last line is the number of inner steps a second, each sign counting as one.
"""
import os

import peer

args = peer.flags()
os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:args.threads])  # XLA makes a thread a processor

import time

import jax
import jax.numpy as jnp
import numpy as np

PAIRS, HORIZON, SIGMA, RATE = 32, 1000, 0.01, 1e-3

work = peer.Work(args.inputs, "pes")
phi, theta0, images, labels = jax.tree.map(jnp.asarray, (work.phi, work.theta, work.images, work.labels))
WINDOW, BATCH, PIXELS = images.shape
DECAYS = jnp.array([0.9, 0.99, 0.999])


def loss(theta, x, y):
    z = jax.nn.relu(x @ theta["w0"] + theta["b0"]) @ theta["w1"] + theta["b1"]
    return -jnp.take_along_axis(jax.nn.log_softmax(z), y[:, None], 1).mean()


def root(x, eps=0.0):
    return jax.lax.rsqrt(x + eps)


def average(old, new):
    """Three averages of one thing, along a new first axis."""
    beta = DECAYS.reshape((3,) + (1,) * new.ndim)
    return beta * old + (1 - beta) * new


def memory(p):
    zeros = lambda *shape: jnp.zeros((3,) + shape)
    factors = {"diag": zeros(*p.shape)} if p.ndim < 2 else {"row": zeros(p.shape[1]), "col": zeros(p.shape[0])}
    return {"m": zeros(*p.shape), "v": jnp.zeros(p.shape), **factors}


def step(phi, p, g, s):
    """A step of the rule on one tensor, and what it remembers. All matrices here are higher than wide."""
    g = jnp.clip(g, -1000, 1000)
    square = g * g
    s = {**s, "m": average(s["m"], g), "v": 0.95 * s["v"] + 0.05 * square}
    m, r = s["m"], root(s["v"], 1e-8)
    own = [g[None], jnp.clip(g, -0.1, 0.1)[None], p[None], m, s["v"][None], m * r, r[None]]
    if p.ndim < 2:
        s["diag"] = average(s["diag"], square + 1e-30)
        features = [*own, g * root(s["diag"], 1e-9), (g * r)[None]]
    else:
        row, col = average(s["row"], square.mean(0) + 1e-30), average(s["col"], square.mean(1) + 1e-30)
        s["row"], s["col"] = row, col
        rows = root(jnp.maximum(row / (row.mean(1, keepdims=True) + 1e-9), 1e-9))[:, None, :]
        scale = rows * root(jnp.maximum(col, 1e-9))[:, :, None]
        wide = lambda x: jnp.broadcast_to(x, m.shape)
        row, col = row[:, None, :], col[:, :, None]
        features = [*own, g * scale, (g * r)[None], wide(row), wide(col), wide(root(row, 1e-8)), wide(root(col, 1e-8)), m * scale]
    x = jnp.concatenate(features).reshape(-1, p.size)
    w = phi["w0"][:len(x)] * root((x * x).mean(1), 1e-9)[:, None]  # features in units of their size
    h = jax.nn.relu(w.T @ x + phi["b0"][:, None])
    h = jax.nn.relu(phi["w1"].T @ h + phi["b1"][:, None])
    d = phi["w2"][:, 0] @ h + phi["b2"][0]
    return p - (RATE * root((d * d).mean(), 1e-9) * d).reshape(p.shape), s


def inner(phi, place, batch):
    theta, memories = place
    f, g = jax.value_and_grad(loss)(theta, *batch)
    after = {k: step(phi, theta[k], g[k], memories[k]) for k in theta}
    return ({k: a[0] for k, a in after.items()}, {k: a[1] for k, a in after.items()}), f


def unroll(phi, place, images, labels):
    return jax.lax.scan(lambda place, batch: inner(phi, place, batch), place, (images, labels))


def begin(key):
    keys = dict(zip(theta0, jax.random.split(key, len(theta0))))
    draw = lambda k, p: jax.random.normal(keys[k], p.shape) * (2 / p.shape[0]) ** 0.5 if p.ndim > 1 else jnp.zeros(p.shape)
    theta = {k: draw(k, p) for k, p in theta0.items()}
    return theta, {k: memory(p) for k, p in theta.items()}


def pair(phi, places, xi, steps, key):
    """A window of one pair: its part of the estimate, and where it leads."""
    noise, minibatches, start = jax.random.split(key, 3)
    draws = jax.random.split(noise, len(phi))
    eps = {k: SIGMA * jax.random.normal(d, w.shape) for d, (k, w) in zip(draws, phi.items())}
    xi = jax.tree.map(jnp.add, xi, eps)
    chosen = jax.random.randint(minibatches, (WINDOW, BATCH), 0, WINDOW * BATCH)
    x, y = images.reshape(-1, PIXELS)[chosen], labels.reshape(-1)[chosen]
    branches = jax.tree.map(lambda w, e: jnp.stack([w + e, w - e]), phi, eps)
    places, losses = jax.vmap(unroll, (0, 0, None, None))(branches, places, x, y)
    grad = jax.tree.map(lambda e: (losses[0] - losses[1]).mean() / (2 * SIGMA**2) * e, xi)
    ends = steps + WINDOW >= HORIZON
    fresh = jax.tree.map(lambda p: jnp.stack([p, p]), begin(start))
    places = jax.tree.map(lambda a, b: jnp.where(ends, a, b), fresh, places)
    return grad, places, jax.tree.map(lambda e: jnp.where(ends, 0, e), xi), jnp.where(ends, 0, steps + WINDOW)


@jax.jit
def estimate(phi, carried, key):
    grads, *carried = jax.vmap(pair, (None, 0, 0, 0, 0))(phi, *carried, jax.random.split(key, PAIRS))
    return jax.tree.map(lambda g: g.mean(0), grads), carried


def check():
    """Ends the program unless a window of the rule leads where ours does."""
    start = theta0, {k: memory(p) for k, p in theta0.items()}
    (theta, _), losses = jax.jit(unroll)(phi, start, images, labels)
    ours, _ = peer.read(os.path.join(args.inputs, "pes.safetensors"))
    flat = lambda of: np.concatenate([np.asarray(of(k), np.float64).ravel() for k in theta0])
    moved = flat(lambda k: ours["after." + k]) - flat(theta0.get)
    difference = np.linalg.norm(flat(theta.get) - flat(lambda k: ours["after." + k])) / np.linalg.norm(moved)
    print(f"a window of {len(losses)} steps: relative difference {difference:.1e}; "
          f"loss {losses.mean():.6f}, ours {work.loss:.6f}")
    if not difference < peer.TOLERANCE or not abs(losses.mean() - work.loss) < peer.TOLERANCE * work.loss:
        raise SystemExit("not the same work")


def main():
    if args.check:
        check()
    if not args.time:
        return
    key = jax.random.PRNGKey(0)
    places = jax.vmap(begin)(jax.random.split(key, PAIRS))
    places = jax.tree.map(lambda p: jnp.stack([p, p], 1), places)
    xi = jax.tree.map(lambda w: jnp.zeros((PAIRS,) + w.shape), phi)
    carried = [places, xi, jnp.arange(PAIRS) * WINDOW % HORIZON]
    times, began = -1, 0.0  # the first is for compiling
    while times < 1 or time.perf_counter() - began < args.time:
        key, k = jax.random.split(key)
        grad, carried = jax.block_until_ready(estimate(phi, carried, k))
        times += 1
        if times == 0:
            began = time.perf_counter()
    seconds = time.perf_counter() - began
    print(f"JAX {jax.__version__}, {args.threads} threads, {times} windows of {2 * PAIRS} branches")
    print(f"{times * 2 * PAIRS * WINDOW / seconds:.0f}")


main()
