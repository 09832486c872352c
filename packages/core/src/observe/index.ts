/**
 * `@mayfly/core/observe`: a run as people and programs see it.
 *
 * @module
 */
export { openReporter } from './open-reporter.js';
export type { Reporter } from './reporter.js';
export { closingTable } from './run-text.js';
export { type Output, printable } from './text.js';
