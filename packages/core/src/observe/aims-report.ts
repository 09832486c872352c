import { type Figure, loadProfile } from '@mayfly/native';
import { type Aim, aims, type PlannedAim, planAim } from '../chips/aims.js';
import { figuresBefore } from '../chips/before.js';
import { type Comparison, compareFigures } from '../chips/calibration.js';
import { compareAim } from '../chips/compare-aims.js';
import { markdownTable } from './table.js';

const parts = {
  kernels: 'kernels',
  copies: 'copies',
  classifier: 'classifier',
  weightGradients: 'weight gradients',
  hostMath: 'norms, loss, other host math',
  update: 'gradient norm, AdamW',
  waits: 'waits',
  compilations: 'loads',
} as const;

const partNames = Object.keys(parts) as (keyof typeof parts)[];

/**
 * Three tables in Markdown: planned steps beside aims and published figures, the parts of each planned step, and what each part of the
 * chip has to do in it.
 */
export function aimsReport(): string {
  const rows = Object.values(aims).map((aim) => ({ ...aim, ...planAim(aim) }));
  const label = ({ chip, what }: Aim) => `${chip}: ${what}`;
  const aimed = ({ aim }: Aim) => (aim === null ? '–' : `≤ ${aim}`);
  return [
    markdownTable([
      [
        ...['chip', 'ms a pass', 'aim', 'best published', 'plan, blas', 'best strategy'],
        ...['classifier on the host', 'weight gradients on the host', 'one pass at a time', 'exact', 'CPU alone, blas'],
      ],
      ...rows.map((row) => [
        ...[row.chip, row.what, aimed(row), row.known || '–'],
        `${figure(row.total)}${row.aim !== null && row.total > row.aim ? ', missed' : ''}`,
        [row.weights, ...placesOf(row), ...(row.inFlight === 1 ? [] : [inFlightOf(row)])].join(', '),
        ...othersOf(row),
      ]),
    ]),
    '',
    markdownTable([
      ['plan, blas', ...Object.values(parts)],
      ...rows.map((row) => [label(row), ...partNames.map((part) => figure(row.parts[part]))]),
    ]),
    '',
    markdownTable([
      ['ms of work a pass', 'engine, with copies', 'products of the host', 'its memory', 'the longest', 'aim'],
      ...rows.map((row) => [label(row), ...busyRow(row), aimed(row)]),
    ]),
  ].join('\n');
}

/** What a strategy has on the device beside the layers, in words. */
export function placesOf({
  classifier,
  weightGradients,
}: Pick<PlannedAim, 'classifier' | 'weightGradients'>): string[] {
  const some = weightGradients === 'device' ? '' : ` of ${weightGradients}`;
  return [
    ...(classifier === 'device' ? ['classifier on the device'] : []),
    ...(weightGradients === 'host' ? [] : [`weight gradients${some} on the device`]),
  ];
}

const inFlightOf = ({ inFlight }: Pick<PlannedAim, 'inFlight'>): string => `${inFlight} passes in flight`;

function othersOf({ others }: PlannedAim): string[] {
  const { classifierOnHost, gradientsOnHost, oneAtATime, exact, processor } = others;
  return [classifierOnHost, gradientsOnHost, oneAtATime, exact, processor].map(figure);
}

function busyRow({ busy: { engine, products, memory } }: PlannedAim): string[] {
  const times = { engine, products, memory };
  const [longest] = Object.entries(times).toSorted(([, a], [, b]) => b - a);
  return [figure(engine), figure(products), figure(memory), `${longest![0]}, ${figure(longest![1])}`];
}

/**
 * Four tables in Markdown: steps by counts and constants of before and now, the counts, the constants that changed, and the steps of other
 * trainers by the constants of now, from the comparison of all published figures.
 */
export function compareReport(figures: readonly Comparison[] = compareFigures()): string {
  const compared = Object.entries(aims).map(([key, aim]) => ({ aim, ...compareAim(key) }));
  const trainers = figures.filter(({ group }) => group === 'step');
  return [
    markdownTable([
      [
        ...['ms a pass', 'counts and constants before', 'counts before, constants now'],
        ...['counts now, constants before', 'counts and constants now'],
      ],
      ...compared.map(({ aim, ms }) => [
        `${aim.chip}: ${aim.what}`,
        ...[ms.before, ms.countsBefore, ms.constantsBefore, ms.now].map(figure),
      ]),
    ]),
    '',
    markdownTable([
      ['a step, before → now', 'dispatches', 'MB to and from surfaces', 'MB on the host', 'waits'],
      ...compared.map(({ aim, counts: { before, now } }) => [
        `${aim.chip}: ${aim.what}`,
        change(before.dispatches, now.dispatches),
        change(before.copiedBytes / 1e6, (now.copiedBytes + now.prefetchedBytes) / 1e6),
        change(before.host.copiedBytes / 1e6, now.host.copiedBytes / 1e6),
        change(sum(before.waits), sum(now.waits)),
      ]),
    ]),
    '',
    markdownTable([
      ['chip', 'constant', 'before', 'source', 'now', 'source'],
      ...Object.entries(figuresBefore).flatMap(([chip, groups]) =>
        Object.entries(groups).flatMap(([group, before]) =>
          Object.entries(before).map(([name, old]: [string, Figure]) => {
            const now = (loadProfile(chip)[group as 'host' | 'clock'] as unknown as Record<string, Figure>)[name]!;
            return [chip, name, String(old.value), sourceOf(old), String(now.value), sourceOf(now)];
          }),
        ),
      ),
    ]),
    '',
    markdownTable([
      ['chip', 'step of another trainer', 'source', 'published, ms', 'by these constants', 'error', 'within 20 %'],
      ...trainers.map(({ chip, what, source, published, predicted, error }) => [
        ...[chip, what, source, typeof published === 'number' ? figure(published) : published.map(figure).join(' to ')],
        ...[figure(predicted), `${error < 0 ? '−' : '+'}${Math.abs(100 * error).toFixed(0)} %`],
        Math.abs(error) <= 0.2 ? 'yes' : 'no',
      ]),
    ]),
  ].join('\n');
}

const sum = (numbers: Readonly<Record<string, number>>): number => Object.values(numbers).reduce((a, b) => a + b, 0);

const change = (before: number, now: number): string => `${before.toFixed(0)} → ${now.toFixed(0)}`;

const sourceOf = ({ source, note }: Figure): string => (note === undefined ? source : `${source}: ${note}`);

const figure = (milliseconds: number): string => milliseconds.toFixed(milliseconds < 100 ? 1 : 0);
