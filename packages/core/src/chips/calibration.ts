import { loadProfile } from '@mayfly/native';
import type { PublishedFigure } from './published-figure.js';
import { publishedFigures } from './published-figures.js';
import { secondFigures } from './second-figures.js';

/** A published figure beside the model's. */
export interface Comparison extends Omit<PublishedFigure, 'predict'> {
  /** 1: known when the profiles were fitted; 2: found afterwards. */
  readonly round: 1 | 2;
  readonly predicted: number;
  /** (predicted − published) / published, 0 within a published range's middle. */
  readonly error: number;
}

/** What is left of the errors of a group of figures. */
export interface ErrorSummary {
  readonly figures: number;
  readonly within15: number;
  /** Of the errors' magnitudes. */
  readonly median: number;
  readonly worst: number;
}

export const compareFigures = (): readonly Comparison[] =>
  ([publishedFigures, secondFigures] as const).flatMap((figures, index) =>
    figures.map(({ predict, ...figure }) => {
      const predicted = predict(loadProfile(figure.chip));
      const round = index === 0 ? 1 : 2;
      return { ...figure, round, predicted, error: predicted / middle(figure.published) - 1 } as const;
    }),
  );

export function summarizeErrors(comparisons: readonly Comparison[]): ErrorSummary {
  const errors = comparisons.map(({ error }) => Math.abs(error)).sort((a, b) => a - b);
  const { length } = errors;
  return {
    figures: length,
    within15: errors.filter((error) => error <= 0.15).length,
    median: length === 0 ? 0 : (errors[(length - 1) >> 1]! + errors[length >> 1]!) / 2,
    worst: errors.at(-1) ?? 0,
  };
}

const groups: Readonly<Record<PublishedFigure['group'], string>> = {
  kernels: 'kernels',
  cold: 'kernels, engine not warm',
  compile: 'compilations',
  step: 'steps of other trainers',
};

/** Whether a figure is fitted to, and when it was found. */
const kinds = ['calibrated', 'held out', 'held out, found later'] as const;

const kindOf = ({ calibrated, round }: Comparison): (typeof kinds)[number] =>
  calibrated ? 'calibrated' : round === 1 ? 'held out' : 'held out, found later';

/** Two tables in Markdown: errors by group, then every figure. */
export function calibrationReport(): string {
  const comparisons = compareFigures();
  const names = Object.keys(groups) as PublishedFigure['group'][];
  const warm = names.filter((name) => name !== 'cold');
  const labels = new Map<readonly PublishedFigure['group'][], string>([
    ...names.map((name) => [[name], groups[name]] as const),
    [warm, 'all, engine warm'],
    [names, 'all'],
  ]);
  const summaries = [...labels].flatMap(([chosen, label]) =>
    kinds.map((kind) => {
      const own = comparisons.filter((each) => chosen.includes(each.group) && kindOf(each) === kind);
      return summaryRow(label, kind, summarizeErrors(own));
    }),
  );
  return [
    table(
      ['figures', '', 'number', 'within 15 %', 'median error', 'worst'],
      summaries.filter((row) => row[2] !== '0'),
    ),
    table(['chip', 'what', 'source', 'published', 'model', 'error', ''], comparisons.map(figureRow)),
  ].join('\n');
}

const summaryRow = (label: string, kind: string, { figures, within15, median, worst }: ErrorSummary) => [
  label,
  kind,
  String(figures),
  String(within15),
  `${(100 * median).toFixed(0)} %`,
  `${(100 * worst).toFixed(0)} %`,
];

function figureRow(comparison: Comparison): string[] {
  const { chip, what, source, unit, published, predicted, error, group } = comparison;
  const shown = typeof published === 'number' ? digits(published) : published.map(digits).join(' to ');
  const percent = `${error < 0 ? '−' : '+'}${Math.abs(100 * error).toFixed(0)} %`;
  const kind = `${kindOf(comparison)}${group === 'cold' ? ', not warm' : ''}`;
  return [chip, what, source, `${shown} ${unit}`, `${digits(predicted)} ${unit}`, percent, kind];
}

const table = (header: readonly string[], rows: readonly (readonly string[])[]): string =>
  `${[header, header.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n')}\n`;

const digits = (value: number): string => (value >= 100 ? value.toFixed(0) : value.toFixed(1));

const middle = (published: PublishedFigure['published']): number =>
  typeof published === 'number' ? published : (published[0] + published[1]) / 2;
