import type uPlot from 'uplot';
import { type Phase, type PlacedLife, phasesOf } from './lanes.js';
import type { ShownRun } from './run-store.js';
import type { Session } from './sessions.js';
import type { Theme } from './theme.js';
import { causeOf, usedText } from './worker-words.js';

/** Heights in pixels: of a lane, of the bar in it, and of the bar before its worker is ready. */
export const LANE = 24;
const BAR = 16;
const THIN = 6;
/** Moves that are drawn at most for each pixel of the width: more would cover the bars, and are drawn once a part is zoomed into. */
const MOST_MOVES = 0.5;

/** What is drawn. */
export interface Scene {
  placed: readonly PlacedLife[];
  sessions: readonly Session[];
  moves: ShownRun['detail']['moves'];
  theme: Theme;
  pointed: PlacedLife | null;
}

/** Draws the lives of workers on a plot whose x are seconds. */
export function drawLives(plot: uPlot, { placed, sessions, moves, theme, pointed }: Scene): void {
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
  drawGaps(plot, sessions, x, theme);
  const visible = placed.filter(({ life, end }) => end >= least && life.start <= most);
  for (const each of visible) {
    const { life, lane, end } = each;
    for (const { phase, from, to } of phasesOf(each)) {
      ctx.fillStyle = fills[phase];
      // A line of the background's color between two phases: their colors are of like brightness.
      const isNext = phase === 'retiring' && x(to) - x(from) > 3 * ratio;
      const left = x(from) + (isNext ? ratio : 0);
      const box = [left, top(lane), Math.max(x(to) - left, ratio), BAR * ratio] as const;
      if (phase === 'starting') ctx.fillRect(box[0], box[1] + ((BAR - THIN) / 2) * ratio, box[2], THIN * ratio);
      else if (phase === 'standby') outline(ctx, box, theme);
      else ctx.fillRect(...box);
    }
    if (each.life === pointed?.life) {
      ctx.strokeStyle = theme.text;
      ctx.lineWidth = 2 * ratio;
      ctx.strokeRect(x(life.start), top(lane), x(end) - x(life.start), BAR * ratio);
    }
    label(ctx, each, x, top(lane) + (BAR / 2) * ratio, bbox, ratio, theme);
  }
  drawMoves(plot, visible, moves, { x, top, theme, ratio, least, most });
  for (const { life, lane, end } of visible) {
    if (life.end !== 'died') continue;
    const next = visible.filter((other) => other.lane === lane && other.life.start > end);
    const room = Math.min(bbox.left + bbox.width, ...next.map((other) => x(other.life.start))) - x(end);
    drawDeath(ctx, causeOf(life), x(end), top(lane) + (BAR / 2) * ratio, room, theme);
  }
  ctx.restore();
}

/** A standby's part of its bar: it serves nothing, and is empty. */
function outline(ctx: CanvasRenderingContext2D, box: readonly [number, number, number, number], theme: Theme): void {
  const width = 1.5 * devicePixelRatio;
  const [x, y, wide, high] = box;
  ctx.fillRect(x, y, wide, high);
  if (wide <= 3 * width) return;
  ctx.fillStyle = theme.surface;
  ctx.fillRect(x + width, y + width, wide - 2 * width, high - 2 * width);
}

/** The time between two processes of the run, and after the last, in which none trained. */
function drawGaps({ ctx, bbox }: uPlot, sessions: readonly Session[], x: (time: number) => number, theme: Theme): void {
  const ratio = devicePixelRatio;
  const middle = bbox.top + bbox.height / 2;
  sessions.forEach(({ to, isKilled }, index) => {
    if (to === null) return;
    const next = sessions[index + 1];
    const from = x(to);
    const until = next === undefined ? bbox.left + bbox.width : x(next.from);
    ctx.fillStyle = theme.grid;
    ctx.globalAlpha = 0.55;
    ctx.fillRect(from, bbox.top, until - from, bbox.height);
    ctx.globalAlpha = 1;
    ctx.fillStyle = isKilled ? theme.bad : theme.faint;
    ctx.fillRect(from, bbox.top, 1.5 * ratio, bbox.height);
    const ended = isKilled ? 'killed' : 'ended';
    const words = next === undefined ? [ended] : [ended, 'resumed'];
    const widths = words.map((word) => ctx.measureText(word).width);
    if (widths.reduce((sum, width) => sum + width + 10 * ratio, 0) > until - from) return;
    ctx.fillText(ended, from + 6 * ratio, middle);
    if (next === undefined) return;
    ctx.fillStyle = theme.faint;
    ctx.fillText('resumed', until - 6 * ratio - widths[1]!, middle);
  });
}

/** A cross, and the cause where there is room for it before the next bar. */
function drawDeath(
  ctx: CanvasRenderingContext2D,
  cause: string,
  x: number,
  y: number,
  room: number,
  theme: Theme,
): void {
  const ratio = devicePixelRatio;
  cross(ctx, x, y, 5 * ratio, theme);
  if (ctx.measureText(cause).width + 14 * ratio > room) return;
  ctx.fillStyle = theme.bad;
  ctx.fillText(cause, x + 9 * ratio, y);
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

/** The worker's number and what it used of its budget, where the visible part of its bar has room: that in which it served, or stood by. */
function label(
  ctx: CanvasRenderingContext2D,
  { life, end }: PlacedLife,
  x: (time: number) => number,
  y: number,
  bbox: uPlot.BBox,
  ratio: number,
  theme: Theme,
): void {
  const since = life.serving ?? life.ready;
  if (since === null) return;
  const from = Math.max(x(since), bbox.left) + 4 * ratio;
  const room = Math.min(x(end), bbox.left + bbox.width) - from - 4 * ratio;
  const long = life.compilations === null ? `${life.worker}` : `${life.worker}  ${usedText(life)}`;
  const text = [long, `${life.worker}`].find((each) => ctx.measureText(each).width <= room);
  if (text === undefined) return;
  ctx.fillStyle = life.serving === null ? theme.text : theme.onBar;
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

function drawMoves({ ctx, bbox }: uPlot, visible: readonly PlacedLife[], moves: Scene['moves'], frame: Frame): void {
  const { x, top, theme, ratio, least, most } = frame;
  const lanes = new Map(visible.map(({ life, lane }) => [`${life.session}.${life.worker}`, lane]));
  const inRange = moves.filter(([, time, from]) => from !== 0 && time >= least && time <= most);
  if (inRange.length > (MOST_MOVES * bbox.width) / ratio) return;
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
