/** Products of equal shape: `count` times m × n × k, both operands as they are, or B (NT) or A (TN) stored as its transpose. */
export interface GemmShape {
  readonly count: number;
  readonly m: number;
  readonly n: number;
  readonly k: number;
  readonly layout: 'NN' | 'NT' | 'TN';
}

const projections: GemmShape[] = [
  [768, 256, 768],
  [768, 512, 768],
  [2048, 256, 768],
  [768, 256, 2048],
  [2048, 512, 768],
  [768, 512, 2048],
  [288, 256, 288],
  [768, 256, 288],
  [288, 256, 768],
  [32_000, 256, 288],
].map(([m, n, k]) => ({ count: 1, m: m!, n: n!, k: k!, layout: 'NN' }));

/** Projections of models of width 288 and 768 and a classifier, their backward passes, and attention by head. */
export const gemmShapes: readonly GemmShape[] = [
  ...projections,
  { count: 1, m: 768, n: 768, k: 256, layout: 'NT' },
  { count: 1, m: 768, n: 256, k: 768, layout: 'TN' },
  { count: 12, m: 256, n: 256, k: 64, layout: 'NT' },
  { count: 12, m: 256, n: 64, k: 256, layout: 'NN' },
  { count: 6, m: 256, n: 256, k: 48, layout: 'NT' },
];

export const nameOf = ({ count, m, n, k, layout }: GemmShape): string => `${count}x${m}x${n}x${k}${layout}`;

/** Of seconds, GFLOP/s. */
export const rateOf = ({ count, m, n, k }: GemmShape, seconds: number): number =>
  (2 * count * m * n * k) / seconds / 1e9;
