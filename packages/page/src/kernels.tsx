import { formatCount, formatFigure } from './format.js';
import { type PanelProps, titleOf } from './run-store.js';
import { Scroll } from './scroll.js';
import type { Theme } from './theme.js';

interface Bucket {
  readonly below_us: number;
  readonly count: number;
}

const WIDTH = 160;
const HEIGHT = 18;

/** Latencies of each kernel's evaluations, with their distribution: each bar reaches to twice the time of the one before. */
export function Kernels({ theme, ...panel }: PanelProps & { readonly theme: Theme }) {
  const { detail } = panel.run;
  const kernels = detail.kernels.filter(({ count }) => Number(count) > 0);
  if (kernels.length === 0) return null;
  const ends = kernels.flatMap(({ buckets }) => bucketsOf(buckets).map(({ below_us }) => Math.log2(below_us)));
  const range = [Math.min(...ends), Math.max(...ends)] as const;
  return (
    <section class="panel" data-panel="kernels" aria-label={titleOf('Table of kernels', panel)}>
      <header>
        <h2>{titleOf('Kernels', panel)}</h2>
        <span class="faint">microseconds of an evaluation, in this session</span>
      </header>
      <Scroll label={titleOf('Kernels', panel)}>
        <table>
          <thead>
            <tr>
              <th>kernel</th>
              <th>worker</th>
              <th>evaluations</th>
              <th>median</th>
              <th>p99</th>
              <th>longest</th>
              <th>distribution</th>
            </tr>
          </thead>
          <tbody>
            {kernels.map(({ name, worker, count, p50_us, p99_us, max_us, buckets }) => (
              <tr key={String(name)}>
                <td>{String(name)}</td>
                <td>{worker === null ? '' : String(worker)}</td>
                <td>{formatCount(Number(count))}</td>
                <td>{formatFigure(Number(p50_us))}</td>
                <td>{formatFigure(Number(p99_us))}</td>
                <td>{formatFigure(Number(max_us))}</td>
                <td>
                  <Distribution buckets={bucketsOf(buckets)} range={range} color={theme.accent} />
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </Scroll>
    </section>
  );
}

interface DistributionProps {
  readonly buckets: readonly Bucket[];
  /** Logarithms, base 2, of the lowest and the highest end of all buckets. */
  readonly range: readonly [number, number];
  readonly color: string;
}

function Distribution({ buckets, range: [least, most], color }: DistributionProps) {
  const highest = Math.max(...buckets.map(({ count }) => count));
  const step = WIDTH / (most - least + 1);
  const told = buckets
    .map(({ below_us, count }) => `${formatCount(count)} below ${formatFigure(below_us)} µs`)
    .join(', ');
  return (
    <svg width={WIDTH} height={HEIGHT} role="img" aria-label={told}>
      <title>{told}</title>
      {buckets.map(({ below_us, count }) => {
        const height = Math.max(1, (HEIGHT * count) / highest);
        const x = (Math.log2(below_us) - least) * step;
        return <rect key={below_us} {...{ x, y: HEIGHT - height, width: step - 1, height, fill: color }} />;
      })}
    </svg>
  );
}

const bucketsOf = (value: unknown): readonly Bucket[] =>
  Array.isArray(value) ? (value as Bucket[]).filter(({ count }) => count > 0) : [];
