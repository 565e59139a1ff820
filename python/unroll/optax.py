"""Learned optimizers for JAX, as optax has them."""

from __future__ import annotations

from typing import Any, Dict, NamedTuple, Optional, Tuple, Union

import jax
import jax.numpy as jnp
import optax

from . import files, rules

__all__ = ["LearnedState", "learned"]


class LearnedState(NamedTuple):
    """What a learned rule goes on with; ``memory`` and ``seen`` are trees like that of the weights."""

    count: jax.Array  # type: ignore[assignment]  # steps taken; the name is optax's
    memory: Any  # a dict of float32 arrays for each tensor
    seen: Any  # a Boolean array for each tensor: which weights have had a gradient


def learned(
    rule: Union[rules.Rule, files.Path],
    *,
    horizon: Optional[int] = None,
    outputs_first: bool = False,
    every_coordinate: bool = False,
) -> optax.GradientTransformation:
    """Makes steps of gradients by a learned rule: the same as unroll's own, to rounding.

    Its updates are float32 steps to be added, as optax.apply_updates does, with no learning rate to come. It may be jitted, and
    chained: with optax.clip before it, or optax.scale after it to make it bolder or more careful.

    - rule: the name of a file, or what ``unroll.load`` returned.
    - horizon: how many steps the run has. ``general`` wants to know it, unless it was learned without or
      for either case; others pass over it.
    - outputs_first: whether dimension 0 of a tensor is that of the outputs, as PyTorch has it. Flax and Haiku have it last, as
      the rules where they were learned. No matter to coordinatewise rules such as ``lstm``.
    - every_coordinate: whether weights that have never had a gradient other than 0 move, too. By default they stay where they
      are, since learned rules would carry them away.

    ``update`` wants the weights where the rule reads them, as ``general`` does. Rules are learned on the mean loss of a minibatch.
    """
    ready = rules.loaded(rule)
    known = rules.check_horizon(ready, horizon)
    each = _Tensorwise(ready, outputs_first, every_coordinate)

    def init(params: Any) -> LearnedState:
        memory = jax.tree_util.tree_map(each.memory, params)
        seen = jax.tree_util.tree_map(lambda p: jnp.zeros(p.shape, bool), params)
        return LearnedState(jnp.zeros([], jnp.int32), memory, seen)

    def update(updates: Any, state: LearnedState, params: Any = None) -> Tuple[Any, LearnedState]:
        if ready.reads_theta and params is None:
            raise ValueError(f"unroll: {ready.name} reads the weights; call update(gradients, state, params)")
        tree: Any
        grads, tree = jax.tree_util.tree_flatten(updates)
        outputs = [g.shape[0 if outputs_first else -1] for g in grads if g.ndim > 1]
        at = rules.Moment(state.count.astype(jnp.float32), known, len(outputs), *outputs[-1:])
        thetas = [None] * len(grads) if params is None else tree.flatten_up_to(params)
        lists = zip(grads, thetas, tree.flatten_up_to(state.memory), tree.flatten_up_to(state.seen))
        with jax.default_matmul_precision("highest"):
            moved = [each.step(*of, at) for of in lists]
        steps, memory, seen = (tree.unflatten(x) for x in (zip(*moved) if moved else ((), (), ())))
        return steps, LearnedState(optax.safe_int32_increment(state.count), memory, seen)

    return optax.GradientTransformation(init, update)


class _Tensorwise(NamedTuple):
    """A rule on one tensor, in the shape that the program has it in."""

    rule: rules.Rule
    outputs_first: bool
    every_coordinate: bool

    def memory(self, p: jax.Array) -> Dict[str, jax.Array]:
        shapes = self.rule.state(p.shape[1:] + p.shape[:1] if self._turned(p) else p.shape)
        return {name: jnp.zeros(shape, jnp.float32) for name, shape in shapes.items()}

    def step(self, grad: Any, theta: Any, memory: rules.Arrays, seen: Any, at: rules.Moment) -> Tuple[Any, rules.Arrays, Any]:
        seen = seen | (grad.astype(jnp.float32) != 0)
        if grad.size == 0:
            return jnp.zeros(grad.shape, jnp.float32), memory, seen
        g = self._facing(grad.astype(jnp.float32))
        view = self.rule.view(g.shape)
        t = None if theta is None else self._facing(theta.astype(jnp.float32)).reshape(view)
        phi = {name: jnp.asarray(x) for name, x in self.rule.phi.items()}
        step, after = self.rule.step(jnp, phi, g.reshape(view), t, memory, at)
        step = step.reshape(g.shape)
        step = jnp.moveaxis(step, -1, 0) if self._turned(grad) else step
        if self.every_coordinate:
            return step, after, seen
        if self.rule.coordinatewise:
            keep = self._facing(seen).reshape(view)[:, None]
            after = {name: jnp.where(keep, x, memory[name]) for name, x in after.items()}
        return jnp.where(seen, step, 0), after, seen

    def _turned(self, x: Any) -> bool:
        return self.outputs_first and x.ndim > 1

    def _facing(self, x: Any) -> Any:
        return jnp.moveaxis(x, 0, -1) if self._turned(x) else x
