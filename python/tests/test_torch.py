import copy
import io
import unittest

import numpy as np

from tests import golden

try:
    import torch
except ImportError:
    raise unittest.SkipTest("no PyTorch in this Python: LearnedOptimizer is not tested") from None

import unroll
from unroll.torch import BLOCK, LearnedOptimizer


def params(weights, dtype=torch.float64, change=lambda x: x):
    return {name: torch.nn.Parameter(change(torch.tensor(w, dtype=dtype))) for name, w in weights.items()}


def give(tensors, grads, change=lambda x: x):
    for name, p in tensors.items():
        p.grad = change(torch.from_numpy(grads[name].copy())).to(p.dtype)


def walk(tensors, optimizer, grads, change=lambda x: x):
    """Takes one step and returns it."""
    before = {name: p.detach().double().clone() for name, p in tensors.items()}
    give(tensors, grads, change)
    optimizer.step()
    return {name: (p.detach().double() - before[name]).numpy() for name, p in tensors.items()}


def out_in(x):
    """Turns [in, out] into PyTorch's [out, in]."""
    return x.movedim(-1, 0).contiguous() if x.dim() > 1 else x


class Steps(unittest.TestCase):
    def test_same_as_go(self):
        for name in golden.NAMES:
            with self.subTest(name):
                g = golden.Golden(name)
                tensors = params(g.weights)
                optimizer = LearnedOptimizer(tensors.values(), g.rule, horizon=g.horizon, outputs_first=False)
                for t, (grads, steps) in enumerate(zip(g.gradients, g.steps)):
                    self.assertLess(golden.worst(walk(tensors, optimizer, grads), steps), 1e-5, f"step {t}")

    def test_outputs_first(self):
        for name in golden.NAMES:
            g = golden.Golden(name)
            tensors = params(g.weights, change=out_in)
            optimizer = LearnedOptimizer(tensors.values(), g.rule, horizon=g.horizon)
            for t, (grads, steps) in enumerate(zip(g.gradients, g.steps)):
                got = walk(tensors, optimizer, grads, out_in)
                got = {k: x if x.ndim < 2 else np.moveaxis(x, 0, -1) for k, x in got.items()}
                self.assertLess(golden.worst(got, steps), 1e-5, f"{name}, step {t}")

    def test_groups(self):
        g = golden.Golden("general")
        tensors = params(g.weights)
        groups = [{"params": [tensors["w"], tensors["b"]], "lr": 0.5}, {"params": [tensors["s"]]}, {"params": [tensors["k"]], "horizon": 3}]
        optimizer = LearnedOptimizer(groups, g.rule, horizon=g.horizon, outputs_first=False)
        got = walk(tensors, optimizer, g.gradients[0])
        self.assertLess(golden.worst({**got, "w": 2 * got["w"], "b": 2 * got["b"], "k": g.steps[0]["k"]}, g.steps[0]), 1e-5)
        self.assertGreater(np.abs(got["k"] - g.steps[0]["k"]).max(), 1e-5, "the horizon is the group's")

    def test_float32_and_bfloat16(self):
        for dtype, eps in ((torch.float32, 2.0**-24), (torch.bfloat16, 2.0**-8), (torch.float16, 2.0**-10)):
            g = golden.Golden("general")
            tensors = params(g.weights, dtype)
            exact = params({k: p.detach().double().numpy() for k, p in tensors.items()})
            first = LearnedOptimizer(tensors.values(), g.rule, horizon=g.horizon)
            second = LearnedOptimizer(exact.values(), g.rule, horizon=g.horizon)
            grads = {k: torch.tensor(x).to(dtype).float().numpy() for k, x in g.gradients[0].items()}
            walk(tensors, first, grads)
            walk(exact, second, grads)
            for k, p in tensors.items():
                self.assertEqual(p.dtype, dtype)
                self.assertTrue(torch.allclose(p.double(), exact[k], rtol=eps, atol=1e-7), f"{dtype} {k}")
            kept = [v.dtype for v in first.state[tensors["w"]].values() if torch.is_tensor(v)]
            self.assertEqual(set(kept), {torch.float32, torch.bool})

    def test_scalar_and_empty(self):
        p, empty = torch.nn.Parameter(torch.tensor(1.0)), torch.nn.Parameter(torch.zeros(0, 3))
        for name in golden.NAMES:
            g = golden.Golden(name)
            optimizer = LearnedOptimizer([p, empty], g.rule, horizon=g.horizon)
            (p * p + empty.sum()).backward()
            before = p.item()
            optimizer.step()
            self.assertNotEqual(p.item(), before)

    def test_weight_decay(self):
        g = golden.Golden("lstm")
        tensors = params(g.weights)
        optimizer = LearnedOptimizer(tensors.values(), g.rule, lr=0.5, weight_decay=0.1)
        got = walk(tensors, optimizer, g.gradients[0])
        want = {k: np.where(g.gradients[0][k] != 0, 0.5 * (x - 0.1 * g.weights[k]), 0) for k, x in g.steps[0].items()}
        self.assertLess(golden.worst(got, want), 1e-5)

    def test_blocks(self):
        n = BLOCK + 3
        g = torch.linspace(-1, 1, n)
        one, many = torch.nn.Parameter(torch.zeros(n)), [torch.nn.Parameter(torch.zeros(k)) for k in (BLOCK, 3)]
        rule = golden.Golden("lstm-raw").rule
        for _ in range(2):
            one.grad, many[0].grad, many[1].grad = g.clone(), g[:BLOCK].clone(), g[BLOCK:].clone()
        for ps in ([one], many):
            optimizer = LearnedOptimizer(ps, rule)
            optimizer.step()
            optimizer.step()
        self.assertTrue(torch.allclose(one, torch.cat(list(many)), atol=1e-7))

    def test_every_coordinate(self):
        p = torch.nn.Parameter(torch.zeros(3))
        p.grad = torch.tensor([0.0, 1.0, 0.0])
        LearnedOptimizer([p], golden.Golden("lstm").rule).step()
        self.assertEqual([x != 0 for x in p.tolist()], [False, True, False])
        LearnedOptimizer([p], golden.Golden("lstm").rule, every_coordinate=True).step()
        self.assertTrue(bool((p != 0).all()))

    def test_learns(self):
        torch.manual_seed(1)
        x = torch.randn(64, 5)
        y = x @ torch.randn(5, 2)
        model = torch.nn.Linear(5, 2)
        optimizer = LearnedOptimizer(model.parameters(), golden.Golden("lstm").rule)

        def closure():
            optimizer.zero_grad()
            loss = ((model(x) - y) ** 2).mean()
            loss.backward()
            return loss

        first = optimizer.step(closure).item()
        for _ in range(100):
            last = optimizer.step(closure).item()
        self.assertLess(last, first / 10)


