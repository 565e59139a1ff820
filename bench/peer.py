"""What the peers share: the file of a work, the check against our gradient, and the clock."""
import argparse
import json
import os
import time

import numpy as np

TOLERANCE = 1e-3  # of the relative difference of two gradients in float32; in fact they differ by 1e-6 or so


def flags():
    """Parses the command line; it comes before the framework is imported."""
    ap = argparse.ArgumentParser()
    ap.add_argument("--inputs", required=True, help="folder that bench/ours wrote to")
    ap.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    ap.add_argument("--check", action="store_true", help="compare the gradient with ours")
    ap.add_argument("--time", type=int, default=0, metavar="N", help="do the work N times and print a line of JSON")
    return ap.parse_args()


class Work:
    """What a work starts from, and what we say comes out: dictionaries of arrays, by the names of our tensors."""

    def __init__(self, folder, name):
        tensors, meta = read(os.path.join(folder, name + ".safetensors"))
        self.phi, self.grad, self.theta = ({
            name.removeprefix(prefix): t for name, t in tensors.items() if name.startswith(prefix)
        } for prefix in ("phi.", "grad.", "theta."))
        self.images, self.labels = tensors["images"], tensors["labels"].astype(np.int32)
        self.loss = float(meta["loss"])


def read(path):
    """Returns the tensors and the metadata of a safetensors file of float32s."""
    with open(path, "rb") as f:
        header = json.loads(f.read(int.from_bytes(f.read(8), "little")))
        data = f.read()
    meta, tensors = header.pop("__metadata__"), {}
    for name, info in header.items():
        begin, end = info["data_offsets"]
        tensors[name] = np.frombuffer(data[begin:end], "<f4").reshape(info["shape"]).copy()
    return tensors, meta


def main(args, work, name, version, result, run=None):
    """Checks result, which returns the loss and its derivatives, arrays by name, and times run, or else result too."""
    run = run or result
    if args.check:
        loss, grad = result()
        check(work, float(loss), {k: np.asarray(v) for k, v in grad.items()})
    run()
    if not args.time:
        return
    seconds = []
    for _ in range(args.time):
        began = time.perf_counter()
        run()
        seconds.append(time.perf_counter() - began)
    print(json.dumps({
        "name": name, "version": version, "threads": args.threads, "seconds": seconds, "peak_mb": peak_mb(),
    }))


def check(work, loss, grad):
    """Ends the program unless the gradient is ours."""
    assert grad.keys() == work.grad.keys() and all(grad[k].shape == g.shape for k, g in work.grad.items())
    ours = np.concatenate([g.ravel() for g in work.grad.values()]).astype(np.float64)
    theirs = np.concatenate([grad[k].ravel() for k in work.grad]).astype(np.float64)
    difference = np.linalg.norm(theirs - ours) / np.linalg.norm(ours)
    print(f"gradient of {ours.size} numbers: relative difference {difference:.1e}; "
          f"loss {loss:.6f}, ours {work.loss:.6f}")
    if not (difference < TOLERANCE and abs(loss - work.loss) < TOLERANCE * work.loss):
        raise SystemExit(f"not the same work: want less than {TOLERANCE}")


def peak_mb():
    """Returns the most memory that the process ever had resident, as Linux counts it."""
    with open("/proc/self/status") as f:
        return next(int(line.split()[1]) / 1024 for line in f if line.startswith("VmHWM:"))


def require_fast_blas():
    """Refuses the reference BLAS: Debian's PyTorch takes it where it finds no other, and is five times slower."""
    with open("/proc/self/maps") as f:
        loaded = f.read()
    if "/libblas.so" in loaded and not any(name in loaded for name in ("openblas", "mkl", "blis", "atlas")):
        raise SystemExit("PyTorch runs on the reference BLAS; apt-get install libopenblas0-pthread")
