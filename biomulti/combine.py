"""Many runs as one Dataset: the axes of the grid, replicates, and what the runs themselves have."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from biomulti._jobs import REPLICATE, Job
from biomulti.options import LARGEST_RESULT

Array = NDArray[Any]
Part = tuple[Job, xr.Dataset]


class Misfit(Exception):
    """Runs that make no one Dataset; the message says how they differ."""


def combined(axes: Mapping[str, Array], replicates: int, parts: Sequence[Part]) -> xr.Dataset:
    """One Dataset of dimensions (axes, replicate, those of the runs).

    Args:
        axes: values of the grid, by name.
        replicates: of every point.
        parts: runs, each with its job; where one is missing, or has no value at a place along a dimension with a
            coordinate at which others have one, there is NaN, and whole numbers are floats then.

    An axis whose name the runs use for something else is called NAME_initial. Attributes are those that all runs agree
    on, and a coordinate that is the same in all runs stands once.

    Raises:
        Misfit: runs of different variables, dimensions or units; of different lengths along a dimension without values;
            or together too large.
    """
    _refuse_other_variables(parts)
    first = parts[0][1]
    lengths = {d: _joined(d, parts) for d in first.sizes if d != REPLICATE}
    named = labels(axes, first)
    grid = (*(named[name] for name in axes), REPLICATE)
    shape = (*(len(values) for values in axes.values()), replicates)
    whole = sum(job.count for job, _ in parts) == int(np.prod(shape))
    coords: dict[Any, Any] = {named[name]: values for name, values in axes.items()}
    coords[REPLICATE] = np.arange(replicates)
    data: dict[Any, Any] = {}
    for name, variable in first.variables.items():
        if name in lengths:
            if lengths[name].values is not None:
                coords[name] = ((name,), lengths[name].values, variable.attrs)
        elif name in first.coords and name != REPLICATE and _alike(name, parts) and REPLICATE not in variable.dims:
            coords[name] = variable
        elif name != REPLICATE:
            target = coords if name in first.coords else data
            target[name] = _stacked(name, grid, shape, lengths, parts, whole)
    attributes = {k: v for k, v in first.attrs.items() if all(_same(v, d.attrs.get(k)) for _, d in parts)}
    return xr.Dataset(data, coords=coords, attrs=attributes)


@dataclass(frozen=True)
class _Length:
    """A dimension of all runs together: how long it is, its values if it has any, and whether runs differ in them."""

    size: int
    values: Array | None
    differ: bool = False


def _refuse_other_variables(parts: Sequence[Part]) -> None:
    job, first = parts[0]
    for other, data in parts[1:]:
        odd = sorted(map(str, set(first.variables) ^ set(data.variables)))
        if odd:
            there, not_there = (job, other) if odd[0] in first.variables else (other, job)
            raise Misfit(f"'{odd[0]}' is there at {there}, and not at {not_there}")
        for name, variable in first.variables.items():
            found = data.variables[name]
            if variable.dims != found.dims:
                raise Misfit(f"'{name}' has dimensions {variable.dims} at {job}, and {found.dims} at {other}")
            units = variable.attrs.get("units"), found.attrs.get("units")
            if units[0] != units[1]:
                raise Misfit(f"'{name}' is in {units[0]!r} at {job}, and in {units[1]!r} at {other}")


def _joined(dimension: Any, parts: Sequence[Part]) -> _Length:
    job, first = parts[0]
    if dimension not in first.variables:
        for other, data in parts:
            if data.sizes[dimension] != first.sizes[dimension]:
                raise Misfit(
                    f"'{dimension}' has no values and is {first.sizes[dimension]} long at {job}, and "
                    f"{data.sizes[dimension]} at {other}; give it a coordinate, by which runs can be put side by side"
                )
        return _Length(first.sizes[dimension], None)
    values = [data[dimension].to_numpy() for _, data in parts]
    if all(np.array_equal(values[0], v) for v in values):
        return _Length(len(values[0]), values[0])
    for (other, _), v in zip(parts, values, strict=True):
        if len(np.unique(v)) < len(v):
            raise Misfit(f"'{dimension}' differs between runs, and has a value twice at {other}")
    union = np.unique(np.concatenate(values))
    return _Length(len(union), union, differ=True)


def labels(axes: Iterable[str], first: xr.Dataset) -> dict[str, str]:
    """The dimension of every axis, beside runs like `first`."""
    taken = {str(n) for n in (*first.variables, *first.sizes)}
    out: dict[str, str] = {}
    for name in axes:
        label = name if name not in taken else f"{name}_initial"
        while label in taken:
            label += "_"
        out[name] = label
        taken.add(label)
    return out


def _stacked(
    name: Any,
    grid: Sequence[str],
    shape: Sequence[int],
    lengths: Mapping[Any, _Length],
    parts: Sequence[Part],
    whole: bool,
) -> xr.Variable:
    """A variable of all runs, [shape, those of the run]."""
    rest = [d for d in parts[0][1][name].dims if d != REPLICATE]
    size = (*shape, *(lengths[d].size for d in rest))
    kinds = {data[name].dtype for _, data in parts}
    if len({kind.kind in "biufc" for kind in kinds}) > 1:
        raise Misfit(f"'{name}' is a number in some runs and none in others")
    dtype = np.result_type(*kinds)
    gaps = not whole or any(lengths[d].differ for d in rest)
    if 8.0 * np.prod(size, dtype=float) > LARGEST_RESULT:
        raise Misfit(f"'{name}' of all runs together, {size}, is larger than {LARGEST_RESULT / 1e9:g} GB")
    out = _empty(size, dtype, gaps)
    for job, data in parts:
        block = data[name]
        if REPLICATE in block.dims:
            values = block.transpose(REPLICATE, *rest).to_numpy()
        else:
            values = np.broadcast_to(block.to_numpy(), (job.count, *block.shape))
        target = out[job.place][job.first : job.first + job.count]
        if any(lengths[d].differ for d in rest):
            target[np.ix_(np.arange(job.count), *(_places(lengths[d], data, d) for d in rest))] = values
        else:
            target[...] = values
    return xr.Variable((*grid, *rest), out, attrs=_common([data[name].attrs for _, data in parts]))


def _empty(size: Sequence[int], dtype: np.dtype[Any], gaps: bool) -> Array:
    if not gaps:
        return np.empty(size, dtype)
    if dtype.kind in "biu":
        dtype = np.dtype(np.float64)
    nothing = {"f": np.nan, "c": np.nan, "M": np.datetime64("NaT"), "m": np.timedelta64("NaT")}.get(dtype.kind)
    return np.full(size, nothing, dtype if dtype.kind in "fcMm" else object)


def _places(length: _Length, data: xr.Dataset, dimension: Any) -> Array:
    if length.values is None:
        return np.arange(length.size)
    return np.asarray(np.searchsorted(length.values, data[dimension].to_numpy()))


def _alike(name: Any, parts: Sequence[Part]) -> bool:
    first = parts[0][1].variables[name]
    return all(first.equals(data.variables[name]) for _, data in parts)


def _common(attributes: Sequence[Mapping[Any, Any]]) -> dict[Any, Any]:
    return {k: v for k, v in attributes[0].items() if all(k in a and _same(v, a[k]) for a in attributes)}


def _same(a: Any, b: Any) -> bool:
    return a is b or (type(a) is type(b) and bool(np.array_equal(a, b)))
