/** Longer values are cut. */
const LONGEST = 80;

/** A value out of a file as an error quotes it: JSON, cut where it is long. */
export function describeValue(value: unknown): string {
  if (value === undefined) return 'none';
  // JSON has no word for these.
  if (typeof value === 'number' && !Number.isFinite(value)) return String(value);
  let text: string;
  try {
    text = JSON.stringify(value) ?? String(value);
  } catch {
    return 'a value too deep to be shown';
  }
  return text.length > LONGEST ? `${text.slice(0, LONGEST)}…` : text;
}
