import { type Comparison, compareFigures, type ErrorSummary, summarizeErrors } from '../chips/calibration.js';
import type { PublishedFigure } from '../chips/published-figure.js';
import { markdownTable } from './table.js';

const groups: Readonly<Record<PublishedFigure['group'], string>> = {
  kernels: 'kernels',
  cold: 'kernels, engine not warm',
  compile: 'compilations',
  step: 'steps of other trainers',
};

/** Whether the model was fitted to a figure, and when the figure was found. */
const kinds = ['calibrated', 'held out', 'held out, found later'] as const;

const kindOf = ({ calibrated, round }: Comparison): (typeof kinds)[number] =>
  calibrated ? 'calibrated' : round === 1 ? 'held out' : 'held out, found later';

/** Two tables in Markdown, from the comparison of all published figures: errors by group, then every figure. */
export function calibrationReport(comparisons: readonly Comparison[] = compareFigures()): string {
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
    markdownTable([
      ['figures', '', 'number', 'within 15 %', 'median error', 'worst'],
      ...summaries.filter((row) => row[2] !== '0'),
    ]),
    '',
    markdownTable([['chip', 'program', 'source', 'published', 'model', 'error', ''], ...comparisons.map(figureRow)]),
    '',
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

const digits = (value: number): string => (value >= 100 ? value.toFixed(0) : value.toFixed(1));
