import { useEffect, useId, useLayoutEffect, useRef } from 'preact/hooks';
import uPlot from 'uplot';

/** From the lowest to the highest x that is shown; null for all. */
export type Range = readonly [number, number] | null;

export interface PlotProps {
  readonly label: string;
  /** What it shows, in words, for those who do not see it. */
  readonly summary: string;
  readonly options: Omit<uPlot.Options, 'width' | 'height'>;
  readonly data: uPlot.AlignedData;
  readonly height: number;
  /** What is shown now; the plot asks for another by `onRange`. */
  readonly shown: readonly [number, number];
  readonly whole: readonly [number, number];
  readonly onRange: (range: Range) => void;
  /** Told the width of the drawing area in pixels, which bounds how many points are worth drawing. */
  readonly onWidth?: (width: number) => void;
}

/** Markers of the legend are filled with the color of their line. */
export const legendLook: uPlot.Legend = {
  live: true,
  markers: {
    width: 0,
    fill: ({ series }, index) => {
      const { stroke, dash } = series[index]!;
      const color = String(typeof stroke === 'function' ? (stroke as () => unknown)() : stroke);
      return dash === undefined ? color : `repeating-linear-gradient(90deg, ${color} 0 4px, transparent 4px 6px)`;
    },
  },
};

/** Part of the range by which an arrow key moves it. */
const STEP = 0.15;
const ZOOM = 1.35;

/**
 * A uPlot whose range of x belongs to its parent: drag to zoom in, double-click for all, ctrl + wheel to zoom, sideways wheel to move; with the
 * keyboard arrows move, + and - zoom, 0 and Escape show all. The names of its curves are buttons that hide them.
 */
