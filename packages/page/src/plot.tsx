import { useEffect, useLayoutEffect, useRef } from 'preact/hooks';
import uPlot from 'uplot';

/** From the lowest to the highest x that is shown; null for all. */
export type Range = readonly [number, number] | null;

export interface PlotProps {
  readonly label: string;
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
 * keyboard arrows move, + and - zoom, 0 shows all.
 */
export function Plot({ label, options, data, height, shown, whole, onRange, onWidth }: PlotProps) {
  const host = useRef<HTMLDivElement>(null);
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
    const made = new uPlot({ ...options, cursor, hooks, width: element.clientWidth, height }, data, element);
    plot.current = made;
    for (const name of element.querySelectorAll<HTMLElement>('.u-legend .u-series:not(:first-child) th')) {
      toggleByKeys(name);
    }
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
    <div
      class="plot"
      ref={host}
      role="application"
      aria-label={`${label}. Arrow keys move, plus and minus zoom, 0 shows all.`}
      // biome-ignore lint/a11y/noNoninteractiveTabindex: it is moved and zoomed by keys.
      tabIndex={0}
      onKeyDown={onKeyDown}
    />
  );
}

/** Hides a curve and shows it again by keys, as a click on its name does. */
function toggleByKeys(name: HTMLElement): void {
  name.tabIndex = 0;
  name.setAttribute('role', 'button');
  name.setAttribute('aria-pressed', 'true');
  name.addEventListener('click', () => {
    name.setAttribute('aria-pressed', String(!name.parentElement!.classList.contains('u-off')));
  });
  name.addEventListener('keydown', (event) => {
    if (event.key !== 'Enter' && event.key !== ' ') return;
    event.preventDefault();
    event.stopPropagation();
    name.click();
  });
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
