"""Random numbers of `_rng` in LLVM's language, with the same bits, for programs made for one model."""

from __future__ import annotations

RANDOM = """
declare i64 @llvm.fshl.i64(i64, i64, i64)

define internal i64 @following(ptr %state) alwaysinline {
  %at1 = getelementptr i64, ptr %state, i64 1
  %at2 = getelementptr i64, ptr %state, i64 2
  %at3 = getelementptr i64, ptr %state, i64 3
  %s0 = load i64, ptr %state
  %s1 = load i64, ptr %at1
  %s2 = load i64, ptr %at2
  %s3 = load i64, ptr %at3
  %sum = add i64 %s0, %s3
  %rotated = call i64 @llvm.fshl.i64(i64 %sum, i64 %sum, i64 23)
  %result = add i64 %rotated, %s0
  %shifted = shl i64 %s1, 17
  %a2 = xor i64 %s2, %s0
  %a3 = xor i64 %s3, %s1
  %b1 = xor i64 %s1, %a2
  %b0 = xor i64 %s0, %a3
  %b2 = xor i64 %a2, %shifted
  %b3 = call i64 @llvm.fshl.i64(i64 %a3, i64 %a3, i64 45)
  store i64 %b0, ptr %state
  store i64 %b1, ptr %at1
  store i64 %b2, ptr %at2
  store i64 %b3, ptr %at3
  ret i64 %result
}

define internal double @uniform(ptr %state) alwaysinline {
  %word = call i64 @following(ptr %state)
  %high = lshr i64 %word, 11
  %whole = sitofp i64 %high to double
  %out = fmul double %whole, 1.1102230246251565e-16
  ret double %out
}

define internal double @minus_log(double %x) alwaysinline {
  %bits = bitcast double %x to i64
  %above = sub i64 %bits, 4604544269498187776
  %k = ashr i64 %above, 52
  %scale = shl i64 %k, 52
  %reduced = sub i64 %bits, %scale
  %r = bitcast i64 %reduced to double
  %f = fsub double %r, 1.0
  %below = fadd double 2.0, %f
  %s = fdiv double %f, %below
  %z = fmul double %s, %s
  %w = fmul double %z, %z
  %e0 = fmul double %w, 1.531383769920937332e-01
  %e1 = fadd double 2.222219843214978396e-01, %e0
  %e2 = fmul double %w, %e1
  %e3 = fadd double 3.999999999940941908e-01, %e2
  %even = fmul double %w, %e3
  %o0 = fmul double %w, 1.479819860511658591e-01
  %o1 = fadd double 1.818357216161805012e-01, %o0
  %o2 = fmul double %w, %o1
  %o3 = fadd double 2.857142874366239149e-01, %o2
  %odd = fmul double %w, %o3
  %h = fmul double 0.5, %f
  %half = fmul double %h, %f
  %q0 = fadd double 6.666666666666735130e-01, %odd
  %q1 = fmul double %z, %q0
  %q2 = fadd double %even, %q1
  %q3 = fadd double %half, %q2
  %rest = fmul double %s, %q3
  %e = sitofp i64 %k to double
  %low = fmul double %e, 1.90821492927058770002e-10
  %high = fmul double %e, 6.93147180369123816490e-01
  %l0 = fadd double %rest, %low
  %l1 = fsub double %half, %l0
  %l2 = fsub double %l1, %f
  %out = fsub double %l2, %high
  ret double %out
}
"""
"""following(state) is the next 64 random bits of a state of four words, uniform(state) a number on [0, 1) of it."""
