"""Elementary functions that vectorise and give the same bits on every machine.

They are made of IEEE additions, multiplications, divisions, square roots, explicit fused multiply-adds, bit casts and
selects: no call to the machine's mathematical library, no branch on data, no table. So LLVM turns a loop over them
into vector code, and the result of a lane never depends on the vector width or on the instruction set.

Method: reduce the argument, evaluate a polynomial by Horner's rule, undo the reduction. The polynomials interpolate at
Chebyshev nodes of the reduced interval, computed with 60 digits (tests/test_functions.py compares with mpmath).

The disadvantage: for `exp`, `log` and `power` subnormal numbers (below 2.2e-308) count as zero, and arguments of
`sin`, `cos` and `tan` beyond 1e15 lose accuracy, since only three parts of pi are subtracted.
"""

from __future__ import annotations

from math import inf, nan, sqrt
from typing import Any

import numpy as np

from motes.core.compiled import njit
from motes.exact.arithmetic import fma, from_bits, to_bits

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
_SIGN = -0x8000000000000000
_TWO_52, _TWO_54 = 2.0**52, 2.0**54
_TWO_100, _TWO_300, _TWO_600 = 2.0**100, 2.0**300, 2.0**600
_TWO_MINUS_100, _TWO_MINUS_300, _TWO_MINUS_600 = 2.0**-100, 2.0**-300, 2.0**-600
_THIRD = 1.0 / 3.0
_LOG2_E_LOW = 2.0355273740931033e-17
_LOG10_E, _LOG10_E_LOW = 0.4342944819032518, 1.098319650216765e-17
_LOG10_TWO_54 = 16.255619765854984


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
def _log_of_mantissa(x: float) -> tuple[float, float, float]:
    """k, and log(x / 2**k) as a sum of two numbers, for normal positive x; x / 2**k is from sqrt(1/2) to sqrt(2)."""
    # log(m) = 2 artanh(s) with s = (m - 1) / (m + 1)
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
    return k, 2.0 * s, fma(z * s, p, 2.0 * rest)


@_compile
def _log_parts(x: float) -> tuple[float, float]:
    """log(x) as a sum of two numbers, to about 1e-18, for normal positive x."""
    k, second, rest = _log_of_mantissa(x)
    first = k * _LN2
    high = first + second
    error_of_product = fma(k, _LN2, -first)
    low = (first - high) + second
    low += error_of_product + fma(k, _LN2_LOW, rest)
    total = high + low
    return total, low - (total - high)


@_compile
def log(x: float) -> float:
    """The natural logarithm within 1 unit in the last place; -inf at 0 and for subnormal x, NaN below."""
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
    edge = (inf if grows else 0.0) if x >= 0.0 else nan
    result = result if (x >= _SMALLEST_NORMAL) & (x <= _LARGEST) else edge
    result = result if y == y else y
    return 1.0 if (x == 1.0) | (y == 0.0) else result  # whatever the other one is, also NaN


@_compile
def signed_power(x: float, y: float) -> float:
    """x ** y with the accuracy of `power`; for negative x a number only where y is a whole number, or x is -inf."""
    size = power(abs(x), y)
    half = 0.5 * y
    odd = rint(half) != half
    other = nan if (x < 0.0) & (x >= -_LARGEST) else size
    negative = (-size if odd else size) if rint(y) == y else other
    return negative if to_bits(x) < 0 else size


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
    """The sine within 2 units in the last place for abs(x) <= 1e15; beyond, where the numbers themselves lie farther
    apart than 0.1, it is bounded, but not accurate as NumPy's is."""
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


# Rounding to whole numbers. Zeros keep their sign, as in NumPy.


@_compile
def _signed_like(size: float, x: float) -> float:
    """A number that has the sign of x already, unless it is a zero."""
    value: float = from_bits(to_bits(size) | (to_bits(x) & _SIGN))
    return value


@_compile
def rint(x: float) -> float:
    """The nearest whole number, of two the even one."""
    size = abs(x)
    value: float = _signed_like((size + _TWO_52) - _TWO_52, x)
    return value if size < _TWO_52 else x


