#!/usr/bin/env python3
"""The network's loss and gradient in JAX, a thousand times, the minibatches being there as floats."""
import os

import peer

args = peer.flags()
os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:args.threads])  # XLA makes a thread a processor

import jax
import jax.numpy as jnp

EVALUATIONS = 1000

work = peer.Work(args.inputs, "optimizee")
theta = jax.tree.map(jnp.asarray, work.theta)
batches = [(jnp.asarray(x), jnp.asarray(y)) for x, y in zip(work.images, work.labels)]


@jax.jit
@jax.value_and_grad
def differentiate(theta, x, y):
    hidden = jax.nn.sigmoid(x @ theta["w0"] + theta["b0"])
    logits = jax.nn.log_softmax(hidden @ theta["w1"] + theta["b1"])
    return -jnp.take_along_axis(logits, y[:, None], 1).mean()


def run():
    for i in range(EVALUATIONS):
        last = differentiate(theta, *batches[i % len(batches)])
    jax.block_until_ready(last)


peer.main(args, work, "JAX", jax.__version__, lambda: differentiate(theta, *batches[0]), run)
