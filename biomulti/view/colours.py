"""The colours of pictures: a dark ground, and a colour map whose steps look equal."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from matplotlib.colors import ListedColormap

Floats = NDArray[np.float64]

GROUND = "#0b0e14"
PANEL = "#11151e"
INK = "#e8eaf0"
FAINT = "#8b93a7"
LINE = "#2b3242"
BODY = "#343a53"
BAND = "#ff7a59"
REST = "#6ea8d8"
# From a slate on which light and shadow are still seen, through magenta, to a warm white; ever lighter.
ANCHORS = ("#363c56", "#6a4583", "#b0418a", "#e9586f", "#fb9a62", "#fddf9e", "#fffbe6")
LEVELS = 256


@cache
def colour_map() -> ListedColormap:
    """The colour map of cells: equal steps of value are equal steps of colour in CIELAB (dE 1976)."""
    from matplotlib.colors import ListedColormap, to_rgb

    anchors = np.array([to_rgb(a) for a in ANCHORS])
    at = np.linspace(0.0, 1.0, len(anchors))
    fine = np.linspace(0.0, 1.0, 4 * LEVELS)
    rgb = np.stack([np.interp(fine, at, channel) for channel in anchors.T], axis=1)
    path = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(lab(rgb), axis=0), axis=1))])
    even = np.interp(np.linspace(0.0, path[-1], LEVELS), path, fine)
    return ListedColormap(np.stack([np.interp(even, fine, channel) for channel in rgb.T], axis=1), name="ember")


def lab(rgb: Floats) -> Floats:
    """CIELAB (D65) of sRGB colours between 0 and 1, both [..., 3]; IEC 61966-2-1 and CIE 15."""
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    to_xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
    xyz = linear @ to_xyz.T / [0.9505, 1.0, 1.089]
    f = np.where(xyz > (6 / 29) ** 3, np.cbrt(xyz), xyz / (3 * (6 / 29) ** 2) + 4 / 29)
    x, y, z = np.moveaxis(f, -1, 0)
    return np.stack([116.0 * y - 16.0, 500.0 * (x - y), 200.0 * (y - z)], axis=-1)
