"""Elementary functions that vectorise and give the same bits on every machine.

They are made of IEEE additions, multiplications, divisions, square roots, explicit fused multiply-adds, bit casts and
selects: no call to the machine's mathematical library, no branch on data, no table. So LLVM turns a loop over them
into vector code, and the result of a lane never depends on the vector width or on the instruction set.

Method: reduce the argument, evaluate a polynomial by Horner's rule, undo the reduction. The polynomials interpolate at
Chebyshev nodes of the reduced interval, computed with 60 digits (tests/test_functions.py compares with mpmath).

The disadvantage: subnormal numbers (below 2.2e-308) count as zero, and arguments of `sin` and `cos` beyond 1e5 lose
accuracy, since only three parts of pi are subtracted.
"""

from __future__ import annotations

from math import inf, nan
from typing import Any

from numba import njit

from motes.arithmetic import fma, from_bits, to_bits

# Adding this rounds to an integer, which then stands in the low bits.
_ROUND = 1.5 * 2.0**52
_LOG2_E = 1.4426950408889634
_LN2, _LN2_LOW = 0.6931471805599453, 2.3190468138462996e-17
_LARGEST_EXPONENT, _SMALLEST_EXPONENT = 709.782712893384, -708.3964185322641
_SMALLEST_NORMAL, _LARGEST = 2.2250738585072014e-308, 1.7976931348623157e308
_INVERSE_PI = 0.3183098861837907
_PI, _PI_LOW, _PI_LOWEST = 3.141592653589793, 1.2246467991473532e-16, -2.9947698097183397e-33
_HALF_PI, _HALF_PI_LOW = 1.5707963267948966, 6.123233995736766e-17
_SQRT_HALF_BITS = 0x3FE6A09E667F3BCD
_ONE_BITS = 0x3FF0000000000000
_FRACTION_BITS = 0x000FFFFFFFFFFFFF
_ROUND_BITS = 0x4338000000000000


def _compile(function: Any) -> Any:
    """Without Python's exceptions on division by zero, and always a part of the loop that calls it."""
    return njit(error_model="numpy", forceinline=True)(function)


@_compile
def _exp_minus_one_reduced(r: float) -> float:
    """(exp(r) - 1) / r for abs(r) <= ln(2) / 2."""
    p = fma(2.5100424157005067e-08, r, 2.7620138719733994e-07)
    p = fma(p, r, 2.7557268378684192e-06)
    p = fma(p, r, 2.480152119021773e-05)
    p = fma(p, r, 0.00019841269863105968)
    p = fma(p, r, 0.0013888888917281794)
    p = fma(p, r, 0.008333333333330051)
    p = fma(p, r, 0.04166666666662399)
    p = fma(p, r, 0.16666666666666669)
    p = fma(p, r, 0.5000000000000001)
    return fma(p, r, 1.0)


@_compile
def _exp_sum(x: float, low: float) -> float:
    """exp(x + low), where low is a small correction of x."""
    shifted = fma(x, _LOG2_E, _ROUND)
    k = shifted - _ROUND
    r = fma(-k, _LN2_LOW, fma(-k, _LN2, x)) + low
    p = fma(_exp_minus_one_reduced(r), r, 1.0)
    scaled = from_bits(to_bits(p) + (to_bits(shifted) << 52))  # times 2**k, by adding k to the exponent
    result = inf if x > _LARGEST_EXPONENT else scaled
    return 0.0 if x < _SMALLEST_EXPONENT else result


@_compile
def exp(x: float) -> float:
    """e ** x within 1 unit in the last place; 0 below -708.396, where exp would be subnormal."""
    value: float = _exp_sum(x, -0.0)  # the zero that LLVM may leave out of a sum
    return value


@_compile
def _exp_minus_one(x: float) -> float:
    """exp(x) - 1 without cancellation near 0, for 0 <= x < 709."""
    shifted = fma(x, _LOG2_E, _ROUND)
    k = shifted - _ROUND
    r = fma(-k, _LN2_LOW, fma(-k, _LN2, x))
    scale = from_bits(_ONE_BITS + (to_bits(shifted) << 52))
    return fma(scale, _exp_minus_one_reduced(r) * r, scale - 1.0)


