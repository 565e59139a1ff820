"""Reads a folder of event files by TensorBoard's own reader and compares it with a log: read_events.py DIR LOG.jsonl"""

import json
import sys

import tensorboard
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

folder, log = sys.argv[1:]
events = EventAccumulator(folder, size_guidance={"scalars": 0, "histograms": 0})
events.Reload()
lines = [json.loads(line) for line in open(log, encoding="utf-8")]
compared, worst = 0, 0.0
for name in lines[0]:
    want = {x["episodes"]: x[name] for x in lines if isinstance(x[name], (int, float)) and not isinstance(x[name], bool)}
    if name == "episodes" or not want:
        continue
    got = {e.step: e.value for e in events.Scalars(name)}
    assert got.keys() == want.keys(), f"{name}: at {sorted(got)}; want {sorted(want)}"
    for step, value in want.items():
        error = abs(got[step] - value) / max(abs(value), 1e-30)
        assert error < 1e-6, f"{name} at {step}: {got[step]}; want {value}"
        compared, worst = compared + 1, max(worst, error)
histograms = events.Tags()["histograms"]
assert histograms, "no histogram of phi"
for tag in histograms:
    steps = [e.step for e in events.Histograms(tag)]
    assert steps == [x["episodes"] for x in lines], f"{tag}: at {steps}"
    for e in events.Histograms(tag):
        h = e.histogram_value
        assert sum(h.bucket) == h.num > 0 and h.min <= h.max == h.bucket_limit[-1], f"{tag} at {e.step}"
print(f"TensorBoard {tensorboard.__version__} reads {compared} numbers of {len(lines)} validations, the worst off by {worst:.1e},")
print(f"and histograms of {len(histograms)} tensors")
