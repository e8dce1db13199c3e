"""Outlines of cells, pictures and movies of a tissue."""

from __future__ import annotations

import json

import numpy as np
import xarray as xr


def pulsing_embryo(*, cells: int = 300, frames: int = 5, t_end: float = 900.0, seed: int = 3) -> xr.Dataset:
    """A made-up run: a ventral band that pulses and contracts, and the sheet drifting after it."""
    rng = np.random.default_rng(seed)
    size = np.array([452.0, 533.0])
    across = int(np.sqrt(cells * size[0] / size[1]))
    start = np.stack(np.meshgrid(np.arange(across), np.arange(cells // across), indexing="ij"), axis=-1).reshape(-1, 2)
    start = (start + 0.5 + 0.5 * (start[:, ::-1] % 2) * [1, 0] + rng.normal(0, 0.14, start.shape)) * (
        size / [across, cells // across]
    )
    t = np.linspace(0.0, t_end, frames)
    dv = start[:, 1] - size[1] / 2
    strength = np.exp(-((dv / 42.0) ** 4))
    grip = 1.0 / (1.0 + np.exp(-(t - 420.0) / 110.0))
    phase = rng.uniform(0, 2 * np.pi, len(start)) + np.cumsum(rng.normal(0, 0.25, (frames, len(start))), axis=0)
    pulse = np.maximum(0.0, np.sin(2 * np.pi * t[:, None] / 83.0 + phase)) ** 2
    noise = rng.gamma(4.0, 6.0, len(start))
    myosin = noise + strength * (60.0 + 380.0 * grip[:, None]) * (0.35 + 1.4 * pulse)
    area = 1.0 - strength * grip[:, None] * (0.55 + 0.08 * np.sin(phase)) + 0.12 * grip[:, None] * (1 - strength)
    pull = 24.0 * grip[:, None] * np.tanh(dv / 50.0) * np.cos(np.pi * dv / size[1]) ** 2
    drift = 30.0 * (t[:, None] / t_end) ** 2 * np.cos(2 * np.pi * dv / size[1])
    gx = (np.arange(24) + 0.5) * size[0] / 24
    gy = (np.arange(28) + 0.5) * size[1] / 28
    wave = np.cos(2 * np.pi * (gy - size[1] / 2) / size[1])
    vx = np.broadcast_to((t / t_end)[:, None, None] * wave, (frames, 24, 28)) * 0.06
    vy = -np.broadcast_to((grip * (1 - grip))[:, None, None] * np.sin(2 * np.pi * (gy / size[1] - 0.5)), vx.shape) * 0.2
    return xr.Dataset(
        {
            "x": (("time", "cell"), np.mod(start[:, 0] - drift, size[0]), {"units": "um"}),
            "y": (("time", "cell"), np.mod(start[:, 1] - pull, size[1]), {"units": "um"}),
            "area": (("time", "cell"), area),
            "Myosin": (("time", "cell"), myosin, {"units": "item", "long_name": "Active myosin"}),
            "velocity_x": (("time", "gx", "gy"), vx, {"units": "um / second"}),
            "velocity_y": (("time", "gx", "gy"), vy, {"units": "um / second"}),
            "pressure": (("time", "gx", "gy"), np.zeros_like(vx)),
        },
        coords={
            "time": ("time", t, {"units": "second"}),
            "cell": np.arange(len(start)),
            "gx": ("gx", gx, {"units": "um"}),
            "gy": ("gy", gy, {"units": "um"}),
        },
        attrs={
            "size": json.dumps(size.tolist()),
            "boundary": json.dumps(["periodic", "periodic"]),
            "time_unit": "second",
            "model": "made up",
        },
    )
