import { formatCount, formatDuration, formatFigure, formatTime } from './format.js';
import type { ShownRun } from './run-store.js';
import { Scroll } from './scroll.js';
import { colorOf, type Theme } from './theme.js';

/** Steps whose mean speed predicts the end. */
const RECENT = 50;

/** Where each of the shown runs stands, one row for each, and the options in which they differ. */
export function RunFacts({ runs, theme }: { readonly runs: readonly ShownRun[]; readonly theme: Theme }) {
  return (
    <section class="panel" data-panel="facts" aria-label="Runs">
      <div class="cards">
        {runs.map((run, index) => (
          <RunCard key={run.detail.id} run={run} color={colorOf(theme, index)} />
        ))}
      </div>
      {runs.length > 1 && <Differences runs={runs} />}
    </section>
  );
}

function RunCard({ run: { detail, steps }, color }: { readonly run: ShownRun; readonly color: string }) {
  const { name, state, step, steps: last, loss, best, model, parameters, device, folder, started, updated } = detail;
  const recent = steps.columns.ms.slice(-RECENT).filter(Number.isFinite);
  const ms = recent.reduce((sum, each) => sum + each, 0) / recent.length;
  const left = state === 'running' && last !== null && recent.length > 0 ? (last - step) * ms : null;
  const skipped = steps.columns.skipped.reduce((sum, each) => sum + each, 0);
  return (
    <article class="card" style={{ borderColor: color }} data-run={name}>
      <h2>
        {name} <span class={`state ${state}`}>{state}</span>
      </h2>
      <progress max={last ?? 1} value={step} aria-label={`Steps of ${name}`} />
      <dl>
        <Fact name="step" value={`${formatCount(step)}${last === null ? '' : ` of ${formatCount(last)}`}`} />
        {steps.rows > 0 && <Fact name="loss" value={loss === null ? 'no number' : loss.toFixed(4)} />}
        {best !== null && <Fact name="best validation" value={best.toFixed(4)} />}
        {recent.length > 0 && <Fact name="per step" value={`${formatFigure(ms)} ms`} />}
        {left !== null && <Fact name="left" value={formatDuration(left)} />}
        {skipped > 0 && <Fact name="skipped" value={formatCount(skipped)} />}
        {detail.sessions.length > 1 && <Fact name="resumed" value={`${detail.sessions.length - 1} ×`} />}
      </dl>
      <p class="faint">
        {model !== null && `${model}, `}
        {parameters !== null && `${formatCount(parameters)} parameters, `}
        {device !== null && `on ${device}`}
        {started !== null && `; started ${formatTime(started)}`}
        {state === 'gone' && '; its folder is gone, this is what it last told'}
        {updated !== null && state !== 'running' && `, last record ${formatTime(updated)}`}
      </p>
      <p class="faint path">{folder}</p>
    </article>
  );
}

const Fact = ({ name, value }: { readonly name: string; readonly value: string }) => (
  <div>
    <dt>{name}</dt>
    <dd>{value}</dd>
  </div>
);

/** Options that are not the same in all runs. */
function Differences({ runs }: { readonly runs: readonly ShownRun[] }) {
  const options = runs.map(({ detail }) => flat(detail.start?.options));
  const names = [...new Set(options.flatMap((each) => [...each.keys()]))].filter(
    (name) => name !== 'out' && new Set(options.map((each) => each.get(name))).size > 1,
  );
  if (names.length === 0) return <p class="faint">All options are the same.</p>;
  return (
    <Scroll label="Options in which the runs differ">
      <table>
        <thead>
          <tr>
            <th>option</th>
            {runs.map(({ detail: { id, name } }) => (
              <th key={id}>{name}</th>
            ))}
          </tr>
        </thead>
        <tbody>
          {names.map((name) => (
            <tr key={name}>
              <td>{name}</td>
              {options.map((each, index) => (
                <td key={runs[index]!.detail.id}>{each.get(name) ?? ''}</td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </Scroll>
  );
}

/** Options of bags as `pool.workers`. */
function flat(value: unknown, prefix = ''): Map<string, string> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return value === undefined || prefix === '' ? new Map() : new Map([[prefix.slice(0, -1), textOf(value)]]);
  }
  return new Map(Object.entries(value).flatMap(([name, each]) => [...flat(each, `${prefix}${name}.`)]));
}

/** Without the last digits of products such as 0.1 × 0.003. */
const textOf = (value: unknown): string => String(typeof value === 'number' ? Number(value.toPrecision(12)) : value);
