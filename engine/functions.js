/* What JavaScript's Math lacks, or answers otherwise than the rows of table.py, over doubles. */
"use strict";

/* A nan is never masked; where operands tie, the first is the answer. */
function maximum(a, b) { return a >= b || a !== a ? a : b; }
function minimum(a, b) { return a <= b || a !== a ? a : b; }

function relu(x) { return x < 0 ? 0 : x; }

function step(x) { return x > 0 ? 1 : x <= 0 ? 0 : NaN; }

function compare(a, b) { return a > b ? 1 : a < b ? -1 : a === b ? 0 : NaN; }
function sign(x) { return compare(x, 0); }

/* Of the branches of a choice, the one not chosen gets no derivative at all. */
function chosen(partial) { return partial === 0 ? null : partial; }

/* As in C: 1 to any power is 1, and so is -1 to an infinite one. */
function pow(a, b) {
  const isOne = a === 1 || (a === -1 && Math.abs(b) === Infinity);
  return isOne ? 1 : Math.pow(a, b);
}

/* log(exp(a) + exp(b)), without overflow; equal infinities have no difference. */
function logaddexp(a, b) {
  if (a === b) return a + Math.LN2;
  return (a > b ? a : b) + Math.log1p(Math.exp(-Math.abs(a - b)));
}

/* The length of a vector; a nan is never masked by an infinity. */
function norm(...xs) { return xs.some(Number.isNaN) ? NaN : Math.hypot(...xs); }

/* The error function by the rational approximations of W. J. Cody, Rational Chebyshev
   approximations for the error function, Mathematics of Computation 23 (1969), 631-637. */
const NEAR = [
  [1.85777706184603153e-1, 3.16112374387056560, 1.13864154151050156e2,
   3.77485237685302021e2, 3.20937758913846947e3],
  [1, 2.36012909523441209e1, 2.44024637934444173e2, 1.28261652607737228e3, 2.84423683343917062e3],
];
const MIDDLE = [
  [2.15311535474403846e-8, 5.64188496988670089e-1, 8.88314979438837594, 6.61191906371416295e1,
   2.98635138197400131e2, 8.81952221241769090e2, 1.71204761263407058e3, 2.05107837782607147e3,
   1.23033935479799725e3],
  [1, 1.57449261107098347e1, 1.17693950891312499e2, 5.37181101862009858e2, 1.62138957456669019e3,
   3.29079923573345963e3, 4.36261909014324716e3, 3.43936767414372164e3, 1.23033935480374942e3],
];
const FAR = [
  [1.63153871373020978e-2, 3.05326634961232344e-1, 3.60344899949804439e-1, 1.25781726111229246e-1,
   1.60837851487422766e-2, 6.58749161529837803e-4],
  [1, 2.56852019228982242, 1.87295284992346725, 5.27905102951428412e-1, 6.05183413124413191e-2,
   2.33520497626869185e-3],
];

function quotient([above, below], x) {
  const polynomial = (sum, coefficient) => sum * x + coefficient;
  return above.reduce(polynomial) / below.reduce(polynomial);
}

function erf(x) {
  if (Math.abs(x) <= 0.46875) return x * quotient(NEAR, x * x);
  return x > 0 ? 1 - erfc(x) : erfc(-x) - 1;
}

function erfc(x) {
  if (Math.abs(x) <= 0.46875) return 1 - erf(x);
  if (x < 0) return 2 - erfc(-x);
  if (x <= 4) return bell(x) * quotient(MIDDLE, x);
  const square = 1 / (x * x);
  const tail = 1 / Math.sqrt(Math.PI) - square * quotient(FAR, square);
  return x > 27 ? 0 : bell(x) * tail / x;
}

/* exp(-x²): the first digits of x give an exact square, so that the rounding of x² does no harm. */
function bell(x) {
  const first = Math.trunc(16 * x) / 16;
  return Math.exp(-first * first) * Math.exp(-(x - first) * (x + first));
}
