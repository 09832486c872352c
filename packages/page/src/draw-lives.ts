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
/** Pixels below which a bar shows no phases, and a label has no room. */
const SLIVER = 3;
const NARROW = 12;
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
  const top = (lane: number) => bbox.top + lane * LANE * ratio + ((LANE - BAR) / 2) * ratio;
  const [least, most] = [plot.scales.x!.min! * 1000, plot.scales.x!.max! * 1000];
  const scale = bbox.width / (most - least);
  const x = (time: number) => bbox.left + (time - least) * scale;
  ctx.save();
  ctx.beginPath();
  ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
  ctx.clip();
  ctx.font = `${11 * ratio}px system-ui, sans-serif`;
  ctx.textAlign = 'left';
  ctx.textBaseline = 'middle';
  drawGaps(plot, sessions, x, theme);
  const visible = placed.filter(({ life, end }) => end >= least && life.start <= most);
  const bars = new Bars(theme);
  for (const each of visible) {
    const { life, lane, end } = each;
    const [left, right] = [x(life.start), x(end)];
    if (right - left < SLIVER * ratio) {
      bars.sliver(lane, left, right, top(lane));
      continue;
    }
    for (const { phase, from, to } of phasesOf(each)) bars.add(phase, x(from), x(to), top(lane));
  }
  bars.draw(ctx);
  // Below the labels, which they would strike out.
  drawMoves(plot, visible, moves, { x, top, theme, ratio, least, most });
  for (const each of visible) label(ctx, each, x, top(each.lane) + (BAR / 2) * ratio, bbox, ratio, theme);
  if (pointed !== null) {
    ctx.strokeStyle = theme.text;
    ctx.lineWidth = 2 * ratio;
    const [left, right] = [x(pointed.life.start), x(pointed.end)];
    ctx.strokeRect(left, top(pointed.lane), Math.max(right - left, 2 * ratio), BAR * ratio);
  }
  // Lives are in the order of their starts: the one after a death in its lane is met first.
  const next = new Map<number, number>();
  for (const { life, lane, end } of visible.toReversed()) {
    if (life.end === 'died') {
      const room = (next.get(lane) ?? bbox.left + bbox.width) - x(end);
      drawDeath(ctx, causeOf(life), x(end), top(lane) + (BAR / 2) * ratio, room, theme);
    }
    next.set(lane, x(life.start));
  }
  ctx.restore();
}

type Box = readonly [x: number, y: number, width: number, height: number];

/** The parts of all bars by their color: in a long run there are thousands, and a change of the color takes longer than a box. */
class Bars {
  readonly #ratio = devicePixelRatio;
  readonly #boxes: Record<Phase | 'hole', Box[]> = { starting: [], standby: [], serving: [], retiring: [], hole: [] };
  readonly #colors: Readonly<Record<Phase | 'hole', string>>;
  /** From where to where the latest bars of a lane reach that are too narrow to show more. */
  readonly #slivers = new Map<number, { readonly left: number; right: number; readonly y: number }>();

  constructor({ start, idle, accent, warn, surface }: Theme) {
    this.#colors = { starting: start, standby: idle, serving: accent, retiring: warn, hole: surface };
  }

  add(phase: Phase, from: number, to: number, y: number): void {
    const ratio = this.#ratio;
    // A line of the background's color between two phases: their colors are of like brightness.
    const left = phase === 'retiring' && to - from > 3 * ratio ? from + ratio : from;
    const width = Math.max(to - left, ratio);
    if (phase === 'starting') {
      this.#boxes.starting.push([left, y + ((BAR - THIN) / 2) * ratio, width, THIN * ratio]);
      return;
    }
    this.#boxes[phase].push([left, y, width, BAR * ratio]);
    // A standby serves nothing: its part is empty.
    const edge = 1.5 * ratio;
    if (phase !== 'standby' || width <= 3 * edge) return;
    this.#boxes.hole.push([left + edge, y + edge, width - 2 * edge, BAR * ratio - 2 * edge]);
  }

  /** A bar without room for its phases. Those that touch are drawn as one. */
  sliver(lane: number, left: number, right: number, y: number): void {
    const before = this.#slivers.get(lane);
    if (before !== undefined && left <= before.right + this.#ratio) {
      before.right = Math.max(right, before.right);
      return;
    }
    if (before !== undefined) this.#addSliver(before);
    this.#slivers.set(lane, { left, right, y });
  }

  draw(ctx: CanvasRenderingContext2D): void {
    for (const sliver of this.#slivers.values()) this.#addSliver(sliver);
    for (const phase of ['starting', 'serving', 'retiring', 'standby', 'hole'] as const) {
      ctx.fillStyle = this.#colors[phase];
      for (const box of this.#boxes[phase]) ctx.fillRect(...box);
    }
  }

  #addSliver({ left, right, y }: { readonly left: number; readonly right: number; readonly y: number }): void {
    this.#boxes.serving.push([left, y, Math.max(right - left, this.#ratio), BAR * this.#ratio]);
  }
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
  if (room < NARROW * ratio) return;
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
