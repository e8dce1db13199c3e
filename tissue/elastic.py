"""
Elastic memory: stress that points carry, stretched by the flow and relaxing (upper-convected Maxwell, Oldroyd-B).

    tau (Ds/Dt - L s - s L^T) + s = 2 eta_e e,    L_ij = du_i / dx_j,

is the equation of s = G (A - I), G = eta_e / tau, where the conformation A, I at rest, obeys

    DA/Dt = L A + A L^T - (A - I) / tau.

Steady L over a step leaves an exact solution, whose A is positive definite whatever the step.
Sources: Oldroyd 1950, doi:10.1098/rspa.1950.0035; Hulsen 1990, J. Non-Newtonian Fluid Mech. 38, 93 (positive A);
Van Loan 1978, doi:10.1109/TAC.1978.1101743 (the integral by doubling).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from tissue import _kernels_elastic as kernels
from tissue.errors import FieldError
from tissue.fields import as_count, as_dim, as_field, as_numbers
from tissue.grid import Array
from tissue.signals import PLACES


@dataclass(frozen=True)
class Maxwell:
    """
    A spring and a dashpot in a row: stress G times strain at once, viscosity G tau in the long run.

    relaxation_time: tau > 0; modulus: G >= 0; both one number, or one for each point [n].
    Beside a viscous fluid (`Stokes`), which is the solvent, it is an Oldroyd-B fluid.
    Raises FieldError for other values, NaN or infinity, when used.
    """

    relaxation_time: ArrayLike
    modulus: ArrayLike = 1.0

    def rest(self, points: int, dim: int) -> Array:
        """The conformation I of points without stress, components xx, yy, xy or xx, yy, zz, xy, xz, yz; [n, 3 or 6]."""
        dim = as_dim(dim)
        return np.tile(np.eye(dim)[PLACES[dim]], (as_count("points", points), 1))

    def advance(self, conformation: ArrayLike, gradient: ArrayLike, dt: float) -> Array:
        """
        The conformation after dt >= 0 in a gradient that is steady for its points, [n, 3 or 6].

        conformation: [n, 3 or 6], from `rest` or the last step. gradient: L [n, dim, dim], from `velocity_gradient`; at
        the middle of the step the order is two. A growing tissue stretches its springs unless its growth is taken
        off: L - growth I / dim. Stable for any dt; what is positive definite stays so.
        Raises FieldError for shapes that do not fit, NaN or infinity, dt < 0, and where a stretch leaves the range of
        numbers (extension at more than 1 / (2 tau) never ends).
        """
        slopes = as_numbers("gradient", gradient)
        dim = slopes.shape[-1] if slopes.ndim == 3 else 0
        if dim not in PLACES or slopes.shape[1] != dim:
            raise FieldError(f"gradient has shape {slopes.shape}; give [n, 2, 2] or [n, 3, 3]")
        slopes, n = as_field("gradient", slopes, slopes.shape), len(slopes)
        parts, (rows, columns) = as_field("conformation", conformation, (n, dim * (dim + 1) // 2)), PLACES[dim]
        inverse = 1.0 / as_field("relaxation time", self.relaxation_time, (n,), above=0.0)
        matrix = np.empty((n, dim, dim))
        matrix[:, rows, columns] = matrix[:, columns, rows] = parts
        kernels.advance(slopes, float(as_field("dt", dt, (), lowest=0.0)), inverse, matrix)
        new = np.ascontiguousarray(matrix[:, rows, columns])
        if not np.isfinite(new).all():
            k = int(np.argwhere(~np.isfinite(new))[0, 0])
            raise FieldError(
                f"the conformation of point {k} grew beyond the range of numbers in dt = {dt:g}, with the gradient "
                f"{slopes[k].tolist()}; take a smaller dt, or a shorter relaxation time where extension is faster "
                "than 1 / (2 tau)"
            )
        return new

    def stress(self, conformation: ArrayLike) -> Array:
        """s = G (A - I) at points, [n, 3 or 6]; times their areas (volumes) it is what `spread_stress` takes."""
        parts = as_numbers("conformation", conformation)
        dims = {3: 2, 6: 3}
        if parts.ndim != 2 or parts.shape[1] not in dims:
            raise FieldError(f"conformation has shape {parts.shape}; give [n, 3] or [n, 6]")
        dim = dims[parts.shape[1]]
        modulus = as_field("modulus", self.modulus, (len(parts),), lowest=0.0)
        return np.asarray(modulus[:, None] * (as_field("conformation", parts, parts.shape) - np.eye(dim)[PLACES[dim]]))

    def after(self, conformation: ArrayLike, dt: float) -> tuple[Array, Array]:
        """
        What is left of the stress after dt, G (A - I) exp(-dt / tau), and the viscosity of what strain adds in it,
        G tau (1 - exp(-dt / tau)); [n, 3 or 6] and [n].

        A flow of this stress and with this viscosity beside the solvent's balances the stress at the end of the step:
        stable for any dt, where the stress at its beginning takes dt < 2 eta / G; of first order.
        Raises FieldError as `stress` does, and for dt < 0.
        """
        stress = self.stress(conformation)
        n, step = len(stress), float(as_field("dt", dt, (), lowest=0.0))
        time = as_field("relaxation time", self.relaxation_time, (n,), above=0.0)
        modulus = as_field("modulus", self.modulus, (n,), lowest=0.0)
        return np.exp(-step / time)[:, None] * stress, -modulus * time * np.expm1(-step / time)
