#!/usr/bin/env python3
"""The network's loss and gradient in PyTorch, a thousand times, the minibatches being there as floats."""
import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # a second pool of threads next to PyTorch's own costs a factor of 10

import peer

args = peer.flags()

import torch

EVALUATIONS = 1000

torch.set_num_threads(args.threads)
work = peer.Work(args.inputs, "optimizee")
theta = {name: torch.from_numpy(t).requires_grad_() for name, t in work.theta.items()}
images, labels = torch.from_numpy(work.images), torch.from_numpy(work.labels).long()


def differentiate(i):
    hidden = torch.addmm(theta["b0"], images[i], theta["w0"]).sigmoid()
    loss = torch.nn.functional.cross_entropy(torch.addmm(theta["b1"], hidden, theta["w1"]), labels[i])
    return loss, torch.autograd.grad(loss, list(theta.values()))


def first():
    loss, grad = differentiate(0)
    return loss.item(), dict(zip(theta, grad))


def run():
    for i in range(EVALUATIONS):
        differentiate(i % len(images))


peer.require_fast_blas()
peer.main(args, work, "PyTorch", torch.__version__, first, run)
