const bars = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'] as const;

/** A curve in one line: `width` characters, each the mean of its share of the values, from the least to the greatest. */
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
