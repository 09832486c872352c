import { useEffect, useMemo, useState } from 'preact/hooks';
import type uPlot from 'uplot';
import { drawLives, LANE, type Scene } from './draw-lives.js';
import { formatCount, formatDuration, formatTime, formatTimeTicks, plural } from './format.js';
import { type PlacedLife, placeLives } from './lanes.js';
import { Plot, type Range } from './plot.js';
import { type PanelProps, titleOf } from './run-store.js';
import { Scroll } from './scroll.js';
import { sessionsOf } from './sessions.js';
import type { Theme } from './theme.js';
import { endText, storyOf, summaryOf, usedText } from './worker-words.js';

const AXIS = 40;
/** Room behind the last record of a run that was killed, as a share of its time: its end is seen. */
const MARGIN = 0.07;
/** Rows of the table below. */
const MOST_ROWS = 200;

export interface WorkerTimelineProps extends PanelProps {
  readonly theme: Theme;
  /** Whether bars stop growing. */
  readonly isPaused: boolean;
}

/** The lives of a run's workers: a bar for each process from its start to its exit. */
export function WorkerTimeline({ theme, isPaused, ...panel }: WorkerTimelineProps) {
  const { detail } = panel.run;
  const [range, setRange] = useState<Range>(null);
  const [pointed, setPointed] = useState<PlacedLife | null>(null);
  const [isOpen, setOpen] = useState(false);
  const now = useNow(detail.state === 'running', isPaused, detail.started ?? 0, detail.updated ?? 0);
  const { placed, lanes } = useMemo(() => placeLives(detail.workers, now), [detail.workers, now]);
  const whole: readonly [number, number] = [detail.started ?? 0, Math.max(now, (detail.started ?? 0) + 1000)];
  const first = Math.min(whole[0], placed[0]?.life.start ?? whole[0]);
  const sessions = useMemo(() => sessionsOf(detail), [detail]);
  const margin = detail.state === 'killed' ? MARGIN * (whole[1] - first) : 0;
  const all: readonly [number, number] = [first / 1000, (whole[1] + margin) / 1000];
  const shown = range ?? all;
  const height = LANE * Math.max(lanes, 1) + AXIS + 8;
  // The drawing hook reads the newest bars from here, so that the plot is not made anew for each.
  const [scene] = useState<TimelineScene>({
    placed,
    sessions,
    moves: detail.moves,
    theme,
    pointed: null,
    point: () => {},
  });
  Object.assign(scene, { placed, sessions, moves: detail.moves, theme, pointed, point: setPointed });
  const options = useMemo(() => timelineOptions(scene, lanes), [scene, lanes, theme]);
  const data = useMemo<uPlot.AlignedData>(
    () => [
      [all[0], all[1]],
      [null, null],
    ],
    [placed, sessions, detail.moves, pointed],
  );
  const last = detail.sessions.at(-1);
  if (placed.length === 0) return null;
  return (
    <section class="panel" data-panel="workers" aria-label={titleOf('Workers', panel)}>
      <header>
        <h2>{titleOf('Workers', panel)}</h2>
        <span class="faint">{summaryOf(detail.workers)}</span>
        <nav class="buttons" aria-label={titleOf('Range of the timeline', panel)}>
          <button type="button" aria-pressed={range === null} onClick={() => setRange(null)}>
            whole run
          </button>
          {detail.sessions.length > 1 && last !== undefined && (
            <button type="button" onClick={() => setRange([last / 1000 - 1, all[1]])}>
              since resume
            </button>
          )}
          <button type="button" onClick={() => setRange([Math.max(all[0], all[1] - 60), all[1]])}>
            last minute
          </button>
        </nav>
      </header>
      <ul class="key" aria-label="Colors">
        {(['starting', 'standby', 'serving', 'retiring'] as const).map((phase) => (
          <li key={phase}>
            <i class={`swatch ${phase}`} />
            {phase}
          </li>
        ))}
        <li>
          <i class="swatch died" />
          died
        </li>
        <li>
          <i class="swatch moves" />
          kernels move
        </li>
      </ul>
      <Plot
        {...{ options, data, height, shown, whole: all }}
        label={`Timeline of ${plural(detail.workers.length, 'worker')}`}
        summary={`${summaryOf(detail.workers)}. The table below has the same.`}
        onRange={setRange}
      />
      <p class="pointed" aria-live="polite">
        {pointed === null ? 'Point at a bar for its story.' : storyOf(pointed)}
      </p>
      <details onToggle={({ currentTarget }) => setOpen(currentTarget.open)}>
        <summary>
          As a table{placed.length > MOST_ROWS ? `: the latest ${MOST_ROWS} of ${formatCount(placed.length)}` : ''}
        </summary>
        {isOpen && <WorkerTable placed={placed} label={titleOf('Table of workers', panel)} />}
      </details>
    </section>
  );
}

