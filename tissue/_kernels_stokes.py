"""
Kernels of the Stokes multigrid on the staggered grid.

Every level's arrays lie one after another in flat buffers: `geometry[l]` holds nx, ny and where level l begins
in the cell buffers, the corner buffers and the two axes of the transfer tables. A level's unknowns are
x[0] = u, x[1] = v, x[2] = p, each [nx, ny]; its `co` holds friction on x-faces, friction on y-faces,
1 / bulk viscosity, the inverse diagonals of the two momentum equations (zero on walls, which so never
move) and the inverse of the cell's pressure equation.

rx, ry are 1 / hx and 1 / hy. sx, sy are the wall signs of tissue.grid.WALL_SIGN: -1 no-slip, +1 free-slip,
0 periodic. One code serves all.
"""

from __future__ import annotations

import numba
import numpy as np

from tissue._jit import kernel

_device = numba.njit(fastmath={"contract"}, error_model="numpy")
# On smaller levels waking the threads costs more than the work.
PARALLEL_CELLS = 32768
SMOOTH, SMOOTH_BACK, RESIDUAL = 0, 1, 2
DOWN, UP, COARSEST = 0, 1, 2
CHUNK = 4096


@_device
def _normal(u, v, ec, i, j, ip, jp, rx, ry):  # type: ignore[no-untyped-def]
    """Viscous normal stress tau_xx = eta (du/dx - dv/dy) = -tau_yy in a cell."""
    return ec[i, j] * ((u[ip, j] - u[i, j]) * rx - (v[i, jp] - v[i, j]) * ry)


@_device
def _shear(u, v, es, i, j, rx, ry, sx, sy):  # type: ignore[no-untyped-def]
    """Viscous shear stress eta (du/dy + dv/dx) on corner i, j."""
    nx, ny = u.shape
    iw = 0 if i == nx else i
    jw = 0 if j == ny else j
    above = u[iw, jw]
    below = u[iw, j - 1] if j > 0 else u[iw, ny - 1]
    right = v[iw, jw]
    left = v[i - 1, jw] if i > 0 else v[nx - 1, jw]
    if sy != 0.0:
        if j == 0:
            below = sy * above
        elif j == ny:
            above = sy * below
    if sx != 0.0:
        if i == 0:
            left = sx * right
        elif i == nx:
            right = sx * left
    return es[i, j] * ((above - below) * ry + (right - left) * rx)


@_device
def _smooth_column(x, f, ec, es, co, i, rx, ry, sx, sy, damping, back):  # type: ignore[no-untyped-def]
    """Vanka: in each cell of column i solve for its pressure and four face velocities together."""
    nx, ny = ec.shape
    u, v, p = x[0], x[1], x[2]
    ip = i + 1 if i + 1 < nx else 0
    im = i - 1 if i > 0 else nx - 1
    for step in range(ny):
        j = ny - 1 - step if back else step
        jp = j + 1 if j + 1 < ny else 0
        jm = j - 1 if j > 0 else ny - 1
        ipp = ip + 1 if ip + 1 < nx else 0
        jpp = jp + 1 if jp + 1 < ny else 0
        here = _normal(u, v, ec, i, j, ip, jp, rx, ry) - p[i, j]
        here_y = here + 2.0 * p[i, j]
        west = _normal(u, v, ec, im, j, i, jp, rx, ry) - p[im, j]
        east = _normal(u, v, ec, ip, j, ipp, jp, rx, ry) - p[ip, j]
        south = _normal(u, v, ec, i, jm, ip, j, rx, ry) + p[i, jm]
        north = _normal(u, v, ec, i, jp, ip, jpp, rx, ry) + p[i, jp]
        sw = _shear(u, v, es, i, j, rx, ry, sx, sy)
        se = _shear(u, v, es, i + 1, j, rx, ry, sx, sy)
        nw = _shear(u, v, es, i, j + 1, rx, ry, sx, sy)
        ne = _shear(u, v, es, i + 1, j + 1, rx, ry, sx, sy)
        # co is zero on walls, so what is computed for a wall face is never used
        rw = (f[0, i, j] - co[0, i, j] * u[i, j] + (here - west) * rx + (nw - sw) * ry) * co[3, i, j]
        re = (f[0, ip, j] - co[0, ip, j] * u[ip, j] + (east - here) * rx + (ne - se) * ry) * co[3, ip, j]
        rs = (f[1, i, j] - co[1, i, j] * v[i, j] - (here_y - south) * ry + (se - sw) * rx) * co[4, i, j]
        rn = (f[1, i, jp] - co[1, i, jp] * v[i, jp] - (north - here_y) * ry + (ne - nw) * rx) * co[4, i, jp]
        rp = f[2, i, j] - co[2, i, j] * p[i, j]
        rp -= (u[ip, j] + re - u[i, j] - rw) * rx + (v[i, jp] + rn - v[i, j] - rs) * ry
        dp = rp * co[5, i, j]
        u[i, j] += damping * (rw - dp * rx * co[3, i, j])
        u[ip, j] += damping * (re + dp * rx * co[3, ip, j])
        v[i, j] += damping * (rs - dp * ry * co[4, i, j])
        v[i, jp] += damping * (rn + dp * ry * co[4, i, jp])
        p[i, j] += damping * dp


