"""Trains a small network in PyTorch with a learned rule, beside Adam: the mean loss of the last ten of 200 steps.

    python examples/digits_torch.py ../checkpoints/zoo/lstm-mnist.safetensors

The task is made up: ten classes, each a pattern of 8x8 with noise. A rule that wants to know how long the run is, such
as general, is told. Prints for the rule above, on PyTorch 1.13:

    lstm (learned)  0.031
    adam, lr 0.001    1.129
    adam, lr 0.01     0.061
    adam, lr 0.1      0.054
"""

import sys
from typing import Callable, Iterable

import torch

import unroll
from unroll.torch import LearnedOptimizer

STEPS = 200


def minibatches(seed: int) -> Iterable:
    random = torch.Generator().manual_seed(seed)
    patterns = torch.randn(10, 64, generator=random)
    while True:
        labels = torch.randint(10, (128,), generator=random)
        yield patterns[labels] + 1.5 * torch.randn(128, 64, generator=random), labels


def train(make: Callable[[Iterable], torch.optim.Optimizer]) -> float:
    torch.manual_seed(1)
    model = torch.nn.Sequential(torch.nn.Linear(64, 20), torch.nn.Sigmoid(), torch.nn.Linear(20, 10))
    optimizer = make(model.parameters())
    losses = []
    for _, (images, labels) in zip(range(STEPS), minibatches(seed=2)):
        optimizer.zero_grad()
        loss = torch.nn.functional.cross_entropy(model(images), labels)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return sum(losses[-10:]) / 10


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("want the file of a rule")
    try:
        rule = unroll.load(sys.argv[1])
    except (OSError, unroll.FileError) as e:
        sys.exit(str(e))
    print(f"{rule.name} (learned)  {train(lambda params: LearnedOptimizer(params, rule, horizon=STEPS)):.3f}")
    for lr in (0.001, 0.01, 0.1):
        print(f"adam, lr {lr:<6}   {train(lambda params: torch.optim.Adam(params, lr=lr)):.3f}")