@_compile
def floor(x: float) -> float:
    """The largest whole number that is not above x."""
    nearest = rint(x)
    value: float = _signed_like(nearest - 1.0 if nearest > x else nearest, x)
    return value


@_compile
def ceil(x: float) -> float:
    """The smallest whole number that is not below x."""
    nearest = rint(x)
    value: float = _signed_like(nearest + 1.0 if nearest < x else nearest, x)
    return value


@_compile
def trunc(x: float) -> float:
    """The whole number next to x towards 0."""
    value: float = _signed_like(floor(abs(x)), x)
    return value


@_compile
def remainder(a: float, b: float) -> float:
    """a - b floor(a / b), exactly; NaN where abs(a / b) is 2**52 or more, where NumPy's goes on to be exact."""
    quotient = floor(a / b)
    r = fma(-quotient, b, a)
    # The quotient may have been rounded down or up to the next whole number.
    r = r - b if abs(r) > abs(b) else r
    r = r + b if ((r < 0.0) != (b < 0.0)) & (r != 0.0) else r
    r = r if abs(quotient) < _TWO_52 else nan
    endless = a if (a == 0.0) | ((a < 0.0) == (b < 0.0)) else b
    r = endless if (abs(b) > _LARGEST) & (abs(a) <= _LARGEST) else r
    return _zero_like(b) if r == 0.0 else r


@_compile
def _zero_like(x: float) -> float:
    value: float = from_bits(to_bits(x) & _SIGN)
    return value


@_compile
def sign(x: float) -> float:
    """-1, 0 or 1; NaN of NaN."""
    value = 1.0 if x > 0.0 else (-1.0 if x < 0.0 else 0.0)
    return value if x == x else x


@_compile
def heaviside(x: float, there: float) -> float:
    """0 below 0, 1 above, and `there` at 0; NaN of NaN."""
    value = 1.0 if x > 0.0 else (0.0 if x < 0.0 else there)
    return value if x == x else x


@_compile
def fmin(x: float, y: float) -> float:
    """The smaller number; the other one, if one is NaN."""
    return x if (x <= y) | (y != y) else y


@_compile
def fmax(x: float, y: float) -> float:
    """The larger number; the other one, if one is NaN."""
    return x if (x >= y) | (y != y) else y


@_compile
def lookup(column: Any, index: float) -> float:
    """The number of a column at an index, a whole number from 0, which nobody checks."""
    value: float = column[np.uint64(to_bits(index + _ROUND) - _ROUND_BITS)]
    return value


# Functions that exist for the sake of exactness: each within 1 unit in the last place, for all arguments.


@_compile
def _two_to(k: int) -> float:
    """2**k for -1022 <= k <= 1023."""
    value: float = from_bits((k + 1023) << 52)
    return value


@_compile
def exp2(x: float) -> float:
    """2 ** x within 1 unit in the last place."""
    bounded = min(1100.0, max(-1100.0, x))
    shifted = bounded + _ROUND
    k = shifted - _ROUND
    r = bounded - k
    t = r * _LN2
    p = fma(_exp_minus_one_reduced(t), t, 1.0)
    p = fma(p, fma(r, _LN2, -t) + r * _LN2_LOW, p)
    whole = to_bits(shifted) - _ROUND_BITS
    half = whole >> 1
    value: float = p * _two_to(half) * _two_to(whole - half)
    return value if x == x else x


@_compile
def _exp_curvature_reduced(r: float) -> float:
    """(exp(r) - 1 - r) / r**2 for abs(r) <= ln(2) / 2, with more digits than it would take for exp."""
    p = fma(1.6087177234380782e-10, r, 2.0918961837795778e-09)
    p = fma(p, r, 2.5052069594795685e-08)
    p = fma(p, r, 2.755726102934377e-07)
    p = fma(p, r, 2.7557319248633827e-06)
    p = fma(p, r, 2.4801587338565345e-05)
    p = fma(p, r, 0.00019841269841262761)
    p = fma(p, r, 0.0013888888888878269)
    p = fma(p, r, 0.008333333333333333)
    p = fma(p, r, 0.04166666666666668)
    p = fma(p, r, 0.16666666666666666)
    return fma(p, r, 0.5)


