import unittest

import numpy as np

from tests import golden

try:
    import jax
    import jax.numpy as jnp
    import optax
except ImportError:
    raise unittest.SkipTest("no optax in this Python: learned is not tested") from None

from unroll.optax import learned


def out_in(x):
    """Turns [in, out] into [out, in]."""
    return jnp.moveaxis(x, -1, 0) if x.ndim > 1 else x


def tree(tensors, change=jnp.asarray):
    return {name: change(jnp.asarray(x, jnp.float32)) for name, x in tensors.items()}


class Steps(unittest.TestCase):
    def walk(self, name, change, back, **options):
        g = golden.Golden(name)
        rule = learned(g.rule, horizon=g.horizon, **options)
        params, update = tree(g.weights, change), jax.jit(rule.update)
        state = rule.init(params)
        for t, (grads, steps) in enumerate(zip(g.gradients, g.steps)):
            got, state = update(tree(grads, change), state, params)
            params = optax.apply_updates(params, got)
            self.assertLess(golden.worst({k: back(np.asarray(x)) for k, x in got.items()}, steps), 1e-5, f"{name}, step {t}")

    def test_same_as_go(self):
        for name in golden.NAMES:
            self.walk(name, jnp.asarray, lambda x: x)

    def test_outputs_first(self):
        for name in ("general", "lstm"):
            self.walk(name, out_in, lambda x: x if x.ndim < 2 else np.moveaxis(x, 0, -1), outputs_first=True)

    def test_learns_in_a_chain(self):
        x = jax.random.normal(jax.random.PRNGKey(1), (64, 5))
        y = x @ jax.random.normal(jax.random.PRNGKey(2), (5, 2))
        loss = lambda w: ((x @ w["w"] + w["b"] - y) ** 2).mean()
        rule = optax.chain(optax.clip_by_global_norm(10.0), learned(golden.Golden("lstm").rule), optax.scale(0.9))
        params = {"w": jnp.zeros((5, 2)), "b": jnp.zeros(2)}

        def body(carry, _):
            params, state = carry
            value, grads = jax.value_and_grad(loss)(params)
            updates, state = rule.update(grads, state, params)
            return (optax.apply_updates(params, updates), state), value

        _, losses = jax.lax.scan(body, (params, rule.init(params)), None, 100)
        self.assertLess(losses[-1], losses[0] / 10)

    def test_bfloat16_scalar_empty_none(self):
        for name in ("general-free", "lstm-raw"):
            rule = learned(golden.Golden(name).rule)
            params = {"s": jnp.ones((), jnp.bfloat16), "none": None, "empty": jnp.zeros((0, 2))}
            got, state = jax.jit(rule.update)(params, rule.init(params), params)
            self.assertNotEqual(float(got["s"]), 0)
            self.assertTrue(all(x.dtype == jnp.float32 for x in jax.tree_util.tree_leaves(state.memory)))
            self.assertEqual(optax.apply_updates(params, got)["s"].dtype, jnp.bfloat16)

    def test_every_coordinate(self):
        rule, p = golden.Golden("lstm").rule, jnp.array([0.0, 1.0])
        for every, want in ((False, [False, True]), (True, [True, True])):
            some = learned(rule, every_coordinate=every)
            got, _ = jax.jit(some.update)(p, some.init(p))
            self.assertEqual((got != 0).tolist(), want)


class Refused(unittest.TestCase):
    def test_refused(self):
        g = golden.Golden("general")
        with self.assertRaisesRegex(ValueError, "want horizon=N"):
            learned(g.rule)
        rule, p = learned(g.rule, horizon=9), jnp.ones(2)
        with self.assertRaisesRegex(ValueError, "reads the weights; call update"):
            rule.update(p, rule.init(p))


if __name__ == "__main__":
    unittest.main()
