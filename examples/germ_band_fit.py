"""The table of germ_band_extension.py, fitted to the motion of tracers: `python examples/germ_band_fit.py [folder]`.

First step. Cells are moved along the measured paths, and what they read from their place is known; so the flow that each
entry of the table would make by itself is known too, and the flow of all is their sum. Measured velocities then give the
entries by non-negative least squares with a penalty on their size. Second step. The entries that are not zero, the times
of the three programmes and the bulk viscosity are improved by least squares through runs of the whole model (method
"ode", the loop closed), against paths and mean speeds.
"""
