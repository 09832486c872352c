import { invalidArgument, MayflyError } from '@mayfly/native';
import { abortSignal, bag, type Checked, milliseconds } from '../check.js';
import type { ArenaRange, Collective, CollectiveCallOptions } from './collective.js';

/** All ranks' messages of one `exchange`, together. */
const MOST_EXCHANGED = 2 ** 26;

export const deadline = milliseconds(1, { orNever: true });

const rules = { signal: abortSignal, timeoutMs: deadline };

/** The names of the operations that move data. */
export type Operation = 'allReduce' | 'reduce' | 'allGather' | 'broadcast' | 'barrier' | 'exchange';

/** Checks the options of a call. Throws `ERR_INVALID_ARGUMENT`, and the reason of a signal that is already aborted. */
export function checkOptions(operation: Operation, given: CollectiveCallOptions | undefined): Checked<typeof rules> {
  const options = bag(operation, rules, given);
  options.signal?.throwIfAborted();
  return options;
}

/** Throws `ERR_INVALID_ARGUMENT` for what is no range, or with `elementBytes` for a range of other elements. */
export function checkRange(range: ArenaRange, elementBytes = 1): void {
  const whole = (value: unknown) => Number.isSafeInteger(value) && (value as number) >= 0;
  if (typeof range?.arena?.view !== 'function' || !whole(range.offset) || !whole(range.bytes))
    throw invalidArgument('range', 'a range of an arena', range);
  if (range.offset % elementBytes !== 0 || range.bytes % elementBytes !== 0)
    throw invalidArgument('range', 'fp32 elements', `${range.bytes} bytes at ${range.offset}`);
}

/** Throws `ERR_INVALID_ARGUMENT` unless there is a range for each rank. */
export function checkRanges(group: Collective, ranges: readonly ArenaRange[]): void {
  if (!Array.isArray(ranges) || ranges.length !== group.size)
    throw invalidArgument('ranges', `${group.size} ranges, one for each rank`, ranges);
  for (const range of ranges) checkRange(range);
}

/** Throws `ERR_INVALID_ARGUMENT` for a number that is no rank of the group. */
export function checkRank(group: Collective, name: string, rank: number): void {
  if (!Number.isInteger(rank) || rank < 0 || rank >= group.size)
    throw invalidArgument(name, `a rank from 0 to ${group.size - 1}`, rank);
}

export function checkMessage(group: Collective, bytes: Uint8Array): void {
  if (!(bytes instanceof Uint8Array)) throw invalidArgument('bytes', 'a Uint8Array', bytes);
  const most = Math.floor(MOST_EXCHANGED / group.size);
  if (bytes.byteLength > most) throw invalidArgument('bytes', `${most} bytes at most`, bytes.byteLength);
}

/** Throws `ERR_INVALID_ARGUMENT` for an exit code that launchers do not pass on. */
export function checkExitCode(code: number): void {
  if (!Number.isInteger(code) || code < 1 || code > 125)
    throw invalidArgument('code', 'a whole number from 1 to 125', code);
}

export const closedError = (): MayflyError => new MayflyError('ERR_COLLECTIVE', 'The group of ranks is closed');
