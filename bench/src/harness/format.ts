import { markdownTable, textTable } from '@mayfly/core/testing';
import type { Figure, Report, Target } from './report.js';

const number = (value: number | undefined): string => {
  if (value === undefined) return '';
  if (Math.abs(value) >= 1000) return String(Math.round(value));
  return value.toPrecision(3);
};

const header = ['case', 'isolation', 'placement', 'p50', 'p99', 'main CPU us', 'per second'];

const row = ({ unit, ...figure }: Figure): string[] => [
  figure.case,
  figure.isolation === 'none' ? '' : figure.isolation,
  figure.placement,
  `${number(figure.p50)} ${unit}`,
  figure.p99 === undefined ? '' : `${number(figure.p99)} ${unit}`,
  number(figure.cpu),
  number(figure.perSecond),
];

const verdict = ({ text, value, relation, limit, pass }: Target): string[] => [
  pass ? 'pass' : 'MISS',
  number(value),
  `${relation} ${number(limit)}`,
  text,
];

/** Without the columns that no row fills. */
const filled = ([head, ...rows]: readonly (readonly string[])[]): string[][] =>
  [head!, ...rows].map((row) => row.filter((_, column) => rows.some((other) => other[column] !== '')));

const grid = (rows: readonly (readonly string[])[], markdown: boolean): string =>
  markdown ? markdownTable(rows) : textTable(rows, { rule: true });

/** A report as a text for people: plain, or Markdown. */
export function format(report: Report, markdown = false): string {
  const { benchmark, measures, repetitions, figures, targets, skipped, load, seconds } = report;
  const about = `Median of ${repetitions} interleaved repetitions. Load average ${load.map(number).join(' → ')}, ${number(seconds)} s.`;
  return [
    `${markdown ? '## ' : ''}${benchmark}`,
    `${measures} ${about}`,
    grid(filled([header, ...figures.map(row)]), markdown),
    targets.length === 0 ? '' : grid([['', 'measured', 'target', 'of'], ...targets.map(verdict)], markdown),
    ...skipped.map((skip) => `${markdown ? '- ' : ''}skipped: ${skip.case}: ${skip.reason}`),
  ]
    .filter((part) => part !== '')
    .join(markdown ? '\n\n' : '\n');
}
