import { JsonLines } from './json-lines.js';
import { PlainLines } from './plain-lines.js';
import { ProgressDisplay } from './progress-display.js';
import type { Reporter } from './reporter.js';

/** JSON lines, a display that moves, or plain lines where `stream` is no terminal that could show one. */
export function openReporter(stream: NodeJS.WriteStream, { json = false }: { readonly json?: boolean } = {}): Reporter {
  if (json) return new JsonLines(stream);
  return stream.isTTY && process.env.TERM !== 'dumb' ? new ProgressDisplay(stream) : new PlainLines(stream);
}