class State(unittest.TestCase):
    def test_resumes(self):
        for name in golden.NAMES:
            for dtype in (torch.float64, torch.bfloat16):
                g = golden.Golden(name)
                one = params(g.weights, dtype)
                straight = LearnedOptimizer(one.values(), g.rule, horizon=g.horizon)
                for grads in g.gradients[:9]:
                    walk(one, straight, grads)
                two = {k: torch.nn.Parameter(p.detach().clone()) for k, p in one.items()}
                file = io.BytesIO()
                torch.save(straight.state_dict(), file)
                file.seek(0)
                resumed = LearnedOptimizer(two.values(), g.rule, horizon=g.horizon)
                resumed.load_state_dict(torch.load(file))
                for grads in g.gradients[9:]:
                    walk(one, straight, grads)
                    walk(two, resumed, grads)
                for k in one:
                    self.assertTrue(torch.equal(one[k], two[k]), f"{name} {dtype} {k}: the same bits")

    def test_copies(self):
        g = golden.Golden("lstm")
        tensors = params(g.weights)
        optimizer = copy.deepcopy(LearnedOptimizer(tensors.values(), g.rule))
        for p in (p for group in optimizer.param_groups for p in group["params"]):
            p.grad = torch.ones_like(p)
        optimizer.step()

    def test_of_another_rule(self):
        p = [torch.nn.Parameter(torch.zeros(2))]
        other = LearnedOptimizer(p, golden.Golden("lstm-raw").rule).state_dict()
        with self.assertRaisesRegex(ValueError, "^unroll: the state to load is not of this rule"):
            LearnedOptimizer(p, golden.Golden("lstm").rule).load_state_dict(other)

    def test_schedules(self):
        p = torch.nn.Parameter(torch.zeros(2))
        optimizer = LearnedOptimizer([p], golden.Golden("lstm").rule)
        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda epoch: float(epoch))
        p.grad = torch.ones(2)
        optimizer.step()
        self.assertEqual(p.tolist(), [0, 0], "the rate is 0 at first")
        schedule.step()
        optimizer.step()
        self.assertNotEqual(p.tolist(), [0, 0])


class Refused(unittest.TestCase):
    def test_horizon(self):
        p = [torch.nn.Parameter(torch.zeros(2))]
        for bad in (None, 0, -1, 1.5):
            with self.assertRaisesRegex(ValueError, "want horizon=N"):
                LearnedOptimizer(p, golden.Golden("general").rule, horizon=bad)
        LearnedOptimizer(p, unroll.load(golden.Golden("general-free").rule))

    def test_numbers(self):
        p = [torch.nn.Parameter(torch.zeros(2))]
        for bad, want in ((dict(lr=-1), "lr is -1"), (dict(weight_decay=1), "weight_decay is 1")):
            with self.assertRaisesRegex(ValueError, want):
                LearnedOptimizer(p, golden.Golden("lstm").rule, **bad)
        with self.assertRaisesRegex(ValueError, "type torch.complex64"):
            LearnedOptimizer([torch.zeros(2, dtype=torch.complex64)], golden.Golden("lstm").rule)

    def test_sparse(self):
        table = torch.nn.Embedding(4, 2, sparse=True)
        table(torch.tensor([1])).sum().backward()
        with self.assertRaisesRegex(RuntimeError, "dense gradients"):
            LearnedOptimizer(table.parameters(), golden.Golden("lstm").rule).step()

    def test_not_finite(self):
        tensors = [torch.nn.Parameter(torch.zeros(2)) for _ in range(2)]
        tensors[0].grad, tensors[1].grad = torch.ones(2), torch.tensor([1.0, float("nan")])
        with self.assertRaisesRegex(FloatingPointError, "no weight was moved"):
            LearnedOptimizer(tensors, golden.Golden("lstm").rule).step()
        self.assertEqual([p.tolist() for p in tensors], [[0, 0], [0, 0]])


if __name__ == "__main__":
    unittest.main()