function WorkerTable({ placed, label }: { readonly placed: readonly PlacedLife[]; readonly label: string }) {
  const shown = placed.slice(-MOST_ROWS).reverse();
  return (
    <Scroll label={label}>
      <table>
        <thead>
          <tr>
            <th>worker</th>
            <th>pid</th>
            <th>started</th>
            <th>lived</th>
            <th>compilations</th>
            <th>evaluations</th>
            <th>end</th>
          </tr>
        </thead>
        <tbody>
          {shown.map(({ life, end }) => (
            <tr key={`${life.session}.${life.worker}`} data-end={life.end ?? 'lives'}>
              <td>{life.worker}</td>
              <td>{life.pid}</td>
              <td>{formatTime(life.start)}</td>
              <td>{formatDuration(end - life.start)}</td>
              <td>{usedText(life)}</td>
              <td>{life.evaluations === null ? '' : formatCount(life.evaluations)}</td>
              <td>{endText(life)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </Scroll>
  );
}

/** The drawing hook reads the newest of these. */
interface TimelineScene extends Scene {
  point: (life: PlacedLife | null) => void;
}

function timelineOptions(scene: TimelineScene, lanes: number): Omit<uPlot.Options, 'width' | 'height'> {
  const { theme } = scene;
  const look = { stroke: theme.faint, grid: { stroke: theme.grid, width: 1 }, ticks: { stroke: theme.grid, width: 1 } };
  return {
    padding: [4, 34, 0, 34],
    legend: { show: false },
    cursor: {
      y: false,
      points: { show: false },
      move: (plot, left, top) => {
        const found = lifeAt(scene.placed, plot.posToVal(left, 'x') * 1000, Math.floor(top / LANE));
        if (found !== scene.pointed) scene.point(found);
        return [left, top];
      },
    },
    scales: { x: { time: true, auto: false }, y: { auto: false, range: [0, lanes] } },
    axes: [
      {
        ...{ ...look, font: '12px system-ui, sans-serif', space: 84, size: AXIS },
        values: (_, ticks, __, ___, distance) => formatTimeTicks(ticks, distance),
      },
      { show: false },
    ],
    series: [{}, { show: true, paths: () => null, points: { show: false } }],
    hooks: { draw: [(plot) => drawLives(plot, scene)] },
  };
}

const lifeAt = (placed: readonly PlacedLife[], time: number, at: number): PlacedLife | null =>
  placed.find(({ life, lane, end }) => lane === at && time >= life.start && time <= end) ?? null;

/** Milliseconds between two updates of the present time at least, and how many of them the time since the start has at most. */
const NOW_MS = 500;
const MOST_NOWS = 1000;

/** The present time while the run is running, renewed when that moves a bar by about a pixel; then the time of its last record. */
function useNow(isRunning: boolean, isPaused: boolean, started: number, last: number): number {
  const [now, setNow] = useState(Date.now());
  const interval = Math.max(NOW_MS, 2 ** Math.ceil(Math.log2((last - started) / MOST_NOWS)));
  useEffect(() => {
    if (!isRunning || isPaused) return;
    const timer = setInterval(() => setNow(Date.now()), interval);
    return () => clearInterval(timer);
  }, [isRunning, isPaused, interval]);
  return isRunning ? Math.max(now, last) : last;
}