@_device
def _residual_column(x, f, r, ec, es, co, i, rx, ry, sx, sy):  # type: ignore[no-untyped-def]
    """r = f - A x in column i; zero on walls."""
    nx, ny = ec.shape
    u, v, p = x[0], x[1], x[2]
    ip = i + 1 if i + 1 < nx else 0
    im = i - 1 if i > 0 else nx - 1
    for j in range(ny):
        jp = j + 1 if j + 1 < ny else 0
        jm = j - 1 if j > 0 else ny - 1
        here = _normal(u, v, ec, i, j, ip, jp, rx, ry)
        sw = _shear(u, v, es, i, j, rx, ry, sx, sy)
        r[0, i, j] = 0.0
        if sx == 0.0 or i > 0:
            west = _normal(u, v, ec, im, j, i, jp, rx, ry)
            nw = _shear(u, v, es, i, j + 1, rx, ry, sx, sy)
            stress = (here - west - p[i, j] + p[im, j]) * rx + (nw - sw) * ry
            r[0, i, j] = f[0, i, j] - co[0, i, j] * u[i, j] + stress
        r[1, i, j] = 0.0
        if sy == 0.0 or j > 0:
            south = _normal(u, v, ec, i, jm, ip, j, rx, ry)
            se = _shear(u, v, es, i + 1, j, rx, ry, sx, sy)
            stress = (south - here - p[i, j] + p[i, jm]) * ry + (se - sw) * rx
            r[1, i, j] = f[1, i, j] - co[1, i, j] * v[i, j] + stress
        flow = (u[ip, j] - u[i, j]) * rx + (v[i, jp] - v[i, j]) * ry
        r[2, i, j] = f[2, i, j] - flow - co[2, i, j] * p[i, j]


@_device
def _column(operation, x, f, r, ec, es, co, i, rx, ry, sx, sy, damping):  # type: ignore[no-untyped-def]
    if operation == RESIDUAL:
        _residual_column(x, f, r, ec, es, co, i, rx, ry, sx, sy)
    else:
        _smooth_column(x, f, ec, es, co, i, rx, ry, sx, sy, damping, operation == SMOOTH_BACK)


@numba.njit(parallel=True, fastmath={"contract"}, error_model="numpy")
def _columns_parallel(  # type: ignore[no-untyped-def]
    operation, x, f, r, ec, es, co, first, stride, count, rx, ry, sx, sy, damping
):
    for q in numba.prange(count):
        _column(operation, x, f, r, ec, es, co, first + stride * q, rx, ry, sx, sy, damping)


@_device
def _columns(operation, x, f, r, ec, es, co, first, stride, count, rx, ry, sx, sy, damping):  # type: ignore[no-untyped-def]
    if ec.size >= PARALLEL_CELLS and count > 1:
        _columns_parallel(operation, x, f, r, ec, es, co, first, stride, count, rx, ry, sx, sy, damping)
    else:
        for q in range(count):
            _column(operation, x, f, r, ec, es, co, first + stride * q, rx, ry, sx, sy, damping)


@_device
def _sweep(x, f, ec, es, co, rx, ry, sx, sy, damping, back):  # type: ignore[no-untyped-def]
    """
    One pass of the smoother. Columns three apart share nothing, so each third of them is one colour; where
    the axis wraps and is no multiple of three, the one or two columns left over are colours of their own.
    """
    nx = ec.shape[0]
    thirds = nx // 3
    rest = nx - 3 * thirds
    operation = SMOOTH_BACK if back else SMOOTH
    for step in range(3 + rest):
        colour = 2 + rest - step if back else step
        first = colour if colour < 3 else 3 * thirds + colour - 3
        count = thirds if colour < 3 else 1
        _columns(operation, x, f, x, ec, es, co, first, 3, count, rx, ry, sx, sy, damping)