export function Plot({ label, summary, options, data, height, shown, whole, onRange, onWidth }: PlotProps) {
  const host = useRef<HTMLDivElement>(null);
  const names = useRef<HTMLDivElement>(null);
  const id = useId();
  // Both outlive a plot that is made anew with other options.
  const hidden = useRef(new Set<string>());
  const focused = useRef(-1);
  const plot = useRef<uPlot | null>(null);
  // Handlers that live as long as the plot see the present props here.
  const latest = useRef({ shown, whole, onRange, onWidth });
  latest.current = { shown, whole, onRange, onWidth };

  useLayoutEffect(() => {
    const element = host.current!;
    const hooks: uPlot.Hooks.Arrays = {
      ...(options.hooks as uPlot.Hooks.Arrays | undefined),
      setSelect: [
        (self) => {
          if (self.select.width < 3) return;
          const from = self.posToVal(self.select.left, 'x');
          const to = self.posToVal(self.select.left + self.select.width, 'x');
          self.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
          latest.current.onRange([from, to]);
        },
      ],
    };
    const showAll = () => () => {
      latest.current.onRange(null);
      return null;
    };
    const cursor: uPlot.Cursor = {
      ...options.cursor,
      drag: { x: true, y: false, setScale: false },
      bind: { dblclick: showAll },
    };
    const series = options.series.map((each, index) =>
      index > 0 && hidden.current.has(String(each.label)) ? { ...each, show: false } : each,
    );
    const legend: uPlot.Legend = { ...options.legend, mount: (_, table) => names.current!.append(table) };
    const all = { ...options, series, legend, cursor, hooks, width: element.clientWidth, height };
    const made = new uPlot(all, data, element);
    plot.current = made;
    const buttons = [...names.current!.querySelectorAll<HTMLElement>('.u-series:not(:first-child) th')];
    if (buttons.length > 0) asButtons(made, buttons, hidden.current);
    buttons[focused.current]?.focus();
    const tellWidth = () => latest.current.onWidth?.(made.bbox.width / devicePixelRatio);
    tellWidth();
    const observer = new ResizeObserver(() => {
      if (element.clientWidth === 0 || element.clientWidth === made.width) return;
      made.setSize({ width: element.clientWidth, height });
      tellWidth();
    });
    observer.observe(element);
    const onWheel = (event: WheelEvent) => {
      const [from, to] = latest.current.shown;
      if (event.ctrlKey) {
        event.preventDefault();
        const at = made.posToVal(event.clientX - made.over.getBoundingClientRect().left, 'x');
        const factor = event.deltaY < 0 ? 1 / ZOOM : ZOOM;
        latest.current.onRange(within([at - (at - from) * factor, at + (to - at) * factor], latest.current.whole));
      } else if (Math.abs(event.deltaX) > Math.abs(event.deltaY)) {
        event.preventDefault();
        latest.current.onRange(moved([from, to], event.deltaX / made.over.clientWidth, latest.current.whole));
      }
    };
    made.over.addEventListener('wheel', onWheel, { passive: false });
    return () => {
      focused.current = buttons.indexOf(document.activeElement as HTMLElement);
      observer.disconnect();
      made.destroy();
      plot.current = null;
    };
  }, [options, height]);

  useEffect(() => {
    const made = plot.current;
    if (made === null) return;
    made.batch(() => {
      made.setData(data, false);
      made.setScale('x', { min: shown[0], max: shown[1] });
    });
  }, [data, shown[0], shown[1], options, height]);

  const onKeyDown = (event: KeyboardEvent) => {
    const range = ranged(event.key, shown, whole);
    if (range === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    onRange(range);
  };
  return (
    <div class="plot">
      <div
        class="drawing"
        ref={host}
        role="application"
        aria-roledescription="chart"
        aria-label={label}
        aria-describedby={id}
        // biome-ignore lint/a11y/noNoninteractiveTabindex: it is moved and zoomed by keys.
        tabIndex={0}
        onKeyDown={onKeyDown}
      />
      <div ref={names} />
      <p class="unseen" id={id}>
        {summary} Arrow keys move, plus and minus zoom, 0 and Escape show all.
      </p>
    </div>
  );
}

/** Makes buttons of the names in a plot's legend, for keys and screen readers. uPlot's clicks show and hide their curves. */
function asButtons(plot: uPlot, names: readonly HTMLElement[], hidden: Set<string>): void {
  const table = names[0]!.closest('table')!;
  table.setAttribute('role', 'group');
  table.setAttribute('aria-label', 'Curves');
  for (const part of table.querySelectorAll('tbody, tr, td')) part.setAttribute('role', 'presentation');
  const tell = () => {
    for (const [index, name] of names.entries()) {
      const { label, show = true } = plot.series[index + 1]!;
      name.setAttribute('aria-pressed', String(show));
      if (show) hidden.delete(String(label));
      else hidden.add(String(label));
    }
  };
  for (const name of names) {
    name.tabIndex = 0;
    name.setAttribute('role', 'button');
    name.addEventListener('keydown', (event) => {
      if (event.key !== 'Enter' && event.key !== ' ') return;
      event.preventDefault();
      name.click();
    });
  }
  plot.hooks.setSeries = [...(plot.hooks.setSeries ?? []), tell];
  tell();
}

/**
 * Which points of a curve are drawn as such: those that no line reaches, because what is beside them is no number or nothing. For
 * `points.filter`.
 */
export function isolated({ data }: uPlot, index: number): number[] | null {
  // Undefined values are those of another curve's x.
  const own: number[] = [];
  const values = data[index]!;
  for (let row = 0; row < values.length; row++) if (values[row] !== undefined) own.push(row);
  const isGap = (at: number) => own[at] === undefined || values[own[at]!] === null;
  return own.filter((_, at) => !isGap(at) && isGap(at - 1) && isGap(at + 1));
}

/** The range that a key asks for; undefined for other keys. */
export function ranged(
  key: string,
  shown: readonly [number, number],
  whole: readonly [number, number],
): Range | undefined {
  const [from, to] = shown;
  const middle = (from + to) / 2;
  const half = (to - from) / 2;
  switch (key) {
    case 'ArrowLeft':
      return moved(shown, -STEP, whole);
    case 'ArrowRight':
      return moved(shown, STEP, whole);
    case '+':
    case '=':
      return [middle - half / ZOOM, middle + half / ZOOM];
    case '-':
      return within([middle - half * ZOOM, middle + half * ZOOM], whole);
    case '0':
    case 'Home':
    case 'Escape':
      return null;
    default:
      return undefined;
  }
}

function moved([from, to]: readonly [number, number], share: number, [least, most]: readonly [number, number]): Range {
  const by = Math.max(least - from, Math.min(most - to, share * (to - from)));
  return [from + by, to + by];
}

function within([from, to]: readonly [number, number], [least, most]: readonly [number, number]): Range {
  return from <= least && to >= most ? null : [Math.max(from, least), Math.min(to, most)];
}
