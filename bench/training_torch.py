#!/usr/bin/env python3
"""An epoch of Adam on 784-256-256-256-10 with tanh units in PyTorch, the images being there as floats."""
import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # a second pool of threads next to PyTorch's own costs a factor of 10

import peer

args = peer.flags()

import torch

BATCH, BLOCKS = 128, 4

torch.set_num_threads(args.threads)
work = peer.Work(args.inputs, "training")
theta = {name: torch.from_numpy(t).requires_grad_() for name, t in work.theta.items()}
images, labels = torch.from_numpy(work.images), torch.from_numpy(work.labels).long()
adam = torch.optim.Adam(list(theta.values()), 1e-3, foreach=True)  # faster here than one tensor after another
order = torch.randperm(len(images), generator=torch.Generator().manual_seed(1))


def loss(x, y):
    for l in range(BLOCKS):
        x = torch.addmm(theta[f"b{l}"], x, theta[f"w{l}"])
        if l + 1 < BLOCKS:
            x = x.tanh()
    return torch.nn.functional.cross_entropy(x, y)


def first():
    f = loss(images[:BATCH], labels[:BATCH])
    return f.item(), dict(zip(theta, torch.autograd.grad(f, list(theta.values()))))


def run():
    for at in range(0, len(images) - BATCH + 1, BATCH):
        batch = order[at:at + BATCH]
        adam.zero_grad(set_to_none=True)
        loss(images[batch], labels[batch]).backward()
        adam.step()


peer.require_fast_blas()
peer.main(args, work, "PyTorch", torch.__version__, first, run)