@_device
def _gathered(fine, index, weight, table_x, table_y, row_x, row_y):  # type: ignore[no-untyped-def]
    """Weighted sum over the fine entries of one coarse entry; a row's weights end with the first zero."""
    total = 0.0
    for k in range(4):
        a = weight[table_x, row_x, k]
        if a == 0.0:
            break
        i = index[table_x, row_x, k]
        for m in range(4):
            b = weight[table_y, row_y, m]
            if b == 0.0:
                break
            total += a * b * fine[i, index[table_y, row_y, m]]
    return total


@_device
def _restrict(r, f, index, weight, row_x, row_y):  # type: ignore[no-untyped-def]
    """Fine residual to coarse right-hand side: cells by overlap, faces by the hat function; sums are kept."""
    u, v, p = r[0], r[1], r[2]
    for i in range(f.shape[1]):
        for j in range(f.shape[2]):
            f[0, i, j] = _gathered(u, index, weight, 1, 0, row_x + i, row_y + j)
            f[1, i, j] = _gathered(v, index, weight, 0, 1, row_x + i, row_y + j)
            f[2, i, j] = _gathered(p, index, weight, 0, 0, row_x + i, row_y + j)


@_device
def _prolong(coarse, fine, index, weight, row_x, row_y, sx, sy):  # type: ignore[no-untyped-def]
    """Add the coarse correction, linear in each axis, to the fine level."""
    nx, ny = fine.shape[1], fine.shape[2]
    for i in range(nx):
        for j in range(ny):
            a = b = c = 0.0
            for k in range(2):
                ti, tw = index[2, row_x + i, k], weight[2, row_x + i, k]
                si, sw = index[3, row_x + i, k], weight[3, row_x + i, k]
                fi, fw = index[4, row_x + i, k], weight[4, row_x + i, k]
                for m in range(2):
                    a += fw * weight[2, row_y + j, m] * coarse[0, fi, index[2, row_y + j, m]]
                    b += tw * weight[4, row_y + j, m] * coarse[1, ti, index[4, row_y + j, m]]
                    c += sw * weight[3, row_y + j, m] * coarse[2, si, index[3, row_y + j, m]]
            if sx == 0.0 or i > 0:
                fine[0, i, j] += a
            if sy == 0.0 or j > 0:
                fine[1, i, j] += b
            fine[2, i, j] += c


@_device
def _level(buffer, geometry, level):  # type: ignore[no-untyped-def]
    nx, ny, start = geometry[level, 0], geometry[level, 1], geometry[level, 2]
    return buffer[3 * start : 3 * (start + nx * ny)].reshape((3, nx, ny))


@_device
def _coefficients(ec, es, co, geometry, level):  # type: ignore[no-untyped-def]
    nx, ny, start, corner = geometry[level, 0], geometry[level, 1], geometry[level, 2], geometry[level, 3]
    centres = ec[start : start + nx * ny].reshape((nx, ny))
    corners = es[corner : corner + (nx + 1) * (ny + 1)].reshape((nx + 1, ny + 1))
    return centres, corners, co[6 * start : 6 * (start + nx * ny)].reshape((6, nx, ny))