@_compile
def expm1(x: float) -> float:
    """exp(x) - 1 without cancellation near 0, within 1 unit in the last place."""
    bounded = min(709.0, max(-50.0, x))
    shifted = fma(bounded, _LOG2_E, _ROUND)
    k = shifted - _ROUND
    coarse = fma(-k, _LN2, bounded)
    r = fma(-k, _LN2_LOW, coarse)
    rest = fma(-k, _LN2_LOW, coarse - r)
    scale = from_bits(_ONE_BITS + (to_bits(shifted) << 52))
    curved = _exp_curvature_reduced(r) * r * r
    first, second = scale - 1.0, scale * r
    high = first + second
    back = high - first
    low = (first - (high - back)) + (second - back)
    value: float = high + (low + scale * fma(r, rest, rest + curved))
    value = exp(x) if x > 700.0 else value
    value = -1.0 if x < -50.0 else value
    return value if abs(x) > 1e-300 else x


@_compile
def log1p(x: float) -> float:
    """log(1 + x) without cancellation near 0, within 1 unit in the last place."""
    sum_ = 1.0 + x
    high, low = _log_parts(sum_)
    back = sum_ - 1.0
    lost = (1.0 - (sum_ - back)) + (x - back)
    value = high + (low + lost / sum_)
    edge = inf if x > _LARGEST else (-inf if x == -1.0 else nan)
    value = value if (sum_ > 0.0) & (x <= _LARGEST) else edge
    return value if abs(x) > 1e-300 else x


@_compile
def log2(x: float) -> float:
    """The logarithm to the base 2 within 1 unit in the last place, exact for powers of 2."""
    tiny = x < _SMALLEST_NORMAL
    k, second, rest = _log_of_mantissa(x * _TWO_54 if tiny else x)
    k = k - 54.0 if tiny else k
    product = second * _LOG2_E
    low = fma(second, _LOG2_E, -product) + fma(second, _LOG2_E_LOW, rest * _LOG2_E)
    high = k + product
    value = high + (low + ((k - high) + product))
    edge = inf if x > _LARGEST else (-inf if x == 0.0 else nan)
    return value if (x > 0.0) & (x <= _LARGEST) else edge


@_compile
def log10(x: float) -> float:
    """The logarithm to the base 10 within 1 unit in the last place, exact for powers of 10."""
    tiny = x < _SMALLEST_NORMAL
    high, low = _log_parts(x * _TWO_54 if tiny else x)
    product = high * _LOG10_E
    low = fma(high, _LOG10_E, -product) + fma(high, _LOG10_E_LOW, low * _LOG10_E)
    value = product + low
    value = (product - _LOG10_TWO_54) + low if tiny else value
    edge = inf if x > _LARGEST else (-inf if x == 0.0 else nan)
    return value if (x > 0.0) & (x <= _LARGEST) else edge


@_compile
def cbrt(x: float) -> float:
    """The real cube root within 1 unit in the last place, of negative numbers too."""
    size = abs(x)
    small, large = size < 1e-200, size > 1e200
    size = size * _TWO_300 if small else (size * _TWO_MINUS_300 if large else size)
    y = power(size, _THIRD)
    # One step of Newton, with the cube to twice the digits.
    square = y * y
    cube = square * y
    error = fma(square, y, -cube) + fma(y, y, -square) * y
    y -= ((cube - size) + error) / (3.0 * square)
    y = y * _TWO_MINUS_100 if small else (y * _TWO_100 if large else y)
    y = -y if x < 0.0 else y
    return y if (abs(x) > 0.0) & (abs(x) <= _LARGEST) else x


