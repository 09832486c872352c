import { WriteStream } from 'node:tty';

/** Text that a terminal shows as it is: control characters but tabs and line ends become `·`. */
export const printable = (text: string): string => text.replace(/[^\P{C}\n\t]/gu, '·');

/** A stream for text. */
export interface Output {
  /** Appends text. The result is ignored. */
  write(text: string): unknown;
}

/**
 * Writes text for people. All such text goes through here, or through the code that redraws lines, so that no text from a file, a name,
 * an error or a worker can control a terminal.
 */
export function print(output: Output, text: string): void {
  output.write(printable(text));
}

/** Whether a stream is a terminal on which lines can be redrawn: it has a width and is not `dumb`. */
export const canRedraw = ({ isTTY, columns }: NodeJS.WriteStream): boolean =>
  isTTY && columns > 0 && process.env.TERM !== 'dumb';

/** Whether a stream gets colours. Node decides it for terminals, by NO_COLOR and FORCE_COLOR, too; other streams get them where FORCE_COLOR asks. */
export const wantsColors = ({ isTTY }: NodeJS.WriteStream): boolean =>
  (isTTY || process.env.FORCE_COLOR !== undefined) && WriteStream.prototype.hasColors();

/** Printable text in a colour or style, by its SGR code: 1 bold, 2 faint, 33 yellow. */
export const paint = (code: number, text: string): string => `\u001B[${code}m${printable(text)}\u001B[0m`;

const whole = new Intl.NumberFormat('en-US', { maximumFractionDigits: 0 });
const significant = new Intl.NumberFormat('en-US', { maximumSignificantDigits: 3 });
const byteUnits = ['byte', 'kilobyte', 'megabyte', 'gigabyte', 'terabyte'] as const;

/** `24,852`. */
export const formatCount = (count: number): string => whole.format(count);

/** Three significant digits: `41.2`, `0.0123`, `1,240`. */
export const formatFigure = (figure: number): string => significant.format(figure);

/** A learning rate and the like: `3.00e-4`. */
export const formatSmall = (value: number): string => (value === 0 ? '0' : value.toExponential(2));

/** A fraction in percent: `12.3%`. */
export const formatShare = (share: number): string => `${(100 * (Number.isFinite(share) ? share : 0)).toFixed(1)}%`;

/** `850 ms`, `12.3 s`, `3 min 20 s`, `2 h 05 min`. */
export function formatDuration(milliseconds: number): string {
  if (milliseconds < 1000) return `${formatFigure(milliseconds)} ms`;
  if (milliseconds < 60_000) return `${(milliseconds / 1000).toFixed(1)} s`;
  const seconds = Math.round(milliseconds / 1000);
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ${String(seconds % 60).padStart(2, '0')} s`;
  return `${Math.floor(minutes / 60)} h ${String(minutes % 60).padStart(2, '0')} min`;
}

/** Decimal units: `434 MB`. */
export function formatBytes(bytes: number): string {
  const power = Math.min(byteUnits.length - 1, bytes < 1 ? 0 : Math.floor(Math.log10(bytes) / 3));
  const options = { style: 'unit', unit: byteUnits[power], maximumSignificantDigits: 3 } as const;
  return new Intl.NumberFormat('en-US', options).format(bytes / 1000 ** power);
}

/** `1 worker`, `3 workers`. */
export const plural = (count: number, noun: string): string => `${formatCount(count)} ${noun}${count === 1 ? '' : 's'}`;

const bars = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'] as const;

/** A curve in one line of `width` characters. Each shows the mean of an equal part of the values. */
export function sparkline(values: readonly number[], width: number): string {
  const points = Math.min(width, values.length);
  const means = Array.from({ length: points }, (_, index) => {
    const share = values.slice(
      Math.floor((index * values.length) / points),
      Math.floor(((index + 1) * values.length) / points),
    );
    return share.reduce((sum, value) => sum + value, 0) / share.length;
  });
  const finite = means.filter(Number.isFinite);
  const least = Math.min(...finite);
  const range = Math.max(...finite) - least;
  const level = (mean: number) => (range === 0 ? 0 : Math.round(((mean - least) / range) * (bars.length - 1)));
  return means.map((mean) => (Number.isFinite(mean) ? bars[level(mean)] : '?')).join('');
}
