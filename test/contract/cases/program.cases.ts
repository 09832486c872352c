import { bool, fp16, int, ints, text } from '../mil-text.js';
import { inBothDialects, type OpCase, opCase } from '../op-case.js';
import { concat, conv, map, matmul, reduce, reshape, slice, softmax, sum, transpose } from '../reference-ops.js';
import { random, type Tensor, tensor } from '../tensor.js';

const flags = (x: boolean, y: boolean) => ({ transpose_x: bool(x), transpose_y: bool(y) });

/** Dynamic weights: activations and weights packed side by side, sliced, multiplied. */
const packedProduct = inBothDialects('packed activations and weights', (p) => {
  const [rows, columns, outputs] = [48, 35, 27];
  const packed = random(1, 'fp16', [1, rows, 1, columns + outputs], 1);
  const name = p.input(packed);
  const x = slice(packed, [0, 0, 0, 0], [1, rows, 1, columns]);
  const w = slice(packed, [0, 0, 0, columns], [1, rows, 1, outputs]);
  const xs = p.op('slice_by_size', { x: name, begin: ints(0, 0, 0, 0), size: ints(1, rows, 1, columns) }, x);
  const ws = p.op('slice_by_size', { x: name, begin: ints(0, 0, 0, columns), size: ints(1, rows, 1, outputs) }, w);
  const [xm, wm] = [reshape(x, [1, 1, rows, columns]), reshape(w, [1, 1, rows, outputs])];
  const xr = p.op('reshape', { x: xs, shape: ints(1, 1, rows, columns) }, xm);
  const wr = p.op('reshape', { x: ws, shape: ints(1, 1, rows, outputs) }, wm);
  const product = matmul(wm, xm, true, false);
  const y = p.op('matmul', { x: wr, y: xr, ...flags(true, false) }, product);
  const turned = matmul(xm, wm, true, false);
  const z = p.op('matmul', { x: xr, y: wr, ...flags(true, false) }, turned);
  const back = transpose(turned, [0, 1, 3, 2]);
  const zt = p.op('transpose', { x: z, perm: ints(0, 1, 3, 2) }, back);
  const [a, b] = [reshape(product, [1, outputs, 1, columns]), reshape(back, [1, outputs, 1, columns])];
  const ar = p.op('reshape', { x: y, shape: ints(1, outputs, 1, columns) }, a);
  const br = p.op('reshape', { x: zt, shape: ints(1, outputs, 1, columns) }, b);
  const expected = concat([a, b], 1);
  return [[p.op('concat', { axis: int(1), interleave: bool(false), values: [ar, br] }, expected), expected]];
});

// Every intermediate that leaves a fused chain is rounded to fp16.
const chained = { tolerance: 4e-3 };

/** RMSNorm over channels as devices spell it, a convolution, SwiGLU. */
const feedForward = inBothDialects(
  'RMSNorm, convolutions with constant weights, SwiGLU with taps',
  (p) => {
    const [dim, hidden, columns] = [24, 40, 37];
    const x = random(1, 'fp16', [1, dim, 1, columns]);
    const norm = random(2, 'fp16', [1, dim, 1, 1], 0.2, 1);
    const [w1, w3] = [random(3, 'fp16', [hidden, dim, 1, 1], 0.3), random(4, 'fp16', [hidden, dim, 1, 1], 0.3)];
    const half = (shape: number[]): Tensor => ({ dtype: 'fp16', shape, data: [] });
    const name = p.input(x);
    const row = half([1, 1, 1, columns]);
    const square = p.op('mul', { x: name, y: name }, x);
    const total = p.op('reduce_sum', { x: square, axes: ints(1), keep_dims: bool(true) }, row);
    const mean = p.op('mul', { x: total, y: p.parameter(fp16(1 / 16)) }, row);
    const shifted = p.op('add', { x: mean, y: p.parameter(fp16(0.0009765625)) }, row);
    const factor = p.op('pow', { x: shifted, y: p.parameter(fp16(-0.5)) }, row);
    const scaled = p.op('mul', { x: name, y: factor }, x);
    const normed = p.op('mul', { x: scaled, y: p.blob(norm) }, x);
    const r = map(
      'fp16',
      (s) => (s / 16 + 0.0009765625) ** -0.5,
      reduce(
        map('fp16', (v) => v * v, x),
        [1],
        true,
        sum,
      ),
    );
    const xn = map('fp16', (v, f, w) => v * f * w, x, r, norm);
    const pointwise = { strides: [1, 1], dilations: [1, 1], groups: 1, pads: [0, 0, 0, 0] };
    const project = (weight: Tensor): [string, Tensor] => {
      const expected = conv(xn, weight, pointwise);
      const args = {
        dilations: ints(1, 1),
        groups: int(1),
        pad: ints(0, 0, 0, 0),
        pad_type: text('valid'),
        strides: ints(1, 1),
        weight: p.blob(weight),
        x: normed,
      };
      return [p.op('conv', args, expected), expected];
    };
    const [[h1, e1], [h3, e3]] = [project(w1), project(w3)];
    const sigmoid = p.op('sigmoid', { x: h1 }, e1);
    const silu = p.op('mul', { x: h1, y: sigmoid }, e1);
    const gate = p.op('mul', { x: silu, y: h3 }, e1);
    const expectedGate = map('fp16', (a, b) => (a / (1 + Math.exp(-a))) * b, e1, e3);
    const expected = concat([e1, e3, expectedGate, xn], 1);
    return [
      [p.op('concat', { axis: int(1), interleave: bool(false), values: [h1, h3, gate, normed] }, expected), expected],
    ];
  },
  chained,
);

