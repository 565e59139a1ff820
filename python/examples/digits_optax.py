"""Trains a small network in JAX with a learned rule, beside Adam: the mean loss of the last ten of 200 steps.

    python examples/digits_optax.py ../checkpoints/zoo/lstm-mnist.safetensors

The task is that of digits_torch.py, drawn otherwise. Prints for the rule above, on JAX 0.10:

    lstm (learned)  0.031
    adam, lr 0.001    1.015
    adam, lr 0.01     0.047
    adam, lr 0.1      0.024
"""

import sys

import jax
import jax.numpy as jnp
import optax

import unroll
from unroll.optax import learned

STEPS = 200


def minibatch(key):
    which, noise = jax.random.split(key)
    patterns = jax.random.normal(jax.random.PRNGKey(2), (10, 64))
    labels = jax.random.randint(which, (128,), 0, 10)
    return patterns[labels] + 1.5 * jax.random.normal(noise, (128, 64)), labels


def loss(params, images, labels):
    hidden = jax.nn.sigmoid(images @ params["w0"] + params["b0"])
    logits = hidden @ params["w1"] + params["b1"]
    return optax.softmax_cross_entropy_with_integer_labels(logits, labels).mean()


def train(optimizer: optax.GradientTransformation) -> float:
    keys = jax.random.split(jax.random.PRNGKey(1), 2 + STEPS)
    params = {
        "w0": jax.random.normal(keys[0], (64, 20)) / 8, "b0": jnp.zeros(20),
        "w1": jax.random.normal(keys[1], (20, 10)) / 5, "b1": jnp.zeros(10),
    }  # fmt: skip

    def step(carry, key):
        params, state = carry
        value, grads = jax.value_and_grad(loss)(params, *minibatch(key))
        updates, state = optimizer.update(grads, state, params)
        return (optax.apply_updates(params, updates), state), value

    _, losses = jax.lax.scan(step, (params, optimizer.init(params)), keys[2:])
    return float(losses[-10:].mean())


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("want the file of a rule")
    try:
        rule = unroll.load(sys.argv[1])
    except (OSError, unroll.FileError) as e:
        sys.exit(str(e))
    print(f"{rule.name} (learned)  {train(learned(rule, horizon=STEPS)):.3f}")
    for lr in (0.001, 0.01, 0.1):
        print(f"adam, lr {lr:<6}   {train(optax.adam(lr)):.3f}")
