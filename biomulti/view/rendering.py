"""Whether three-dimensional pictures can be drawn here, and the embryo's views drawn with pyvista."""

from __future__ import annotations

import os
import subprocess
import sys
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from biomulti.view.embryo import Mesh, Shape, pole_caps

Pixels = NDArray[np.uint8]

# What a Debian machine without display needs to draw.
PACKAGES = "libegl1 libgl1-mesa-dri libosmesa6"
# A window of this size is enough to make VTK crash where it cannot draw; the crash stays in its own process.
PROBE = """
import vtkmodules.vtkRenderingOpenGL2
from vtkmodules.vtkRenderingCore import vtkRenderer, vtkRenderWindow
window = vtkRenderWindow()
window.SetOffScreenRendering(1)
window.AddRenderer(vtkRenderer())
window.SetSize(8, 8)
window.Render()
"""
PROBE_SECONDS = 20.0
# How far the second view is turned from the ventral side: a lateral view that still shows the furrow.
SIDE = np.radians(62.0)
# Position in the camera's frame (right, up, towards the viewer) and intensity: a key light that rakes, and a fill.
LIGHTS = (((-0.45, 0.9, 0.7), 0.85), ((0.6, -0.5, 1.0), 0.45))
# Space round the embryo, over its size.
MARGIN = 1.04


@cache
def can_render() -> bool:
    """Whether VTK draws off screen on this machine, tried once, in a process of its own."""
    screenless = not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
    if sys.platform == "linux" and screenless:
        os.environ.setdefault("VTK_DEFAULT_OPENGL_WINDOW", "vtkEGLRenderWindow")
    try:
        done = subprocess.run([sys.executable, "-c", PROBE], capture_output=True, timeout=PROBE_SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


class Scene:
    """The embryo seen from its ventral side and from its right, drawn anew for each mesh; close it after use."""

    def __init__(self, shape: Shape, pixels: tuple[int, int], background: str, body: str) -> None:
        import pyvista as pv

        self.pixels = pixels
        plotter: Any = pv.Plotter(off_screen=True, shape=(2, 1), border=False, window_size=list(pixels), lighting=None)
        self.plotter = plotter
        self.plotter.render_window.SetMultiSamples(0)
        self.mapper = pv.DataSetMapper(pv.PolyData(np.zeros((1, 3))))
        self.mapper.SetColorModeToDirectScalars()
        caps = pv.DataSetMapper(_polydata(*pole_caps(shape)))
        distance = 4.0 * shape.half_length
        tall = pixels[1] / 2.0
        self.pixel = MARGIN * 2.0 * max(shape.half_length / pixels[0], shape.radius / tall)
        for row, angle in enumerate((0.0, SIDE)):
            self.plotter.subplot(row, 0)
            self.plotter.set_background(background)
            for mapper, culling in ((self.mapper, "back"), (caps, "none")):
                actor = pv.Actor(mapper=mapper)
                actor.prop.interpolation = "Gouraud"
                actor.prop.culling = culling
                actor.prop.ambient, actor.prop.diffuse, actor.prop.specular = 0.36, 0.74, 0.10
                actor.prop.specular_power = 12.0
                actor.prop.color = body
                self.plotter.renderer.add_actor(actor, render=False)
            for position, intensity in LIGHTS:
                light = pv.Light(position=position, intensity=intensity, light_type="camera light")
                self.plotter.renderer.add_light(light)
            camera = self.plotter.renderer.camera
            camera.focal_point = (0.0, 0.0, 0.0)
            camera.position = (0.0, distance * np.sin(angle), distance * np.cos(angle))
            camera.up = (0.0, np.cos(angle), -np.sin(angle))
            camera.enable_parallel_projection()
            camera.parallel_scale = self.pixel * tall / 2.0
            self.plotter.renderer.reset_camera_clipping_range()

    def draw(self, mesh: Mesh, colours: Pixels) -> Pixels:
        """Both views, one over the other, as [height, width, 3], of a mesh whose points have colours [n, 3]."""
        data = _polydata(mesh.points, mesh.normals, mesh.triangles)
        data.point_data["colour"] = colours
        data.set_active_scalars("colour")
        self.mapper.SetInputData(data)
        self.plotter.render()
        return np.asarray(self.plotter.screenshot(return_img=True))

    def close(self) -> None:
        """Free the window."""
        self.plotter.close()


def _polydata(points: Any, normals: Any, triangles: Any) -> Any:
    import pyvista as pv

    data = pv.PolyData.from_regular_faces(points.astype(np.float32), triangles)
    data.point_data.active_normals = normals.astype(np.float32)
    return data
