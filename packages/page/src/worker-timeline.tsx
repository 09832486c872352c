import type { WorkerLife } from '@mayfly/core/watch';
import { useEffect, useMemo, useState } from 'preact/hooks';
import type uPlot from 'uplot';
import { formatCount, formatDuration, formatTime, plural } from './format.js';
import { type Phase, type PlacedLife, phasesOf, placeLives } from './lanes.js';
import { Plot, type Range } from './plot.js';
import { type PanelProps, type ShownRun, titleOf } from './run-store.js';
import type { Theme } from './theme.js';

const LANE = 24;
const BAR = 16;
const AXIS = 40;
/** Moves that are drawn at most: more would cover the bars, and are drawn once a part is zoomed into. */
const MOST_MOVES = 600;
/** Rows of the table below. */
const MOST_ROWS = 200;

/** The lives of a run's workers: a bar for each process from its start to its exit. */
export function WorkerTimeline({ theme, ...panel }: PanelProps & { readonly theme: Theme }) {
  const { detail } = panel.run;
  const [range, setRange] = useState<Range>(null);
  const [pointed, setPointed] = useState<PlacedLife | null>(null);
  const now = useNow(detail.state === 'running', detail.updated ?? 0);
  const { placed, lanes } = useMemo(() => placeLives(detail.workers, now), [detail.workers, now]);
  const whole: readonly [number, number] = [detail.started ?? 0, Math.max(now, (detail.started ?? 0) + 1000)];
  const firstStart = placed[0]?.life.start ?? whole[0];
  const all: readonly [number, number] = [Math.min(whole[0], firstStart) / 1000, whole[1] / 1000];
  const shown = range ?? all;
  const height = LANE * Math.max(lanes, 1) + AXIS + 8;
  // The drawing hook reads the newest bars from here, so that the plot is not made anew for each.
  const [scene] = useState<Scene>({ placed, moves: detail.moves, theme, pointed: null, point: () => {} });
  Object.assign(scene, { placed, moves: detail.moves, theme, pointed, point: setPointed });
  const options = useMemo(() => timelineOptions(scene, lanes), [scene, lanes, theme]);
  const data = useMemo<uPlot.AlignedData>(
    () => [
      [all[0], all[1]],
      [null, null],
    ],
    [placed, detail.moves, pointed],
  );
  const last = detail.sessions.at(-1);
  return (
    <section class="panel" data-panel="workers" aria-label={titleOf('Workers', panel)}>
      <header>
        <h2>{titleOf('Workers', panel)}</h2>
        <span class="faint">{summaryOf(detail.workers)}</span>
        <nav class="buttons" aria-label="Range of the timeline">
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
        label={`Timeline of ${plural(detail.workers.length, 'worker')}; the table below has the same`}
        onRange={setRange}
      />
      <p class="pointed" aria-live="polite">
        {pointed === null ? 'Point at a bar for its story.' : storyOf(pointed)}
      </p>
      <WorkerTable placed={placed} />
    </section>
  );
}

function WorkerTable({ placed }: { readonly placed: readonly PlacedLife[] }) {
  const shown = placed.slice(-MOST_ROWS).reverse();
  return (
    <details>
      <summary>
        As a table{placed.length > MOST_ROWS ? `: the latest ${MOST_ROWS} of ${formatCount(placed.length)}` : ''}
      </summary>
      <div class="scroll">
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
      </div>
    </details>
  );
}

/** What the drawing hook reads. */
interface Scene {
  placed: readonly PlacedLife[];
  moves: ShownRun['detail']['moves'];
  theme: Theme;
  pointed: PlacedLife | null;
  point: (life: PlacedLife | null) => void;
}

function timelineOptions(scene: Scene, lanes: number): Omit<uPlot.Options, 'width' | 'height'> {
  const { theme } = scene;
  const look = { stroke: theme.faint, grid: { stroke: theme.grid, width: 1 }, ticks: { stroke: theme.grid, width: 1 } };
  return {
    padding: [4, 18, 0, 30],
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
    axes: [{ ...look, font: '12px system-ui, sans-serif' }, { show: false }],
    series: [{}, { show: true, paths: () => null, points: { show: false } }],
    hooks: { draw: [(plot) => drawLives(plot, scene)] },
  };
}

const lifeAt = (placed: readonly PlacedLife[], time: number, at: number): PlacedLife | null =>
  placed.find(({ life, lane, end }) => lane === at && time >= life.start && time <= end) ?? null;

function drawLives(plot: uPlot, { placed, moves, theme, pointed }: Scene): void {
  const { ctx, bbox } = plot;
  const ratio = devicePixelRatio;
  const x = (time: number) => plot.valToPos(time / 1000, 'x', true);
  const top = (lane: number) => bbox.top + lane * LANE * ratio + ((LANE - BAR) / 2) * ratio;
  const [least, most] = [plot.scales.x!.min! * 1000, plot.scales.x!.max! * 1000];
  const fills: Readonly<Record<Phase, string>> = {
    ...{ starting: theme.start, standby: theme.idle, serving: theme.accent, retiring: theme.warn },
  };
  ctx.save();
  ctx.beginPath();
  ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
  ctx.clip();
  ctx.font = `${11 * ratio}px system-ui, sans-serif`;
  ctx.textAlign = 'left';
  ctx.textBaseline = 'middle';
  const visible = placed.filter(({ life, end }) => end >= least && life.start <= most);
  for (const each of visible) {
    const { life, lane, end } = each;
    for (const { phase, from, to } of phasesOf(each)) {
      ctx.fillStyle = fills[phase];
      ctx.fillRect(x(from), top(lane), Math.max(x(to) - x(from), ratio), BAR * ratio);
    }
    if (each.life === pointed?.life) {
      ctx.strokeStyle = theme.text;
      ctx.lineWidth = 2 * ratio;
      ctx.strokeRect(x(life.start), top(lane), x(end) - x(life.start), BAR * ratio);
    }
    if (life.end === 'died') cross(ctx, x(end), top(lane) + (BAR / 2) * ratio, 5 * ratio, theme);
    label(ctx, each, x, top(lane) + (BAR / 2) * ratio, bbox, ratio);
  }
  drawMoves(plot, visible, moves, { x, top, theme, ratio, least, most });
  ctx.restore();
}

