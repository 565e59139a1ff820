import json
import pathlib
import re
import struct
import tempfile
import unittest

import numpy as np

import unroll
from unroll import files
from tests import golden

LSTM = golden.FOLDER / "lstm-raw.safetensors"


class Steps(unittest.TestCase):
    """The formulas by themselves, in NumPy. Here every weight moves, so that only those that have a gradient at once compare."""

    def test_numpy(self):
        for name in golden.NAMES:
            g = golden.Golden(name)
            rule = unroll.load(g.rule)
            weights = {k: w.copy() for k, w in g.weights.items()}
            state = {k: {n: np.zeros(s, np.float32) for n, s in rule.state(w.shape).items()} for k, w in weights.items()}
            begun = {k: grad != 0 for k, grad in g.gradients[0].items()}
            for t, (grads, steps) in enumerate(zip(g.gradients, g.steps)):
                matrices = [w.shape[-1] for w in weights.values() if w.ndim > 1]
                at, got = unroll.Moment(np.float32(t), g.horizon or 0, len(matrices), matrices[-1]), {}
                for k, grad in grads.items():
                    view = rule.view(grad.shape)
                    theta = weights[k].astype(np.float32).reshape(view)
                    step, state[k] = rule.step(np, rule.phi, grad.reshape(view), theta, state[k], at)
                    self.assertEqual(step.dtype, np.float32)
                    got[k] = np.where(begun[k], step.reshape(grad.shape), steps[k])
                    weights[k] += steps[k]
                self.assertLess(golden.worst(got, steps), 1e-5, f"{name}, step {t}")

    def test_outputs(self):
        """Fewer than ten outputs count as ten; and with more than the most, 12 here, steps are shorter, but not less than by half."""
        g = golden.Golden("general-decay")
        rule, grad = unroll.load(g.rule), np.ones((3, 4), np.float32)
        state = {n: np.zeros(s, np.float32) for n, s in rule.state(grad.shape).items()}

        def step(outputs):
            return rule.step(np, rule.phi, grad, grad, state, unroll.Moment(np.float32(1), 0, 2, outputs))[0]

        for outputs in [1, 9]:
            np.testing.assert_array_equal(step(outputs), step(10))
        self.assertTrue((step(11) != step(10)).all())
        for outputs, part in [(12, 1), (27, 2 / 3), (48, 0.5), (784, 0.5)]:
            np.testing.assert_allclose(step(outputs), part * step(12), rtol=1e-6)


def parts(content):
    (n,) = struct.unpack("<Q", content[:8])
    return json.loads(content[8 : 8 + n]), content[8 + n :]


def changed(content, **meta):
    """Returns a file with other metadata, whose checksum is right."""
    header, data = parts(content)
    header["__metadata__"].update(meta)
    meta = header["__metadata__"]
    layout = json.loads(meta["layout"])
    tensors = [data[slice(*header[entry["name"]]["data_offsets"])] for entry in layout]
    meta["sha256"] = files._checksum(meta, tensors)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text + data


class Files(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path = pathlib.Path(folder.name) / "rule.safetensors"
        self.content = LSTM.read_bytes()

    def refused(self, content, want):
        self.path.write_bytes(content)
        with self.assertRaises(unroll.FileError) as caught:
            unroll.load(self.path)
        text = str(caught.exception)
        self.assertRegex(text, f"^unroll: {re.escape(str(self.path))}: .*{want}")
        self.assertNotIn("\n", text)
        self.assertLess(len(text), len(str(self.path)) + 200)

    def test_sound(self):
        self.path.write_bytes(changed(self.content, news="of a later version"))
        rule = unroll.load(str(self.path))
        self.assertIsInstance(rule, unroll.LSTM)
        self.assertEqual(rule.config["hidden"], 4)

    def test_refused(self):
        flipped = bytearray(self.content)
        flipped[-1] ^= 1
        self.refused(bytes(flipped), "bad checksum")
        self.refused(changed(self.content, format_version="2"), "format version 2, this package reads up to 1")
        self.refused(changed(self.content, rule="celo2"), "the rule 'celo2'; this package knows lstm and general")
        self.refused(changed(self.content, rule="\n" * 999), "this package knows lstm and general")
        self.refused(changed(self.content, rule="general"), "configuration of general: no field 'layers'")
        self.refused(changed(self.content, config='{"hidden":5}'), "another layout")
        self.refused(changed(self.content, config='{"hidden":"5"}'), "hidden is '5'")
        self.refused(changed(self.content, config="[]"), "not a sound file")
        self.refused(changed(self.content, kind="training"), "of kind 'training', want 'rule'")
        self.refused(changed(self.content, format="pt"), "not written by unroll")
        self.refused(self.content + b"\0", "with something added")
        self.refused(b"", "not a safetensors file")
        self.refused(b"PK\3\4" * 100, "not a safetensors file")

    def test_cut_anywhere(self):
        for n in range(0, len(self.content), 7):
            self.refused(self.content[:n], "")

    def test_missing(self):
        with self.assertRaises(FileNotFoundError):
            unroll.load(self.path)


if __name__ == "__main__":
    unittest.main()