@kernel(
    "void(i8[:,::1], i8[:,::1], f8[:,::1], i8[:,:,::1], f8[:,:,::1], f8[::1], f8[::1], f8[::1], f8[::1],"
    "f8[::1], f8[::1], f8, f8, f8, i8, i8)",
    fastmath={"contract"},
    error_model="numpy",
)
def cycle(  # type: ignore[no-untyped-def]
    schedule, geometry, spacing, index, weight, ec, es, co, x, f, r, sx, sy, damping, sweeps, coarsest_sweeps
):
    """One multigrid cycle for A x = f from x = 0 on level 0, in the order of visits that `schedule` lists."""
    _level(x, geometry, 0)[:] = 0.0
    for visit in range(schedule.shape[0]):
        operation, level = schedule[visit, 0], schedule[visit, 1]
        rx, ry = 1.0 / spacing[level, 0], 1.0 / spacing[level, 1]
        xl, fl, rl = _level(x, geometry, level), _level(f, geometry, level), _level(r, geometry, level)
        ecl, esl, col = _coefficients(ec, es, co, geometry, level)
        if operation == COARSEST:
            for _ in range(coarsest_sweeps):
                _sweep(xl, fl, ecl, esl, col, rx, ry, sx, sy, damping, False)
                _sweep(xl, fl, ecl, esl, col, rx, ry, sx, sy, damping, True)
        elif operation == DOWN:
            for _ in range(sweeps):
                _sweep(xl, fl, ecl, esl, col, rx, ry, sx, sy, damping, False)
            _columns(RESIDUAL, xl, fl, rl, ecl, esl, col, 0, 1, ecl.shape[0], rx, ry, sx, sy, damping)
            below = _level(f, geometry, level + 1)
            _restrict(rl, below, index, weight, geometry[level, 4], geometry[level, 5])
            _level(x, geometry, level + 1)[:] = 0.0
        else:
            below = _level(x, geometry, level + 1)
            _prolong(below, xl, index, weight, geometry[level, 4], geometry[level, 5], sx, sy)
            for _ in range(sweeps):
                _sweep(xl, fl, ecl, esl, col, rx, ry, sx, sy, damping, True)


@kernel(
    "void(f8[:,:,::1], f8[:,:,::1], f8[:,:,::1], f8[:,::1], f8[:,::1], f8[:,:,::1], f8, f8, f8, f8)",
    fastmath={"contract"},
    error_model="numpy",
)
def residual(x, f, r, ec, es, co, rx, ry, sx, sy):  # type: ignore[no-untyped-def]
    """r = f - A x."""
    _columns(RESIDUAL, x, f, r, ec, es, co, 0, 1, ec.shape[0], rx, ry, sx, sy, 1.0)


@_device
def _corner_stencil(i, n, sign):  # type: ignore[no-untyped-def]
    """The two cells an axis' corner is averaged from, with weights; beyond a wall, by extrapolation."""
    if sign == 0.0:
        return (i - 1 if i > 0 else n - 1), (i if i < n else 0), 0.5, 0.5
    if i == 0:
        return 0, 1, 1.5, -0.5
    if i == n:
        return n - 1, n - 2, 1.5, -0.5
    return i - 1, i, 0.5, 0.5


@_device
def _corner_viscosity(log_eta, es, sx, sy, low, high):  # type: ignore[no-untyped-def]
    nx, ny = log_eta.shape
    for i in range(nx + 1):
        i0, i1, a0, a1 = _corner_stencil(i, nx, sx)
        for j in range(ny + 1):
            j0, j1, b0, b1 = _corner_stencil(j, ny, sy)
            value = a0 * (b0 * log_eta[i0, j0] + b1 * log_eta[i0, j1])
            value += a1 * (b0 * log_eta[i1, j0] + b1 * log_eta[i1, j1])
            es[i, j] = np.exp(min(max(value, low), high))


@_device
def _friction_and_diagonals(ec, es, co, gamma, bulk, rx, ry, sx, sy):  # type: ignore[no-untyped-def]
    nx, ny = ec.shape
    for i in range(nx):
        im = i - 1 if i > 0 else nx - 1
        for j in range(ny):
            jm = j - 1 if j > 0 else ny - 1
            co[0, i, j] = 0.5 * (gamma[im, j] + gamma[i, j])
            co[1, i, j] = 0.5 * (gamma[i, jm] + gamma[i, j])
            co[2, i, j] = bulk[i, j]
            low = 1.0 - sy if sy != 0.0 and j == 0 else 1.0
            high = 1.0 - sy if sy != 0.0 and j == ny - 1 else 1.0
            d = (ec[i, j] + ec[im, j]) * rx**2 + (low * es[i, j] + high * es[i, j + 1]) * ry**2 + co[0, i, j]
            co[3, i, j] = 0.0 if sx != 0.0 and i == 0 else 1.0 / d
            low = 1.0 - sx if sx != 0.0 and i == 0 else 1.0
            high = 1.0 - sx if sx != 0.0 and i == nx - 1 else 1.0
            d = (ec[i, j] + ec[i, jm]) * ry**2 + (low * es[i, j] + high * es[i + 1, j]) * rx**2 + co[1, i, j]
            co[4, i, j] = 0.0 if sy != 0.0 and j == 0 else 1.0 / d
    for i in range(nx):
        ip = i + 1 if i + 1 < nx else 0
        for j in range(ny):
            jp = j + 1 if j + 1 < ny else 0
            s = (co[3, i, j] + co[3, ip, j]) * rx**2 + (co[4, i, j] + co[4, i, jp]) * ry**2
            co[5, i, j] = 1.0 / (s + bulk[i, j])


