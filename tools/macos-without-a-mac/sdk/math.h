#pragma once

#include <sys/cdefs.h>

DARWIN_BEGIN
typedef float float_t;
typedef double double_t;
#define HUGE_VAL __builtin_huge_val()
#define HUGE_VALF __builtin_huge_valf()
#define INFINITY __builtin_inff()
#define NAN __builtin_nanf("")
#define FP_NAN 1
#define FP_INFINITE 2
#define FP_ZERO 3
#define FP_NORMAL 4
#define FP_SUBNORMAL 5
#define signbit(x) __builtin_signbit(x)
#define fpclassify(x) __builtin_fpclassify(FP_NAN, FP_INFINITE, FP_NORMAL, FP_SUBNORMAL, FP_ZERO, x)
#define isfinite(x) __builtin_isfinite(x)
#define isinf(x) __builtin_isinf(x)
#define isnan(x) __builtin_isnan(x)
#define isnormal(x) __builtin_isnormal(x)
#define isgreater(x, y) __builtin_isgreater(x, y)
#define isgreaterequal(x, y) __builtin_isgreaterequal(x, y)
#define isless(x, y) __builtin_isless(x, y)
#define islessequal(x, y) __builtin_islessequal(x, y)
#define islessgreater(x, y) __builtin_islessgreater(x, y)
#define isunordered(x, y) __builtin_isunordered(x, y)

#define DARWIN_MATH_1(name) \
  double name(double);      \
  float name##f(float);     \
  long double name##l(long double);
#define DARWIN_MATH_2(name)    \
  double name(double, double); \
  float name##f(float, float); \
  long double name##l(long double, long double);
#define DARWIN_MATH_OF(type, name) \
  type name(double);               \
  type name##f(float);             \
  type name##l(long double);
DARWIN_MATH_1(acos)
DARWIN_MATH_1(asin)
DARWIN_MATH_1(atan)
DARWIN_MATH_1(ceil)
DARWIN_MATH_1(cos)
DARWIN_MATH_1(cosh)
DARWIN_MATH_1(exp)
DARWIN_MATH_1(fabs)
DARWIN_MATH_1(floor)
DARWIN_MATH_1(log)
DARWIN_MATH_1(log10)
DARWIN_MATH_1(sin)
DARWIN_MATH_1(sinh)
DARWIN_MATH_1(sqrt)
DARWIN_MATH_1(tan)
DARWIN_MATH_1(tanh)
DARWIN_MATH_1(acosh)
DARWIN_MATH_1(asinh)
DARWIN_MATH_1(atanh)
DARWIN_MATH_1(cbrt)
DARWIN_MATH_1(erf)
DARWIN_MATH_1(erfc)
DARWIN_MATH_1(exp2)
DARWIN_MATH_1(expm1)
DARWIN_MATH_1(lgamma)
DARWIN_MATH_1(log1p)
DARWIN_MATH_1(log2)
DARWIN_MATH_1(logb)
DARWIN_MATH_1(nearbyint)
DARWIN_MATH_1(rint)
DARWIN_MATH_1(round)
DARWIN_MATH_1(tgamma)
DARWIN_MATH_1(trunc)
DARWIN_MATH_2(atan2)
DARWIN_MATH_2(fmod)
DARWIN_MATH_2(pow)
DARWIN_MATH_2(copysign)
DARWIN_MATH_2(fdim)
DARWIN_MATH_2(fmax)
DARWIN_MATH_2(fmin)
DARWIN_MATH_2(hypot)
DARWIN_MATH_2(nextafter)
DARWIN_MATH_2(remainder)
DARWIN_MATH_OF(int, ilogb)
DARWIN_MATH_OF(long, lrint)
DARWIN_MATH_OF(long, lround)
DARWIN_MATH_OF(long long, llrint)
DARWIN_MATH_OF(long long, llround)
double fma(double, double, double);
float fmaf(float, float, float);
long double fmal(long double, long double, long double);
double frexp(double, int*);
float frexpf(float, int*);
long double frexpl(long double, int*);
double ldexp(double, int);
float ldexpf(float, int);
long double ldexpl(long double, int);
double scalbn(double, int);
float scalbnf(float, int);
long double scalbnl(long double, int);
double scalbln(double, long);
float scalblnf(float, long);
long double scalblnl(long double, long);
double modf(double, double*);
float modff(float, float*);
long double modfl(long double, long double*);
double remquo(double, double, int*);
float remquof(float, float, int*);
long double remquol(long double, long double, int*);
double nexttoward(double, long double);
float nexttowardf(float, long double);
long double nexttowardl(long double, long double);
double nan(const char*);
float nanf(const char*);
long double nanl(const char*);
DARWIN_END
