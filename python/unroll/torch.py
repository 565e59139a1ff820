"""Learned optimizers for PyTorch."""

from __future__ import annotations

from typing import Any, Callable, Dict, Iterable, List, Optional, Tuple, Union

import torch

from . import files, rules

__all__ = ["LearnedOptimizer"]

BLOCK = 1 << 16  # weights that a coordinatewise rule works on at a time, which bounds its temporary arrays


class LearnedOptimizer(torch.optim.Optimizer):
    """Trains with a learned rule, as any ``torch.optim.Optimizer``: the same steps as unroll's own, to rounding.

    Arguments, of which those from ``lr`` to ``outputs_first`` may differ from one parameter group to another:

    - params: parameters, or dicts of parameter groups. Dense ones of any floating-point type: the rule computes in float32, and
      its step is added to the weight, rounded once to the weight's own type.
    - rule: the name of a file, or what ``unroll.load`` returned.
    - lr: what every step is multiplied with, at least 0; 1 by default. A learned rule has no learning rate of its own: this makes
      it bolder or more careful, and lets PyTorch's schedulers act on it.
    - weight_decay: the fraction of a weight that is taken from it at every step, times lr; 0 by default.
    - horizon: how many steps the run has. ``general`` wants to know it, unless it was learned without or
      for either case; others pass over it.
    - outputs_first: whether dimension 0 of a tensor is that of the outputs, as it is in Linear and convolutions: the rule then
      sees it as the last, as it does where it was learned. False for Embedding, or what else has [inputs, outputs]. No matter
      to coordinatewise rules such as ``lstm``.
    - every_coordinate: whether weights that have never had a gradient other than 0 move, too. By default they stay where they
      are, since learned rules would carry them away.
    - check_finite: whether a gradient that is not finite is an error, FloatingPointError, before anything moves; True by
      default. It costs a GPU one synchronisation a step.

    Rules are learned on the mean loss of a minibatch: a summed one is another scale than they know.
    """

    def __init__(
        self,
        params: Iterable[Any],
        rule: Union[rules.Rule, files.Path],
        *,
        lr: float = 1.0,
        weight_decay: float = 0.0,
        horizon: Optional[int] = None,
        outputs_first: bool = True,
        every_coordinate: bool = False,
        check_finite: bool = True,
    ) -> None:
        self.rule = rules.loaded(rule)
        self.every_coordinate, self.check_finite = every_coordinate, check_finite
        self._phi: Dict[torch.device, rules.Arrays] = {}
        super().__init__(params, dict(lr=lr, weight_decay=weight_decay, horizon=horizon, outputs_first=outputs_first))

    def add_param_group(self, param_group: Dict[str, Any]) -> None:
        """Adds parameters, as any optimizer does; their first step is step 0 of a run of their own."""
        group = {**self.defaults, **param_group}
        rules.check_horizon(self.rule, group["horizon"])
        if not group["lr"] >= 0:
            raise ValueError(f"unroll: lr is {group['lr']}, want at least 0")
        if not 0 <= group["weight_decay"] < 1:
            raise ValueError(f"unroll: weight_decay is {group['weight_decay']}, want at least 0 and below 1")
        super().add_param_group(param_group)
        for p in self.param_groups[-1]["params"]:
            if not p.is_floating_point():
                self.param_groups.pop()
                raise ValueError(f"unroll: a parameter of type {p.dtype}; learned rules work on floating-point numbers")

    @torch.no_grad()
    def step(self, closure: Optional[Callable[[], Any]] = None) -> Any:
        """Takes one step. A closure computes the loss, which is returned, and the gradients."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        work = [(group, p) for group in self.param_groups for p in group["params"] if p.grad is not None and p.numel() > 0]
        self._check([p for _, p in work])
        matrices = [(group, p) for group in self.param_groups for p in group["params"] if p.dim() > 1]
        outputs = [p.shape[0 if group["outputs_first"] else -1] for group, p in matrices[-1:]]
        for group, p in work:
            self._move(group, p, len(matrices), *outputs)
        return loss

    def _check(self, params: List[torch.Tensor]) -> None:
        """Reports gradients that no step can be made of, before anything has moved."""
        for p in params:
            if p.grad.layout != torch.strided:
                raise RuntimeError("unroll: learned rules want dense gradients; build the Embedding with sparse=False")
        if self.check_finite and params:
            device = params[0].device
            if not bool(torch.stack([torch.isfinite(p.grad).all().to(device) for p in params]).all()):
                raise FloatingPointError("unroll: a gradient is not finite; no weight was moved")

    def _move(self, group: Dict[str, Any], p: torch.Tensor, depth: int, outputs: int = 0) -> None:
        turned = group["outputs_first"] and p.dim() > 1
        grad, theta = (x.float().movedim(0, -1) if turned else x.float() for x in (p.grad, p))
        shape = tuple(grad.shape)
        view, state = self.rule.view(shape), self._state(p, shape)
        number = torch.tensor(float(state["step"]), dtype=torch.float32, device=p.device)
        at = rules.Moment(number, rules.check_horizon(self.rule, group["horizon"]), depth, outputs)
        step = self._propose(state, grad.reshape(view), theta.reshape(view), at).reshape(shape)
        state["step"] += 1
        step = step - group["weight_decay"] * theta
        if not self.every_coordinate:
            step = torch.where(state["seen"].reshape(shape), step, torch.zeros_like(step))
        step = step.movedim(-1, 0) if turned else step
        wide = p if p.dtype == torch.float64 else p.float()
        p.copy_(wide + group["lr"] * step)

    def _state(self, p: torch.Tensor, shape: Tuple[int, ...]) -> Dict[str, Any]:
        """Returns what is remembered of a parameter: zeros before its first step, in float32 whatever its type."""
        state = self.state[p]
        if not state:
            state["step"] = 0
            state["seen"] = torch.zeros(self.rule.view(shape), dtype=torch.bool, device=p.device)
            for name, size in self.rule.state(shape).items():
                state[name] = torch.zeros(size, dtype=torch.float32, device=p.device)
        return state

    def _propose(self, state: Dict[str, Any], grad: torch.Tensor, theta: torch.Tensor, at: rules.Moment) -> torch.Tensor:
        """Returns the rule's step, and moves the state on: of a coordinatewise rule a block at a time, and only where a gradient
        has been seen."""
        state["seen"] |= grad != 0
        names, phi = self.rule.state(tuple(grad.shape)), self._phi_on(grad.device)
        if not self.rule.coordinatewise:
            step, after = self.rule.step(torch, phi, grad, theta, {name: state[name] for name in names}, at)
            state.update(after)
            return step
        step = torch.empty_like(grad)
        for start in range(0, len(grad), BLOCK):
            part = slice(start, start + BLOCK)
            before = {name: state[name][part] for name in names}
            step[part], after = self.rule.step(torch, phi, grad[part], theta[part], before, at)
            keep = state["seen"][part, None] | self.every_coordinate
            for name, x in after.items():
                state[name][part] = torch.where(keep, x, before[name])
        return step

    def _phi_on(self, device: torch.device) -> rules.Arrays:
        if device not in self._phi:
            self._phi[device] = {name: torch.from_numpy(x.copy()).to(device) for name, x in self.rule.phi.items()}
        return self._phi[device]

    def state_dict(self, *args: Any, **kwargs: Any) -> Dict[str, Any]:
        """Returns all that a run goes on with, and the checksum of the rule."""
        return {**super().state_dict(*args, **kwargs), "rule": self.rule.checksum}

    def load_state_dict(self, state_dict: Dict[str, Any]) -> None:
        """Goes on with what ``state_dict`` returned; that of another rule is an error."""
        if state_dict.get("rule") != self.rule.checksum:
            raise ValueError(f"unroll: the state to load is not of this rule {self.rule.name}; load the file that the run began with")
        super().load_state_dict(state_dict)
        # PyTorch gives tensors of the state the parameter's type; ours keep their own.
        saved = [i for group in state_dict["param_groups"] for i in group["params"]]
        params = [p for group in self.param_groups for p in group["params"]]
        for i, p in zip(saved, params):
            for name, value in state_dict["state"].get(i, {}).items():
                self.state[p][name] = value.to(p.device, copy=True) if torch.is_tensor(value) else value

    def __getstate__(self) -> Dict[str, Any]:
        own = dict(rule=self.rule, every_coordinate=self.every_coordinate, check_finite=self.check_finite, _phi={})
        return {**super().__getstate__(), **own}
