"""YAML data to values: keys as text, CPU sets in all their spellings."""

from __future__ import annotations

from typing import Any

from kvmc.cpuset import CpuSet

_COLLECTIONS = (dict, list)


def text_keys(data: Any) -> Any:  # noqa: ANN401 - YAML data is of any shape
    """Return the data with every key as a string, which is what JSON Schema knows."""
    if isinstance(data, dict):
        # Most values are scalars, and a call for each of them is what takes time here.
        return {
            str(key): text_keys(value) if type(value) in _COLLECTIONS else value
            for key, value in data.items()
        }
    if isinstance(data, list):
        return [text_keys(item) for item in data]
    return data


def cpus_of(value: str | int | list[str | int]) -> CpuSet:
    """Read a CPU set from a string, a list of ids and ranges, or one id; raises CpuSetError."""
    items = value if isinstance(value, list) else [value]
    return CpuSet.parse(",".join(str(item) for item in items))
