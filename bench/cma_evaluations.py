# How many evaluations PyPI's cma takes to a loss below 1e-9, as medians of runs, for meta/search/cmaes_test.go:
#
#   python3 -m venv .venv && .venv/bin/pip install cma==4.5.0
#   .venv/bin/python cma_evaluations.py
import statistics
import warnings

warnings.simplefilter("ignore")
import cma

FUNCTIONS = {
    "sphere": lambda x: sum(v * v for v in x),
    "rosenbrock": lambda x: sum(100 * (x[i + 1] - x[i] ** 2) ** 2 + (1 - x[i]) ** 2 for i in range(len(x) - 1)),
    "ellipsoid": lambda x: sum(1e6 ** (i / (len(x) - 1)) * v * v for i, v in enumerate(x)),
}


def evaluations(function, n, seed):
    options = {"seed": seed, "verbose": -9, "ftarget": -1, "tolfun": 0, "tolfunhist": 0, "tolx": 0, "tolfunrel": 0}
    search, count = cma.CMAEvolutionStrategy([0.1] * n, 0.5, options), 0
    while count < 100_000:
        candidates, losses = search.ask(), []
        for x in candidates:
            losses.append(function(x))
            count += 1
            if losses[-1] < 1e-9:
                return count
        search.tell(candidates, losses)
    return count


for name, function in FUNCTIONS.items():
    for n in (5, 10):
        print(name, n, statistics.median(evaluations(function, n, seed) for seed in range(1, 52)), flush=True)
