import { formatFigure, formatSmall, printable } from './text.js';

/** A step and a value. */
export type Point = readonly [step: number, value: number];

/** A named curve, in the order of its steps. */
export interface Curve {
  readonly name: string;
  readonly points: readonly Point[];
}

export interface CurvesLook {
  readonly metric: string;
  /** Columns of the terminal, and lines of the drawing area. */
  readonly width: number;
  readonly height: number;
  /** Draws the logarithms, base 10, of values above 0. */
  readonly log: boolean;
}

/** Columns left of the drawing area, for numbers and the axis. */
const MARGIN = 14;
const marks = ['*', 'o', '+', 'x', '#', '@'] as const;

/** Curves as characters, in one drawing, with a line for each that names its mark, its last value and its lowest. */
export async function curvesText(
  curves: readonly Curve[],
  { metric, width, height, log }: CurvesLook,
): Promise<string> {
  const { default: plot } = await import('simple-ascii-chart');
  const columns = Math.max(width - MARGIN, 10);
  const drawn = curves.filter(({ points }) => points.length > 0);
  const scaled = drawn.map(({ points }) =>
    meanPerColumn(log ? points.filter(([, value]) => value > 0) : points, columns).map(
      ([step, value]): [number, number] => [step, log ? Math.log10(value) : value],
    ),
  );
  let curve = -1;
  const chart = plot(scaled, {
    ...{
      width: columns,
      height,
      customXAxisTicks: ticks(
        scaled.flat().map(([step]) => step),
        columns,
      ),
    },
    formatter: (value, { axis }) => (axis === 'x' ? Math.round(value) : figure(log ? 10 ** value : value)),
    // Called for the points of one curve after another, and not told which.
    lineFormatter: ({ index, plotX, plotY }) => {
      if (index === 0) curve += 1;
      return { x: plotX, y: plotY, symbol: markOf(curve) };
    },
  });
  const names = drawn.map(({ name, points }, index) => {
    const values = points.map(([, value]) => value);
    const lowest = values.reduce((least, value) => Math.min(least, value));
    return `${markOf(index)} ${printable(name)}: ${metric} ${figure(values.at(-1)!)} at step ${points.at(-1)![0]}, lowest ${figure(lowest)}`;
  });
  return `${chart.replaceAll(/[ \t]+$/gm, '').replaceAll(/^\n+|\n+$/g, '')}\n${names.join('\n')}`;
}

const markOf = (index: number): string => marks[index % marks.length]!;

/** The first and the last step, and one in the middle where there is room for its number. */
function ticks(steps: readonly number[], columns: number): number[] {
  const [least, most] = steps.reduce(([low, high], step) => [Math.min(low, step), Math.max(high, step)], [
    Number.POSITIVE_INFINITY,
    Number.NEGATIVE_INFINITY,
  ] as [number, number]);
  const middle = (least + most) / 2;
  const hasRoom = columns / 2 > `${least}${Math.round(middle)}`.length;
  return hasRoom ? [least, middle, most] : [least, most];
}

const figure = (value: number): string =>
  value !== 0 && Math.abs(value) < 1e-3 ? formatSmall(value) : formatFigure(value);

/** At most `columns` points: each the mean of an equal part of the steps, of which the first begins and the last ends where the curve does. */
function meanPerColumn(points: readonly Point[], columns: number): readonly Point[] {
  if (points.length <= columns) return points;
  return Array.from({ length: columns }, (_, column): Point => {
    const part = points.slice(
      Math.floor((column * points.length) / columns),
      Math.floor(((column + 1) * points.length) / columns),
    );
    const mean = (of: (point: Point) => number) => part.reduce((sum, point) => sum + of(point), 0) / part.length;
    const step = column === 0 ? part[0]! : column === columns - 1 ? part.at(-1)! : [mean(([step]) => step)];
    return [step[0]!, mean(([, value]) => value)];
  });
}