@_compile
def _log_parts(x: float) -> tuple[float, float]:
    """log(x) as a sum of two numbers, to about 1e-18, for normal positive x."""
    # x = 2**k * m with m from sqrt(1/2) to sqrt(2), and log(m) = 2 artanh(s) with s = (m - 1) / (m + 1)
    bits = to_bits(x) + (_ONE_BITS - _SQRT_HALF_BITS)
    k = from_bits(((bits >> 52) & 0x7FF) + _ROUND_BITS) - (_ROUND + 1023.0)
    f = from_bits((bits & _FRACTION_BITS) + _SQRT_HALF_BITS) - 1.0
    denominator = 2.0 + f
    inverse = 1.0 / denominator
    s = f * inverse
    rest = inverse * fma(-s, denominator, f) - inverse * s * (f - (denominator - 2.0))
    z = s * s
    p = fma(0.14617807153417325, z, 0.15331611722055008)
    p = fma(p, z, 0.1818289243253687)
    p = fma(p, z, 0.22222211089379496)
    p = fma(p, z, 0.28571428626253836)
    p = fma(p, z, 0.3999999999989889)
    p = fma(p, z, 0.666666666666667)
    first, second = k * _LN2, 2.0 * s
    high = first + second
    error_of_product = fma(k, _LN2, -first)
    low = (first - high) + second
    low += error_of_product + fma(k, _LN2_LOW, fma(z * s, p, 2.0 * rest))
    total = high + low
    return total, low - (total - high)


@_compile
def log(x: float) -> float:
    """The natural logarithm within 1 unit in the last place; -inf at 0, NaN below."""
    high, _ = _log_parts(x)
    edge = inf if x > _LARGEST else (-inf if x >= 0.0 else nan)
    return high if (x >= _SMALLEST_NORMAL) & (x <= _LARGEST) else edge


@_compile
def power(x: float, y: float) -> float:
    """x ** y for x >= 0, within 2 units in the last place for abs(y) <= 40 (10 for 200); NaN for negative x.

    It costs an exp and a log. The generated code multiplies where y is a number with a whole multiple of 1/4.
    """
    high, low = _log_parts(x)
    product = y * high
    rest = fma(y, low, fma(y, high, -product))
    bounded = rest if abs(product) < 1e3 else 0.0  # beyond, the result is 0 or inf, and rest may be NaN
    result = _exp_sum(product, bounded)
    grows = (x > 1.0) == (y > 0.0)
    at_edge = 1.0 if y == 0.0 else (inf if grows else 0.0)
    edge = at_edge if x >= 0.0 else nan
    result = result if (x >= _SMALLEST_NORMAL) & (x <= _LARGEST) else edge
    return result if y == y else y


@_compile
def _sin_reduced(x: float, k: float, parity: int) -> float:
    """(-1)**parity * sin(x - k * pi)."""
    r = fma(-k, _PI_LOWEST, fma(-k, _PI_LOW, fma(-k, _PI, x)))
    r = r if abs(r) <= 2.0 else r - r  # an argument so large that nothing of its phase is left; NaN stays
    z = r * r
    p = fma(2.7314368769379893e-15, z, -7.643969663988074e-13)
    p = fma(p, z, 1.6058977292642743e-10)
    p = fma(p, z, -2.505210761669045e-08)
    p = fma(p, z, 2.7557319219160833e-06)
    p = fma(p, z, -0.00019841269841254966)
    p = fma(p, z, 0.008333333333333316)
    p = fma(p, z, -0.16666666666666666)
    result = fma(z * r, p, r)
    return from_bits(to_bits(result) ^ (parity << 63))


@_compile
def sin(x: float) -> float:
    """The sine within 2 units in the last place for abs(x) <= 1e5; beyond, bounded but less and less accurate."""
    shifted = fma(x, _INVERSE_PI, _ROUND)
    value: float = _sin_reduced(x, shifted - _ROUND, to_bits(shifted))
    return value


@_compile
def cos(x: float) -> float:
    """The cosine, with the accuracy of `sin`."""
    # cos(x) = sin(x + pi / 2) = (-1)**(k + 1) sin(x - (k + 1/2) pi)
    shifted = fma(x, _INVERSE_PI, -0.5) + _ROUND
    value: float = _sin_reduced(x, (shifted - _ROUND) + 0.5, to_bits(shifted) + 1)
    return value


@_compile
def sinh(x: float) -> float:
    """The hyperbolic sine to 1e-15; infinite beyond 709."""
    e = _exp_minus_one(min(abs(x), 709.0))
    size = 0.5 * (e + e / (e + 1.0))
    size = size if abs(x) <= 709.0 else abs(x) * inf
    return -size if x < 0.0 else size


