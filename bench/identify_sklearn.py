"""scikit-learn's random forest on the networks and the splits of a study of cmd/identify, for comparison.

    go run ./cmd/identify --model networks.safetensors --json study.json
    python bench/identify_sklearn.py networks.safetensors study.json

needs numpy and scikit-learn.
"""

import json
import struct
import sys

import numpy as np
from sklearn.ensemble import RandomForestClassifier

TREES = 200


def read(path):
    """Returns the metadata and the tensors; docs/format.md says what is in them."""
    with open(path, "rb") as f:
        (n,) = struct.unpack("<Q", f.read(8))
        header, data = json.loads(f.read(n)), f.read()
    meta = header.pop("__metadata__")
    tensors = {}
    for name, t in header.items():
        begin, end = t["data_offsets"]
        kind = {"F32": "<f4", "F64": "<f8"}[t["dtype"]]
        tensors[name] = np.frombuffer(data[begin:end], kind).reshape(t["shape"])
    return json.loads(meta["observables"]), tensors


def accuracies(x, rule, net, fit, key):
    """Returns the accuracy on layers and on networks, which are told by the mean of their layers' probabilities."""
    forest = RandomForestClassifier(TREES, max_features="sqrt", random_state=key, n_jobs=-1)
    forest.fit(x[fit], rule[fit])
    p = forest.predict_proba(x[~fit])
    layer = np.mean(p.argmax(1) == rule[~fit])
    nets = np.unique(net[~fit])
    right = [p[net[~fit] == i].mean(0).argmax() == rule[net == i][0] for i in nets]
    return layer, np.mean(right)


def main():
    content, tensors = read(sys.argv[1])
    net, rule = tensors["net"].astype(int), tensors["rule"].astype(int)
    times, views = content["times"], len(content["views"])
    finite = np.all([np.isfinite(tensors[f"features{v}"]).all(0) for v in range(views)], axis=0)
    for s in range(len(content["statistics"])):  # a statistic is left out at all times, or at none
        finite[s * times : (s + 1) * times] = finite[s * times : (s + 1) * times].all()
    x = tensors["features0"][:, finite].astype(np.float32)  # which is what scikit-learn's trees see
    with open(sys.argv[2]) as f:
        study = json.load(f)
    found = np.array([accuracies(x, rule, net, ~np.isin(net, test), i) for i, test in enumerate(study["test"])])
    for name, v in (("layer", found[:, 0]), ("net", found[:, 1])):
        ours = study["accuracy"][name]
        print(f"per {name}: scikit-learn {v.mean():.3f} ± {v.std(ddof=1) / np.sqrt(len(v)):.3f}", end="")
        print(f", here {ours['mean']:.3f} ± {ours['stderr']:.3f}")



if __name__ == "__main__":
    main()
