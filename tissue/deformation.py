"""
The deformation that points have gone through, and its logarithmic strain.

    dF/dt = L F,   L_ij = du_i / dx_j,        strain: log(F F^T) / 2 = sum_k log(lambda_k) n_k n_k,

with lambda_k the stretches and n_k the axes they have now. Strains of one axis add up in time, and the trace is the
logarithm of the volume over the first one.
Source: Hencky 1928; Xiao, Bruhns and Meyers 1997, doi:10.1007/BF01365154.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from tissue import _kernels_deform as kernels
from tissue.errors import FieldError
from tissue.fields import as_count, as_dim, as_field, as_numbers
from tissue.grid import Array
from tissue.signals import PLACES


def undeformed(points: int, dim: int) -> Array:
    """F = I for every point, [n, dim, dim]. Raises FieldError for a dim that is not 2 or 3, and a negative number."""
    return np.tile(np.eye(as_dim(dim)), (as_count("points", points), 1, 1))


def deform(deformation: ArrayLike, gradient: ArrayLike, dt: float) -> Array:
    """
    Deformation gradients after dt in a velocity gradient that is steady for its points: exp(L dt) F, [n, dim, dim].

    deformation: F [n, dim, dim], from `undeformed` or the last step. gradient: L [n, dim, dim], from
    `velocity_gradient`; of the middle of the step, the order is two. Volumes that L keeps are kept to rounding of the
    largest stretch squared. Raises FieldError for shapes that do not fit, NaN, infinity, and stretches beyond numbers.
    """
    slopes = _matrices("gradient", gradient)
    before = as_field("deformation", _matrices("deformation", deformation), slopes.shape)
    after = np.empty_like(before)
    kernels.deform[slopes.shape[-1]](slopes, float(as_field("dt", dt, ())), before, after)
    if not np.isfinite(after).all():
        k = int(np.argwhere(~np.isfinite(after))[0, 0])
        raise FieldError(
            f"the deformation of point {k} grew beyond the range of numbers in dt = {dt:g}, with the gradient "
            f"{slopes[k].tolist()}; take a smaller dt"
        )
    return after


def logarithmic_strain(deformation: ArrayLike) -> Array:
    """
    log(F F^T) / 2 of deformation gradients [n, dim, dim], components as in `Grid.component_names`: [n, 3] or [n, 6].

    Raises FieldError for shapes that do not fit, NaN, infinity, and points that are turned inside out.
    """
    f = _matrices("deformation", deformation)
    inverted = ~(np.linalg.det(f) > 0.0)
    if inverted.any():
        k = int(np.argmax(inverted))
        raise FieldError(f"deformation[{k}] is {f[k].tolist()}, whose determinant is not positive; no flow leads there")
    # by singular values, as F F^T would square what rounding does to the smallest
    axes, stretches, _ = np.linalg.svd(f)
    rows, columns = PLACES[f.shape[-1]]
    strain = (axes * np.log(stretches)[:, None, :]) @ np.swapaxes(axes, -1, -2)
    return np.ascontiguousarray(strain[:, rows, columns])


def _matrices(name: str, value: ArrayLike) -> Array:
    found = as_numbers(name, value)
    if found.ndim != 3 or found.shape[1:] not in ((2, 2), (3, 3)):
        raise FieldError(f"{name} has shape {found.shape}; give [n, 2, 2] or [n, 3, 3]")
    return np.ascontiguousarray(as_field(name, found, found.shape))