@_compile
def hypot(x: float, y: float) -> float:
    """sqrt(x**2 + y**2) within 1 unit in the last place, where the squares would be too large or small as well."""
    a, b = abs(x), abs(y)
    large, small = (a if a > b else b), (b if a > b else a)
    scale = _TWO_600 if large < 1e-140 else (_TWO_MINUS_600 if large > 1e140 else 1.0)
    back = _TWO_MINUS_600 if large < 1e-140 else (_TWO_600 if large > 1e140 else 1.0)
    large, small = large * scale, small * scale
    value: float = sqrt(fma(large, large, small * small)) * back
    return inf if (a > _LARGEST) | (b > _LARGEST) else value


# Angles


@_compile
def tan(x: float) -> float:
    """The tangent within 5 units in the last place, for abs(x) <= 1e15 as for `sin`."""
    value: float = sin(x) / cos(x)
    return value


@_compile
def arctan2(y: float, x: float) -> float:
    """The angle of the point (x, y), from -pi to pi, within 2 units in the last place."""
    a, b = abs(x), abs(y)
    steep = b > a
    ratio = (a if steep else b) / (b if steep else (a if a > 0.0 else 1.0))
    ratio = 1.0 if (a > _LARGEST) & (b > _LARGEST) else ratio
    angle = arctan(ratio)
    back = to_bits(x) < 0
    start = _HALF_PI if steep else (_PI if back else 0.0)
    start_low = _HALF_PI_LOW if steep else (_PI_LOW if back else 0.0)
    angle = -angle if steep != back else angle
    value: float = _signed_like(start + (angle + start_low), y)
    return value if (x == x) & (y == y) else nan


@_compile
def _arcsin_reduced(z: float) -> float:
    """(arcsin(x) - x) / x with z = x**2 <= 1/4."""
    p = fma(0.028757851367421566, z, -0.014851887071247204)
    p = fma(p, z, 0.01740087944269402)
    p = fma(p, z, 0.005457506718640358)
    p = fma(p, z, 0.01032281435018578)
    p = fma(p, z, 0.011479177415184906)
    p = fma(p, z, 0.013971212973552933)
    p = fma(p, z, 0.017352392720869973)
    p = fma(p, z, 0.02237217294214989)
    p = fma(p, z, 0.030381944138531247)
    p = fma(p, z, 0.04464285714635543)
    p = fma(p, z, 0.07499999999998433)
    p = fma(p, z, 0.16666666666666669)
    value: float = p * z
    return value


@_compile
def arcsin(x: float) -> float:
    """The angle between -pi/2 and pi/2 whose sine is x, within 1 unit in the last place; NaN beyond 1."""
    size = abs(x)
    near = size <= 0.5
    z = size * size if near else 0.5 * (1.0 - size)
    root = sqrt(z)
    rest = _arcsin_reduced(z)
    lost = fma(-root, root, z) / (root if root > 0.0 else 1.0)
    high = _HALF_PI - 2.0 * root
    low = (_HALF_PI - high) - 2.0 * root
    far = high + (low + (_HALF_PI_LOW - fma(2.0 * root, rest, lost)))
    value: float = fma(size, rest, size) if near else far
    return -value if x < 0.0 else (value if x != 0.0 else x)


@_compile
def arccos(x: float) -> float:
    """The angle between 0 and pi whose cosine is x, within 1 unit in the last place; NaN beyond 1."""
    size = abs(x)
    near = size <= 0.5
    z = size * size if near else 0.5 * (1.0 - size)
    root = sqrt(z)
    rest = _arcsin_reduced(z)
    lost = 0.5 * fma(-root, root, z) / (root if root > 0.0 else 1.0)
    part = fma(root, rest, lost)  # arcsin(root) - root
    start = _HALF_PI if near else _PI
    start_low = _HALF_PI_LOW if near else _PI_LOW
    step = x if near else 2.0 * root
    high = start - step
    low = (start - high) - step
    wide = high + (low + (start_low - (x * rest if near else 2.0 * part)))
    value: float = 2.0 * (root + part)
    return wide if near | (x < 0.0) else value
