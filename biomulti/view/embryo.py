"""A sheet of cells wrapped on the closed shape of a fly embryo: positions and normals, no drawing.

x runs along the axis from the anterior to the posterior pole, y round the circumference with the ventral
midline at y = ventral. With X = x - Lx/2 and theta = 2 pi (y - ventral)/Ly a point of the sheet at depth d is
    (X, rho sin theta, rho cos theta),   rho = R (1 - |X/a|^p)^(1/p) - d,   R = Ly/(2 pi),
so that lengths are true along the axis and round its middle, and shrink round the poles, which the sheet of
an unrolled embryo leaves out.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from biomulti.view.voronoi import Outlines, at_both_ends

Floats = NDArray[np.float64]
Indices = NDArray[np.int64]

# Half the embryo's length over the sheet's: 497 um for the 452 um of the unrolled fly embryo.
LENGTHENING = 1.1
# An ellipse has 2; more is blunter.
BLUNTNESS = 2.3
# Depth of a cell that has lost its whole apical area, over the radius.
FURROW = 0.45
# The furrow ends this far from the sheet's ends, over its length.
FURROW_END = 0.10
# Width of the Gaussian that smooths the furrow, in cells.
SMOOTHING = 1.5
# How far a cell's inner ring lies from its centre (1 is the outline), how high its middle stands out, in cells,
# and by how much (the tangent) its rim leans outwards.
INNER, DOME, LEAN = 0.84, 0.10, 0.55


@dataclass(frozen=True)
class Shape:
    """The embryo around a sheet of `size` (Lx, Ly) whose ventral midline is at y = ventral."""

    size: tuple[float, float]
    ventral: float

    @property
    def radius(self) -> float:
        """R, of the middle of the embryo."""
        return self.size[1] / (2.0 * np.pi)

    @property
    def half_length(self) -> float:
        """a, from the middle to a pole."""
        return LENGTHENING * self.size[0] / 2.0

    def profile(self, axial: Floats) -> tuple[Floats, Floats]:
        """Radius without furrow and its slope at X = axial, both the shape of axial."""
        along = np.clip(np.abs(axial) / self.half_length, 0.0, 1.0 - 1e-6)
        inner = 1.0 - along**BLUNTNESS
        radius = self.radius * inner ** (1.0 / BLUNTNESS)
        slope = -radius / inner * along ** (BLUNTNESS - 1.0) / self.half_length * np.sign(axial)
        return radius, slope


@dataclass(frozen=True)
class Relief:
    """Depth [nx, ny] of the furrow under the box, smooth and periodic."""

    size: tuple[float, float]
    depth: Floats

    def at(self, points: Floats) -> tuple[Floats, Floats]:
        """Depth [n] and its gradient [n, 2] at points [n, 2]."""
        from scipy.ndimage import map_coordinates

        step = np.array(self.size) / self.depth.shape
        where = (points / step - 0.5).T
        fields = [self.depth]
        fields += [(np.roll(self.depth, -1, axis=k) - np.roll(self.depth, 1, axis=k)) / (2 * step[k]) for k in (0, 1)]
        depth, along, around = (map_coordinates(f, where, order=1, mode="grid-wrap") for f in fields)
        return depth, np.stack([along, around], axis=1)


def relief(shape: Shape, centres: Floats, area: Floats | None) -> Relief:
    """The furrow: depth = FURROW R (1 - area), of cells at centres [n, 2] with apical area [n] over its start.

    Cells that have spread lie no higher than those at rest: the vitelline membrane holds them.
    """
    from scipy.ndimage import gaussian_filter

    cell = float(np.sqrt(shape.size[0] * shape.size[1] / len(centres)))
    bins = np.maximum(4, np.ceil(np.array(shape.size) / (0.75 * cell)).astype(int))
    if area is None:
        return Relief(shape.size, np.zeros(bins))
    depth = FURROW * shape.radius * np.clip(1.0 - area, 0.0, 1.0)
    box = np.array([[0.0, shape.size[0]], [0.0, shape.size[1]]])
    width = [SMOOTHING * cell * n / length for length, n in zip(shape.size, bins, strict=True)]
    total, count = (
        gaussian_filter(
            np.histogram2d(centres[:, 0], centres[:, 1], bins=bins, range=box, weights=w)[0], width, mode="wrap"
        )
        for w in (depth, np.ones_like(depth))
    )
    return Relief(shape.size, total / np.maximum(count, 1e-3 * count.max()))


@dataclass(frozen=True)
class Mesh:
    """Triangles [t, 3] between points [n, 3] with normals [n, 3]; owner [n]: its cell; rim [n]: on an outline."""

    points: Floats
    normals: Floats
    owner: Indices
    rim: NDArray[np.bool_]
    triangles: Indices


def wrapped(shape: Shape, outlines: Outlines, furrow: Relief) -> Mesh:
    """The cells as low domes on the embryo, each an outline, an inner ring and a middle."""
    outlines, cell = at_both_ends(outlines, 0, shape.size[0])
    owner, after = outlines.owner, outlines.following
    middle = outlines.centres[owner]
    inner = middle + INNER * (outlines.corners - middle)
    cells, corners = len(outlines.centres), len(owner)
    sheet = np.concatenate([outlines.corners, inner, outlines.centres])
    sheet[:, 0] = np.clip(sheet[:, 0], 0.0, shape.size[0])
    height = DOME * np.sqrt(shape.size[0] * shape.size[1] / cells)
    lift = np.concatenate([np.zeros(corners), np.full(corners, 0.8 * height), np.full(cells, height)])
    points, normals, along, around = _on_shape(shape, sheet, lift, furrow)
    arm = outlines.corners - middle
    arm /= np.maximum(np.hypot(*arm.T), 1e-12)[:, None]
    for ring, lean in ((slice(0, corners), LEAN), (slice(corners, 2 * corners), 0.35 * LEAN)):
        normals[ring] += lean * (arm[:, :1] * along[ring] + arm[:, 1:] * around[ring])
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    here = np.arange(corners)
    triangles = np.concatenate(
        [
            np.stack([here, after, corners + after], axis=1),
            np.stack([here, corners + after, corners + here], axis=1),
            np.stack([corners + here, corners + after, 2 * corners + owner], axis=1),
        ]
    )
    owners = cell[np.concatenate([owner, owner, np.arange(cells)])]
    return Mesh(points, normals, owners, np.arange(len(sheet)) < corners, triangles)


def _on_shape(shape: Shape, sheet: Floats, lift: Floats, furrow: Relief) -> tuple[Floats, Floats, Floats, Floats]:
    """Points, unit normals and the unit tangents along the axis and round it, each [n, 3], of points [n, 2]."""
    axial = sheet[:, 0] - shape.size[0] / 2.0
    theta = (sheet[:, 1] - shape.ventral) / shape.radius
    depth, slope = furrow.at(sheet)
    radius, radius_x = shape.profile(axial)
    # The furrow fades towards the poles, as it does in the embryo, and meets them without a step.
    inside = np.clip((0.5 * shape.size[0] - np.abs(axial)) / (FURROW_END * shape.size[0]), 0.0, 1.0)
    fade = inside * inside * (3.0 - 2.0 * inside)
    rho, rho_x, rho_t = radius - fade * depth, radius_x - fade * slope[:, 0], -fade * slope[:, 1] * shape.radius
    sin, cos = np.sin(theta), np.cos(theta)
    one, zero = np.ones_like(sin), np.zeros_like(sin)
    along = np.stack([one, rho_x * sin, rho_x * cos], axis=1)
    around = np.stack([zero, rho_t * sin + rho * cos, rho_t * cos - rho * sin], axis=1)
    normals = np.stack([-rho * rho_x, rho * sin - rho_t * cos, rho * cos + rho_t * sin], axis=1)
    for vectors in (along, around, normals):
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    points = np.stack([axial, (rho + lift) * sin, (rho + lift) * cos], axis=1)
    return points, normals, along, around


def pole_caps(shape: Shape, *, rings: int = 24, sectors: int = 96) -> tuple[Floats, Floats, Indices]:
    """Points [n, 3], normals [n, 3] and triangles [t, 3] of both poles, from just under the sheet's ends."""
    theta = np.linspace(0.0, 2.0 * np.pi, sectors, endpoint=False)
    start = np.arccos(0.99 / LENGTHENING)
    half = shape.half_length * np.cos(np.linspace(start, 0.0, rings))
    points, normals, triangles = [], [], []
    ring, sector = (i.ravel() for i in np.meshgrid(np.arange(rings - 1), np.arange(sectors), indexing="ij"))
    corner = [(ring + i) * sectors + (sector + j) % sectors for i, j in ((0, 0), (0, 1), (1, 1), (1, 0))]
    for k, side in enumerate((-1.0, 1.0)):
        axial = np.repeat(side * half, sectors)
        sin, cos = np.tile(np.sin(theta), rings), np.tile(np.cos(theta), rings)
        radius, slope = shape.profile(axial)
        under = 0.99 * radius
        points.append(np.stack([axial, under * sin, under * cos], axis=1))
        normal = np.stack([-np.maximum(-50.0, np.minimum(50.0, slope)), sin, cos], axis=1)
        normals.append(normal / np.linalg.norm(normal, axis=1, keepdims=True))
        offset = k * rings * sectors
        triangles += [offset + np.stack([corner[0], corner[a], corner[a + 1]], axis=1) for a in (1, 2)]
    return np.concatenate(points), np.concatenate(normals), np.concatenate(triangles)