@_device
def _average(fine, coarse, index, weight, row_x, row_y):  # type: ignore[no-untyped-def]
    """Cell averages on the coarse grid by overlap."""
    for i in range(coarse.shape[0]):
        for j in range(coarse.shape[1]):
            coarse[i, j] = _gathered(fine, index, weight, 0, 0, row_x + i, row_y + j)


@kernel(
    "void(i8[:,::1], f8[:,::1], i8[:,:,::1], f8[:,:,::1], f8[:,::1], f8[::1], f8[::1], f8[::1], f8, f8)",
    fastmath={"contract"},
    error_model="numpy",
)
def set_up(geometry, spacing, index, weight, fields, ec, es, co, sx, sy):  # type: ignore[no-untyped-def]
    """
    Coefficients on every level from fields [3, cells of all levels]: log viscosity, friction and 1 / bulk
    viscosity, given on level 0. Viscosity is averaged in the logarithm: a plain mean of a sharp jump makes
    the cycle diverge.
    """
    low = high = fields[0, 0]
    for k in range(geometry[0, 0] * geometry[0, 1]):
        low = min(low, fields[0, k])
        high = max(high, fields[0, k])
    for level in range(geometry.shape[0]):
        nx, ny, start = geometry[level, 0], geometry[level, 1], geometry[level, 2]
        stop = start + nx * ny
        if level > 0:
            mx, my, above = geometry[level - 1, 0], geometry[level - 1, 1], geometry[level - 1, 2]
            for k in range(3):
                fine = fields[k, above : above + mx * my].reshape((mx, my))
                coarse = fields[k, start:stop].reshape((nx, ny))
                _average(fine, coarse, index, weight, geometry[level - 1, 4], geometry[level - 1, 5])
        ecl, esl, col = _coefficients(ec, es, co, geometry, level)
        log_eta = fields[0, start:stop].reshape((nx, ny))
        for i in range(nx):
            for j in range(ny):
                ecl[i, j] = np.exp(log_eta[i, j])
        _corner_viscosity(log_eta, esl, sx, sy, low, high)
        rx, ry = 1.0 / spacing[level, 0], 1.0 / spacing[level, 1]
        gamma, bulk = fields[1, start:stop].reshape((nx, ny)), fields[2, start:stop].reshape((nx, ny))
        _friction_and_diagonals(ecl, esl, col, gamma, bulk, rx, ry, sx, sy)


@kernel("void(f8[:,::1], f8[::1], i8, f8, f8[:,::1], f8[::1])", parallel=True, fastmath={"contract"})
def inner_products(vectors, vector, split, scale, partial, out):  # type: ignore[no-untyped-def]
    """
    out[k] = sum vectors[k] vector, entries from `split` on weighted by `scale`.

    Summed in chunks of fixed size and then over the chunks in order, so that bits do not depend on threads.
    """
    n = vector.size
    for c in numba.prange(partial.shape[0]):
        first, last = c * CHUNK, min(n, (c + 1) * CHUNK)
        middle = min(max(split, first), last)
        for k in range(vectors.shape[0]):
            low = 0.0
            for i in range(first, middle):
                low += vectors[k, i] * vector[i]
            high = 0.0
            for i in range(middle, last):
                high += vectors[k, i] * vector[i]
            partial[c, k] = low + scale * high
    for k in range(vectors.shape[0]):
        total = 0.0
        for c in range(partial.shape[0]):
            total += partial[c, k]
        out[k] = total


@kernel("void(f8[:,::1], f8[::1], f8[::1])", parallel=True, fastmath={"contract"})
def combine(vectors, factors, out):  # type: ignore[no-untyped-def]
    """out += sum_k factors[k] vectors[k]."""
    n = out.size
    for c in numba.prange((n + CHUNK - 1) // CHUNK):
        for k in range(vectors.shape[0]):
            for i in range(c * CHUNK, min(n, (c + 1) * CHUNK)):
                out[i] += factors[k] * vectors[k, i]