@_compile
def cosh(x: float) -> float:
    """The hyperbolic cosine to 1e-15; infinite beyond 709.78."""
    e = exp(abs(x))
    value: float = 0.5 * (e + 1.0 / e)
    return value


@_compile
def tanh(x: float) -> float:
    """The hyperbolic tangent to 1e-15."""
    size = abs(x)
    e = _exp_minus_one(2.0 * (min(size, 20.0)))
    result = e / (e + 2.0)
    value: float = -result if x < 0.0 else result
    return value


@_compile
def arctan(x: float) -> float:
    """The angle between -pi/2 and pi/2 whose tangent is x, to 1e-15."""
    size = abs(x)
    steep, middle = size > 2.414213562373095, size > 0.41421356237309503
    numerator = -1.0 if steep else (size - 1.0 if middle else size)
    denominator = size if steep else (size + 1.0 if middle else 1.0)
    start = _HALF_PI if steep else (0.5 * _HALF_PI if middle else 0.0)
    start_low = _HALF_PI_LOW if steep else (0.5 * _HALF_PI_LOW if middle else 0.0)
    t = numerator / denominator
    z = t * t
    p = fma(-0.019162068915902573, z, 0.03921955253255129)
    p = fma(p, z, -0.05085030492810941)
    p = fma(p, z, 0.058580687568615106)
    p = fma(p, z, -0.06664502215671447)
    p = fma(p, z, 0.07692182535116648)
    p = fma(p, z, -0.09090904549884611)
    p = fma(p, z, 0.11111111014561013)
    p = fma(p, z, -0.14285714284657894)
    p = fma(p, z, 0.1999999999999548)
    p = fma(p, z, -0.3333333333333333)
    result = start + (t + fma(z * t, p, start_low))
    return -result if x < 0.0 else result


@_compile
def _erfc_positive(x: float) -> float:
    """erfc(x) for x >= 0, as exp(-x**2) times a polynomial in t = (x - 4) / (x + 4) over x + 4."""
    x = min(30.0, x)  # erfc is 0 long before
    inverse = 1.0 / (x + 4.0)
    t = (x - 4.0) * inverse
    p = fma(-6.369024804746581e-09, t, 8.151584361879337e-09)
    p = fma(p, t, 1.0513740400861739e-07)
    p = fma(p, t, -9.46324833921122e-08)
    p = fma(p, t, -8.278508979226604e-07)
    p = fma(p, t, 1.4458530824358068e-06)
    p = fma(p, t, 4.684666994168344e-06)
    p = fma(p, t, -1.8874491761519248e-05)
    p = fma(p, t, -3.6321650267343946e-06)
    p = fma(p, t, 0.00017681795271989404)
    p = fma(p, t, -0.00045505321623926073)
    p = fma(p, t, -0.00028096004892616994)
    p = fma(p, t, 0.006112055705809105)
    p = fma(p, t, -0.0263700531784305)
    p = fma(p, t, 0.07638151490725463)
    p = fma(p, t, -0.1740109372520475)
    p = fma(p, t, 0.33085158787803004)
    p = fma(p, t, -0.5408538313128197)
    p = fma(p, t, 0.7732087022652371)
    p = fma(p, t, -0.9765487290808862)
    p = fma(p, t, 1.095995661000491)
    square = x * x
    value: float = _exp_sum(-square, -fma(x, x, -square)) * (p * inverse)
    return value


@_compile
def erfc(x: float) -> float:
    """1 - erf(x) to 1e-14 of itself, up to where it is subnormal (x = 26.5)."""
    tail = _erfc_positive(abs(x))
    result = 2.0 - tail if x < 0.0 else tail
    return result if x == x else x


@_compile
def erf(x: float) -> float:
    """The error function to 1e-15 of itself."""
    size = abs(x)
    z = size * size
    p = fma(-7.795898827002142e-10, z, 1.3720064546777686e-08)
    p = fma(p, z, -1.6208483801871705e-07)
    p = fma(p, z, 1.6447424703317362e-06)
    p = fma(p, z, -1.492473690741966e-05)
    p = fma(p, z, 0.00012055294904839707)
    p = fma(p, z, -0.0008548325975389692)
    p = fma(p, z, 0.0052239776071164225)
    p = fma(p, z, -0.02686617064323777)
    p = fma(p, z, 0.11283791670945006)
    p = fma(p, z, -0.37612638903183543)
    p = fma(p, z, 1.1283791670955126)
    far = 1.0 - _erfc_positive(size)
    result = p * size if size < 1.0 else far
    result = -result if x < 0.0 else result
    return result if x == x else x
