import { JsonLines } from './json-lines.js';
import { PlainLines } from './plain-lines.js';
import { ProgressDisplay } from './progress-display.js';
import type { Reporter } from './reporter.js';
import { canRedraw, wantsColors } from './text.js';

/**
 * A reporter that writes JSON lines, or redraws a display on a terminal, or else writes plain lines. From now on errors of the stream (a
 * closed terminal, a full disk) are ignored: they do not end a run.
 */
export function openReporter(stream: NodeJS.WriteStream, { json = false }: { readonly json?: boolean } = {}): Reporter {
  if (!stream.listeners('error').includes(ignore)) stream.on('error', ignore);
  if (json) return new JsonLines(stream);
  return canRedraw(stream) ? new ProgressDisplay(stream) : new PlainLines(stream, { colors: wantsColors(stream) });
}

const ignore = (): void => {};
