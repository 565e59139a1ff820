"""Reads a learned rule and takes steps with it, in NumPy, from docs/format.md alone.

    python read_rule.py FILE.safetensors GRADIENTS.txt

GRADIENTS.txt has one step a line, and in it one gradient a weight. Prints the steps in the same form. The steps in
learnedopt/testdata, to which a test holds the Go, were made so.
"""

import hashlib
import json
import struct
import sys

import numpy as np


def no_repeats(pairs):
    if len({key for key, _ in pairs}) != len(pairs):
        raise ValueError("a name is there twice")
    return dict(pairs)


def read(path):
    """Returns the metadata and the tensors by name, in the order of the layout, having checked the sum."""
    with open(path, "rb") as f:
        content = f.read()
    (n,) = struct.unpack("<Q", content[:8])
    header = json.loads(content[8 : 8 + n].decode("utf-8"), object_pairs_hook=no_repeats)
    data = content[8 + n :]
    meta = header.pop("__metadata__")
    if (meta["format"], meta["format_version"]) != ("unroll", "1"):
        raise ValueError("not one of unroll's files, or of another version")

    total = hashlib.sha256()
    for key in sorted(meta, key=lambda k: k.encode()):
        if key != "sha256":
            for text in (key.encode(), meta[key].encode()):
                total.update(struct.pack("<Q", len(text)) + text)
    tensors = {}
    for entry in json.loads(meta["layout"], object_pairs_hook=no_repeats):
        info = header.pop(entry["name"])
        if (info["dtype"], info["shape"]) != (entry["dtype"], entry["shape"]):
            raise ValueError(f"{entry['name']}: header and layout differ")
        start, end = info["data_offsets"]
        total.update(data[start:end])
        dtype = {"F32": "<f4", "F64": "<f8"}[info["dtype"]]
        tensors[entry["name"]] = np.frombuffer(data[start:end], dtype).reshape(info["shape"])
    if header:
        raise ValueError("tensors that the layout does not list")
    if total.hexdigest() != meta["sha256"]:
        raise ValueError("the checksum is wrong: the file is damaged")
    return meta, tensors


class LSTM:
    def __init__(self, config, phi, n):
        default = {"hidden": 20, "layers": 2, "scale": 0.1, "preprocess": 10}
        config = {key: config.get(key) or value for key, value in default.items()}
        self.layers, self.scale, self.p = config["layers"], np.float32(config["scale"]), config["preprocess"]
        self.phi = phi
        self.h = [np.zeros((n, config["hidden"]), np.float32) for _ in range(self.layers)]
        self.c = [np.zeros((n, config["hidden"]), np.float32) for _ in range(self.layers)]

    def features(self, g):
        if self.p < 0:
            return g[:, None]
        large = np.abs(g) >= np.float32(np.exp(-self.p))
        log = np.log(np.abs(np.where(large, g, 1))) / np.float32(self.p)
        return np.stack([np.where(large, log, -1), np.where(large, np.sign(g), np.float32(np.exp(self.p)) * g)], 1)

    def step(self, g):
        def sigmoid(z):
            return 1 / (1 + np.exp(-z))

        x = self.features(g.astype(np.float32)).astype(np.float32)
        for l in range(self.layers):
            w, u, b = (self.phi[f"lstm.{name}_l{l}"] for name in ("weight_ih", "weight_hh", "bias"))
            i, f, cell, o = np.split(x @ w.T + self.h[l] @ u.T + b, 4, axis=1)
            self.c[l] = sigmoid(f) * self.c[l] + sigmoid(i) * np.tanh(cell)
            self.h[l] = sigmoid(o) * np.tanh(self.c[l])
            x = self.h[l]
        return self.scale * (x @ self.phi["linear.weight"][0] + self.phi["linear.bias"])


if __name__ == "__main__":
    meta, phi = read(sys.argv[1])
    if (meta["kind"], meta["rule"]) != ("rule", "lstm"):
        sys.exit("want an LSTM rule")
    gradients = np.loadtxt(sys.argv[2], dtype=np.float32, ndmin=2)
    rule = LSTM(json.loads(meta.get("config", "{}")), phi, gradients.shape[1])
    for g in gradients:
        print(*(repr(float(s)) for s in rule.step(g)))
