import { JsonLines } from './json-lines.js';
import { PlainLines } from './plain-lines.js';
import { ProgressDisplay } from './progress-display.js';
import type { Reporter } from './reporter.js';
import { canRedraw } from './text.js';

/**
 * JSON lines, a display that moves, or plain lines where `stream` is no terminal that could show one. Errors of the stream
 * (a terminal that is gone, a full disk) are ignored from now on: a run does not end because nobody can be told of it.
 */
export function openReporter(stream: NodeJS.WriteStream, { json = false }: { readonly json?: boolean } = {}): Reporter {
  if (!stream.listeners('error').includes(ignore)) stream.on('error', ignore);
  if (json) return new JsonLines(stream);
  return canRedraw(stream) ? new ProgressDisplay(stream) : new PlainLines(stream);
}

const ignore = (): void => {};