/** Heads by reshape and transpose, grouped keys by broadcasting, masked softmax, back to channels. */
const attention = inBothDialects(
  'attention with grouped keys and values',
  (p) => {
    const [kv, group, headDim, columns] = [2, 3, 8, 19];
    const channels = kv * group * headDim;
    const [q, k, v] = [
      random(1, 'fp16', [1, channels, 1, columns]),
      random(2, 'fp16', [1, kv * headDim, 1, columns]),
      random(3, 'fp16', [1, kv * headDim, 1, columns]),
    ];
    const mask = tensor(
      'fp16',
      [1, 1, columns, columns],
      Array.from({ length: columns ** 2 }, (_, i) => (i % columns <= Math.floor(i / columns) ? 0 : -65504)),
    );
    const heads = (x: string, t: Tensor, shape: number[]): [string, Tensor] => {
      const split = reshape(t, shape);
      const y = p.op('reshape', { x, shape: ints(...shape) }, split);
      const turned = transpose(split, [0, 1, 3, 2]);
      return [p.op('transpose', { x: y, perm: ints(0, 1, 3, 2) }, turned), turned];
    };
    const qName = p.input(q);
    const [qh, eq] = heads(qName, q, [kv, group, headDim, columns]);
    const [kh, ek] = heads(p.input(k), k, [kv, 1, headDim, columns]);
    const [vh, ev] = heads(p.input(v), v, [kv, 1, headDim, columns]);
    const es = matmul(eq, ek, false, true);
    const scores = p.op('matmul', { x: qh, y: kh, ...flags(false, true) }, es);
    const scaled = p.op('mul', { x: scores, y: p.parameter(fp16(0.25)) }, es);
    const masked = p.op('add', { x: scaled, y: p.blob(mask) }, es);
    const ep = softmax(
      map('fp16', (s, m) => s * 0.25 + m, es, mask),
      3,
    );
    const probabilities = p.op('softmax', { x: masked, axis: int(-1) }, ep);
    const eo = matmul(ep, ev);
    const o = p.op('matmul', { x: probabilities, y: vh, ...flags(false, false) }, eo);
    const et = transpose(eo, [0, 1, 3, 2]);
    const t = p.op('transpose', { x: o, perm: ints(0, 1, 3, 2) }, et);
    const flat = reshape(et, [1, channels, 1, columns]);
    const out = p.op('reshape', { x: t, shape: ints(1, channels, 1, columns) }, flat);
    const expected = concat([flat, q], 1);
    return [[p.op('concat', { axis: int(1), interleave: bool(false), values: [out, qName] }, expected), expected]];
  },
  chained,
);

/** Constants that depend on constants are computed once; a result may be an input or a constant. */
const folding = opCase('constant folding, results that are inputs and constants', (p) => {
  const [x, c] = [random(1, 'fp16', [3, 5]), random(2, 'fp16', [5, 3])];
  const name = p.input(x);
  const turned = transpose(c, [1, 0]);
  const ct = p.op('transpose', { x: p.constant(c), perm: ints(1, 0) }, turned);
  const doubled = map('fp16', (v) => v + v, turned);
  const cc = p.op('add', { x: ct, y: ct }, doubled);
  const expected = map('fp16', (a, b) => a * b, x, doubled);
  return [
    [p.op('mul', { x: name, y: cc }, expected), expected],
    [name, x],
    [cc, doubled],
    [ct, turned],
  ];
});

export const programCases: readonly OpCase[] = [...packedProduct, ...feedForward, ...attention, folding];
