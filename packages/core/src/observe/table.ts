type Rows = readonly (readonly string[])[];

/**
 * Rows of cells in aligned columns, two spaces apart. The last cell of a row that is shorter than the first may be of any length: it
 * does not widen its column.
 *
 * @param numbers Aligns all columns but the first to the right. Default: to the left.
 * @param rule Draws a line below the first row. Default: false.
 */
export function textTable(rows: Rows, { numbers = false, rule = false } = {}): string {
  const widths = columnWidths(rows);
  const line = (row: readonly string[]): string =>
    row
      .map((cell, column) => (numbers && column > 0 ? cell.padStart(widths[column]!) : cell.padEnd(widths[column]!)))
      .join('  ')
      .trimEnd();
  const lines = rows.map(line);
  if (rule) lines.splice(1, 0, line(widths.map((width) => '-'.repeat(width))));
  return lines.join('\n');
}

/** A table in Markdown; the first row is its header. Its columns are not padded. */
export function markdownTable(rows: Rows): string {
  const line = (row: readonly string[]): string => `| ${row.join(' | ')} |`;
  const [header = [], ...others] = rows;
  return [header, header.map(() => '---'), ...others].map(line).join('\n');
}

function columnWidths(rows: Rows): number[] {
  const columns = rows[0]?.length ?? 0;
  return Array.from({ length: columns }, (_, column) => {
    const counted = rows.filter((row) => row.length === columns || column < row.length - 1);
    return Math.max(...counted.map((row) => row[column]!.length));
  });
}
