import { useEffect, useMemo, useReducer, useState } from 'preact/hooks';
import { Energy } from './energy.js';
import { Kernels } from './kernels.js';
import { Memory } from './memory.js';
import { Notices } from './notices.js';
import type { Range } from './plot.js';
import { RunFacts } from './run-facts.js';
import { RunList } from './run-list.js';
import { type Connection, RunStore, type ShownRun } from './run-store.js';
import { Samples } from './samples.js';
import { type Axis, formatX } from './step-axis.js';
import { StepCharts } from './step-charts.js';
import { StepTable } from './step-table.js';
import { type Scheme, type Theme, useTheme } from './theme.js';
import { WorkerTimeline } from './worker-timeline.js';

/** The page: a list of runs, and the shown ones laid over each other. Their names are in the address, so that a reload shows them again. */
export function App() {
  const [, redraw] = useReducer((count: number) => count + 1, 0);
  const store = useMemo(() => new RunStore(() => redraw(undefined)), []);
  const [selected, setSelected] = useState<readonly string[]>(() => location.hash.slice(1).split('+').filter(Boolean));
  const [axis, setAxis] = useState<Axis>('step');
  const [smoothing, setSmoothing] = useState(0.6);
  const [range, setRange] = useState<Range>(null);
  const [isPaused, setPaused] = useState(false);
  const [theme, scheme, choose] = useTheme();
  useEffect(() => (isPaused ? undefined : store.listen()), [store, isPaused]);

  const { entries } = store;
  const known = selected.filter((id) => entries.some((entry) => entry.id === id));
  const chosen = known.length > 0 ? known : entries.length > 0 ? [latestOf(entries)] : [];
  useEffect(() => {
    store.select(chosen);
    if (chosen.length > 0) history.replaceState(null, '', `#${chosen.join('+')}`);
  }, [store, chosen.join('+')]);

  const select = (ids: readonly string[]) => {
    setSelected(ids);
    setRange(null);
  };
  const count = (by: Axis) => {
    setAxis(by);
    setRange(null);
  };
  const runs = store.shown;
  const shownRuns = useMemo(
    () => runs,
    [runs.map(({ detail }) => `${detail.id} ${detail.revision} ${detail.state}`).join(), runs.length],
  );
  const charts = { runs: shownRuns, axis, smoothing, range, onRange: setRange, theme };
  // Moving the charts draws nothing else anew.
  const panels = useMemo(() => panelsOf(shownRuns, theme, isPaused), [shownRuns, theme, isPaused]);
  return (
    <>
      <header class="top">
        <button type="button" class="skip" onClick={() => document.getElementById('main')!.focus()}>
          Skip to the charts
        </button>
        <h1>Mayfly</h1>
        <ConnectionMark connection={isPaused ? 'paused' : store.connection} />
        <span class="faint range" role="status">
          {range !== null && `${axis} ${formatX(range[0], axis)} to ${formatX(range[1], axis)}`}
        </span>
        <div class="controls">
          <label>
            x axis{' '}
            <select value={axis} onChange={({ currentTarget }) => count(currentTarget.value as Axis)}>
              <option value="step">step</option>
              <option value="time">time</option>
            </select>
          </label>
          <label>
            smoothing{' '}
            <input
              {...{ type: 'range', min: 0, max: 0.99, step: 0.01, value: smoothing }}
              onInput={({ currentTarget }) => setSmoothing(Number(currentTarget.value))}
            />
          </label>
          <button type="button" disabled={range === null} onClick={() => setRange(null)}>
            show all
          </button>
          <button type="button" aria-pressed={isPaused} onClick={() => setPaused(!isPaused)}>
            pause
          </button>
          <label>
            colors{' '}
            <select value={scheme} onChange={({ currentTarget }) => choose(currentTarget.value as Scheme)}>
              <option value="auto">system</option>
              <option value="light">light</option>
              <option value="dark">dark</option>
            </select>
          </label>
        </div>
      </header>
      <div class="body">
        <RunList {...{ entries, selected: chosen, onSelect: select, theme }} />
        <main id="main" tabIndex={-1}>
          {entries.length === 0 && store.connection === 'live' && (
            <p class="empty">There is no run here yet. One that starts appears by itself.</p>
          )}
          {shownRuns.length > 0 && (
            <>
              {panels.facts}
              <StepCharts columns={['loss']} {...charts} />
              {panels.workers}
              <StepCharts columns={['grad_norm', 'tokens_per_second', 'lr', 'loss_scale']} {...charts} />
              <StepTable {...{ runs: shownRuns, axis, range }} />
              {panels.others}
            </>
          )}
        </main>
      </div>
    </>
  );
}

/** What does not depend on the range of the charts. */
const panelsOf = (runs: readonly ShownRun[], theme: Theme, isPaused: boolean) => ({
  facts: <RunFacts runs={runs} theme={theme} />,
  workers: runs.map((run) => (
    <WorkerTimeline key={run.detail.id} {...{ run, isOneOfMany: runs.length > 1, theme, isPaused }} />
  )),
  others: [
    ...runs.map((run) => (
      <Kernels key={`${run.detail.id} kernels`} run={run} isOneOfMany={runs.length > 1} theme={theme} />
    )),
    ...runs.map((run) => (
      <Memory key={`${run.detail.id} memory`} run={run} isOneOfMany={runs.length > 1} theme={theme} />
    )),
    ...runs.map((run) => (
      <Energy key={`${run.detail.id} energy`} run={run} isOneOfMany={runs.length > 1} theme={theme} />
    )),
    <Samples key="samples" runs={runs} theme={theme} />,
    ...runs.map((run) => <Notices key={`${run.detail.id} events`} run={run} isOneOfMany={runs.length > 1} />),
  ],
});

const latestOf = (entries: RunStore['entries']): string =>
  entries.reduce((latest, entry) => ((entry.updated ?? 0) > (latest.updated ?? 0) ? entry : latest)).id;

const words: Readonly<Record<Connection | 'paused', string>> = {
  paused: 'paused',
  connecting: 'connecting',
  live: 'live',
  lost: 'mayfly watch has ended: this is what it last told',
};

const ConnectionMark = ({ connection }: { readonly connection: Connection | 'paused' }) => (
  <span class={`connection ${connection}`} role="status">
    {words[connection]}
  </span>
);