function cross(ctx: CanvasRenderingContext2D, x: number, y: number, size: number, { bad, surface }: Theme): void {
  for (const [color, width] of [
    [surface, 5],
    [bad, 2.5],
  ] as const) {
    ctx.strokeStyle = color;
    ctx.lineWidth = width * devicePixelRatio;
    ctx.beginPath();
    ctx.moveTo(x - size, y - size);
    ctx.lineTo(x + size, y + size);
    ctx.moveTo(x + size, y - size);
    ctx.lineTo(x - size, y + size);
    ctx.stroke();
  }
}

/** The worker's number and what it used of its budget, where the visible part of the bar has room. */
function label(
  ctx: CanvasRenderingContext2D,
  { life, end }: PlacedLife,
  x: (time: number) => number,
  y: number,
  bbox: uPlot.BBox,
  ratio: number,
): void {
  const from = Math.max(x(life.start), bbox.left) + 4 * ratio;
  const room = Math.min(x(end), bbox.left + bbox.width) - from - 4 * ratio;
  const long = life.compilations === null ? `${life.worker}` : `${life.worker}  ${usedText(life)}`;
  const text = [long, `${life.worker}`].find((each) => ctx.measureText(each).width <= room);
  if (text === undefined) return;
  ctx.fillStyle = '#fff';
  ctx.fillText(text, from, y);
}

interface Frame {
  readonly x: (time: number) => number;
  readonly top: (lane: number) => number;
  readonly theme: Theme;
  readonly ratio: number;
  readonly least: number;
  readonly most: number;
}

function drawMoves({ ctx }: uPlot, visible: readonly PlacedLife[], moves: Scene['moves'], frame: Frame): void {
  const { x, top, theme, ratio, least, most } = frame;
  const lanes = new Map(visible.map(({ life, lane }) => [`${life.session}.${life.worker}`, lane]));
  const inRange = moves.filter(([, time, from]) => from !== 0 && time >= least && time <= most);
  if (inRange.length > MOST_MOVES) return;
  ctx.strokeStyle = theme.text;
  ctx.globalAlpha = 0.45;
  ctx.lineWidth = ratio;
  ctx.beginPath();
  for (const [session, time, from, to] of inRange) {
    const [one, other] = [lanes.get(`${session}.${from}`), lanes.get(`${session}.${to}`)];
    if (one === undefined || other === undefined || one === other) continue;
    const [upper, lower] = [Math.min(one, other), Math.max(one, other)];
    ctx.moveTo(x(time), top(upper) + BAR * ratio);
    ctx.lineTo(x(time), top(lower));
  }
  ctx.stroke();
  ctx.globalAlpha = 1;
}

const usedText = ({ compilations, budget }: WorkerLife): string =>
  compilations === null ? '' : `${formatCount(compilations)}${budget === null ? '' : `/${formatCount(budget)}`}`;

function endText({ end, reason, exitCode, signal }: WorkerLife): string {
  switch (end) {
    case null:
      return 'lives';
    case 'retired':
      return `retired: ${reason ?? 'unknown reason'}`;
    case 'closed':
      return 'closed with the run';
    case 'lost':
      return 'the log ends before';
    case 'died':
      return `died: ${signal ?? `exit code ${exitCode}`}${reason === null ? '' : `, ${reason}`}`;
  }
}

function storyOf({ life, end }: PlacedLife): string {
  const used = life.compilations === null ? '' : `, ${usedText(life)} compilations`;
  const evaluations = life.evaluations === null ? '' : `, ${plural(life.evaluations, 'evaluation')}`;
  return `Worker ${life.worker} (pid ${life.pid}): started ${formatTime(life.start)}, ${formatDuration(end - life.start)} old${used}${evaluations}; ${endText(life)}.`;
}

function summaryOf(workers: readonly WorkerLife[]): string {
  const count = (how: WorkerLife['end']) => workers.filter(({ end }) => end === how).length;
  const died = count('died');
  return [
    `${formatCount(workers.length)} processes`,
    `${formatCount(count('retired'))} retired`,
    ...(died === 0 ? [] : [`${formatCount(died)} died`]),
  ].join(', ');
}

/** The present time, twice a second while the run is running; then the time of its last record. */
function useNow(isRunning: boolean, last: number): number {
  const [now, setNow] = useState(Date.now());
  useEffect(() => {
    if (!isRunning) return;
    const timer = setInterval(() => setNow(Date.now()), 500);
    return () => clearInterval(timer);
  }, [isRunning]);
  return isRunning ? Math.max(now, last) : last;
}
