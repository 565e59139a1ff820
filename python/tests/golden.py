"""Trajectories of unroll's own optimizers, which the package is held to."""

import json
import pathlib

import numpy as np

FOLDER = pathlib.Path(__file__).parent / "golden"
NAMES = sorted(path.stem for path in FOLDER.glob("*.json"))


class Golden:
    def __init__(self, name):
        content = json.loads((FOLDER / f"{name}.json").read_text())
        self.rule = FOLDER / content["rule"]
        self.horizon = content["horizon"] or None
        self.shapes = {tensor["name"]: tuple(tensor["shape"]) for tensor in content["layout"]}
        self.weights = self.split(content["weights"], np.float64)
        self.gradients = [self.split(step["gradient"], np.float32) for step in content["steps"]]
        self.steps = [self.split(step["step"], np.float64) for step in content["steps"]]

    def split(self, values, dtype):
        """Cuts numbers that lie end to end into tensors by name."""
        at, tensors = 0, {}
        for name, shape in self.shapes.items():
            n = int(np.prod(shape))
            tensors[name] = np.array(values[at : at + n], dtype).reshape(shape)
            at += n
        assert at == len(values)
        return tensors


def worst(got, want):
    """Returns the largest difference between two steps, relative to the largest number of the step."""
    largest = max(np.abs(x).max() for x in want.values())
    return max(np.abs(np.asarray(got[name], np.float64) - x).max() for name, x in want.items()) / largest
