"""Files of rules: safetensors with metadata and a checksum, as docs/format.md has them."""

from __future__ import annotations

import hashlib
import json
import os
import struct
from typing import Any, Dict, List, NamedTuple, Tuple, Union

import numpy as np

Path = Union[str, "os.PathLike[str]"]

FORMAT_VERSION = 1  # the only one there is so far
HEADER_LIMIT = 4 << 20  # bytes
TENSORS_LIMIT = 32 << 20  # bytes


class FileError(ValueError):
    """A file that is no rule, is damaged, or holds what this package does not know. Its text is one line that names the file."""


class Saved(NamedTuple):
    """What a file of a rule holds."""

    name: str  # which rule
    config: Dict[str, Any]  # its configuration; empty if the file has none
    phi: Dict[str, np.ndarray]  # float32, in the order of the file's layout
    provenance: Dict[str, str]  # where it comes from, for people
    checksum: str  # SHA-256 of all of it, hexadecimal


def read(path: Path) -> Saved:
    """Reads and checks a file. A file that is not there is the usual ``FileNotFoundError``, all else that is wrong a ``FileError``."""
    with open(path, "rb") as f:
        content = f.read(8 + HEADER_LIMIT + TENSORS_LIMIT + 1)
    try:
        return _parse(content)
    except FileError as e:
        raise FileError(f"unroll: {os.fspath(path)}: {e}") from None
    except (KeyError, TypeError, AttributeError, ValueError, RecursionError) as e:
        what = str(e).splitlines()[0] if str(e) else type(e).__name__
        raise FileError(f"unroll: {os.fspath(path)}: not a sound file of unroll ({what[:120]})") from None


def _parse(content: bytes) -> Saved:
    header, data = _cut(content)
    meta = header.pop("__metadata__", None)
    if not isinstance(meta, dict) or meta.get("format") != "unroll":
        raise FileError("safetensors, but not written by unroll")
    _check_version(meta["format_version"])
    parts = _parts(meta, header, len(data))
    if _checksum(meta, [data[start:end] for _, _, start, end in parts]) != meta["sha256"]:
        raise FileError("bad checksum: the file is damaged; fetch or copy it again")
    if meta["kind"] != "rule":
        raise FileError(f"the file is of kind {meta['kind']!r:.60}, want 'rule': of a run's folder take optimizer.safetensors")
    phi = {name: _numbers(name, data[start:end], shape) for name, shape, start, end in parts}
    config = json.loads(meta.get("config", "{}"), object_pairs_hook=_no_repeats)
    if not isinstance(config, dict):
        raise FileError("not a sound file of unroll: its configuration is no JSON object")
    provenance = {key[len("provenance.") :]: value for key, value in meta.items() if key.startswith("provenance.")}
    return Saved(meta["rule"], config, phi, provenance, meta["sha256"])


def _cut(content: bytes) -> Tuple[Dict[str, Any], bytes]:
    if len(content) < 8:
        raise FileError("not a safetensors file: it has less than 8 bytes")
    (n,) = struct.unpack("<Q", content[:8])
    if n > HEADER_LIMIT or 8 + n > len(content):
        raise FileError("not a safetensors file, or cut short: its header would be longer than there is")
    if len(content) - 8 - n > TENSORS_LIMIT:
        raise FileError("its tensors take more than 32 MiB, which is more than a rule may")
    header = json.loads(content[8 : 8 + n].decode("utf-8"), object_pairs_hook=_no_repeats)
    if not isinstance(header, dict):
        raise FileError("not a safetensors file: its header is no JSON object")
    return header, content[8 + n :]


def _no_repeats(pairs: List[Tuple[str, Any]]) -> Dict[str, Any]:
    if len({key for key, _ in pairs}) != len(pairs):
        raise FileError("a name is there twice in its header")
    return dict(pairs)


def _check_version(text: str) -> None:
    version = int(text)
    if version > FORMAT_VERSION:
        raise FileError(f"format version {version}, this package reads up to {FORMAT_VERSION}: a newer unroll wrote it; update the package")
    if version != FORMAT_VERSION:
        raise FileError(f"format version {version}, want {FORMAT_VERSION}")


def _parts(meta: Dict[str, str], header: Dict[str, Any], size: int) -> List[Tuple[str, Tuple[int, ...], int, int]]:
    """Lists name, shape, start and end of each tensor, in the order of the layout. They fill the file without gaps."""
    parts = []
    for entry in json.loads(meta["layout"], object_pairs_hook=_no_repeats):
        name, info = entry["name"], header.pop(entry["name"])
        if (info["dtype"], info["shape"]) != (entry["dtype"], entry["shape"]):
            raise FileError(f"tensor {name!r:.60}: header and layout differ")
        if info["dtype"] != "F32":
            raise FileError(f"tensor {name!r:.60} is {info['dtype']!r:.20}, want F32 in a rule")
        shape = tuple(info["shape"])
        if not all(type(n) is int and n > 0 for n in shape):
            raise FileError(f"tensor {name!r:.60} has the shape {str(shape):.60}")
        start, end = info["data_offsets"]
        if end - start != 4 * int(np.prod(shape, dtype=object)):
            raise FileError(f"tensor {name!r:.60} does not have as many bytes as its shape says")
        parts.append((name, shape, start, end))
    if header:
        raise FileError(f"tensor {next(iter(header))!r:.60} is not in the layout")
    at = 0
    for _, _, start, end in sorted(parts, key=lambda part: part[2]):
        if start != at:
            raise FileError("its tensors do not lie end to end")
        at = end
    if at != size:
        raise FileError(f"cut short, or with something added: {size} bytes of tensors, want {at}")
    return parts


def _checksum(meta: Dict[str, str], tensors: List[bytes]) -> str:
    total = hashlib.sha256()
    for key, value in sorted((k.encode(), v.encode()) for k, v in meta.items() if k != "sha256"):
        for text in (key, value):
            total.update(struct.pack("<Q", len(text)) + text)
    for tensor in tensors:
        total.update(tensor)
    return total.hexdigest()


def _numbers(name: str, data: bytes, shape: Tuple[int, ...]) -> np.ndarray:
    values = np.frombuffer(data, "<f4").reshape(shape).astype(np.float32)
    if not np.isfinite(values).all():
        raise FileError(f"tensor {name!r:.60} has numbers that are not finite")
    return values
