const whole = new Intl.NumberFormat('en-US', { maximumFractionDigits: 0 });
const figures = new Intl.NumberFormat('en-US', { maximumSignificantDigits: 4 });

/** `24,852`. */
export const formatCount = (count: number): string => whole.format(count);

/** Four significant digits; very small and very large numbers as `3.00e-4`. */
export function formatFigure(value: number): string {
  const size = Math.abs(value);
  return size !== 0 && (size < 1e-3 || size >= 1e7) ? value.toExponential(2) : figures.format(value);
}

const compact = new Intl.NumberFormat('en-US', { notation: 'compact', maximumSignificantDigits: 3 });

/** A number beside an axis, in six characters or so: `0.25`, `12K`, `1.5M`, `3e-4`. */
export function formatTick(value: number): string {
  const size = Math.abs(value);
  if (size !== 0 && size < 1e-2) return Number(value.toPrecision(3)).toExponential();
  return size < 10_000 ? figures.format(value) : compact.format(value);
}

const units = ['B', 'kB', 'MB', 'GB', 'TB'] as const;

/** Decimal units: `434 MB`. */
export function formatBytes(bytes: number): string {
  const power = bytes < 1 ? 0 : Math.min(units.length - 1, Math.floor(Math.log10(bytes) / 3));
  return `${Number((bytes / 1000 ** power).toPrecision(3))} ${units[power]}`;
}

/** `850 ms`, `12.3 s`, `3 min 20 s`, `2 h 05 min`, `3 d 4 h`. */
export function formatDuration(milliseconds: number): string {
  if (milliseconds < 1000) return `${Math.round(milliseconds)} ms`;
  if (milliseconds < 60_000) return `${(milliseconds / 1000).toFixed(1)} s`;
  const seconds = Math.round(milliseconds / 1000);
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ${String(seconds % 60).padStart(2, '0')} s`;
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return `${hours} h ${String(minutes % 60).padStart(2, '0')} min`;
  return `${Math.floor(hours / 24)} d ${hours % 24} h`;
}

const times = new Intl.DateTimeFormat(undefined, {
  ...{ day: 'numeric', month: 'short', hour: '2-digit', minute: '2-digit', second: '2-digit' },
  hour12: false,
});

/** `28 Nov, 14:03:09`, in the reader's time zone. */
export const formatTime = (time: number): string => times.format(time);

const clock = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit' });
const clockOfSeconds = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit', second: '2-digit' });
const clockOfTenths = new Intl.DateTimeFormat('en-GB', {
  minute: '2-digit',
  second: '2-digit',
  fractionalSecondDigits: 1,
});
const days = new Intl.DateTimeFormat(undefined, { day: 'numeric', month: 'short' });

/**
 * Times beside an axis as exact as their distance asks for: `14:03`, `14:03:09`, `03:09.5`, `Nov 28`. The first of another day has its date in a
 * second line.
 *
 * @param seconds Since 1970.
 * @param distance Between two of them, in seconds.
 */
export function formatTimeTicks(seconds: readonly number[], distance: number): string[] {
  if (distance >= 86_400) return seconds.map((each) => days.format(1000 * each));
  const form = distance >= 60 ? clock : distance >= 1 ? clockOfSeconds : clockOfTenths;
  return seconds.map((each, index) => {
    const day = days.format(1000 * each);
    const isNewDay = index > 0 && days.format(1000 * seconds[index - 1]!) !== day;
    return `${form.format(1000 * each)}${isNewDay ? `\n${day}` : ''}`;
  });
}

/** `1 worker`, `3 workers`. */
export const plural = (count: number, noun: string): string => `${formatCount(count)} ${noun}${count === 1 ? '' : 's'}`;
