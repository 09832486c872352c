import { availableParallelism } from 'node:os';
import { addon } from '@mayfly/native';
import { type Rule, rule, whole } from '../check.js';

/** The most of something that this machine can hold, and what sets the limit. */
export interface Capacity {
  readonly most: number;
  readonly reason: string;
}

/** Beyond so many of them a processor, processes and threads only wait for each other. */
const PROCESSES_EACH = 64;
const THREADS_EACH = 16;
/** What a process of Node's takes before it has done anything. */
const PROCESS_BYTES = 48 * 2 ** 20;
/** The socket, the bells and the stderr pipe of a worker; and what the process has open for itself. */
const DESCRIPTORS_EACH = 4;
const OWN_DESCRIPTORS = 64;

/** Worker processes beside each other. */
export function processCapacity(): Capacity {
  const processors = availableParallelism();
  const bytes = addon.availableMemory();
  const descriptors = addon.descriptorLimit();
  return least(
    { most: PROCESSES_EACH * processors, reason: `${PROCESSES_EACH} for each of the ${processors} processors` },
    {
      most: Math.floor(bytes / PROCESS_BYTES),
      reason: `${PROCESS_BYTES} of the ${bytes} bytes of free memory for each`,
    },
    {
      most: Math.floor((descriptors - OWN_DESCRIPTORS) / DESCRIPTORS_EACH),
      reason: `${DESCRIPTORS_EACH} of the ${descriptors} descriptors that RLIMIT_NOFILE allows for each`,
    },
  );
}

/** Threads of one process. */
export function threadCapacity(): Capacity {
  const processors = availableParallelism();
  return { most: THREADS_EACH * processors, reason: `${THREADS_EACH} for each of the ${processors} processors` };
}

/** A whole number from `from` up to what the machine can hold. */
export function wholeUpTo(from: number, capacity: () => Capacity): Rule<number> {
  return rule(
    (value) => whole(from).refusal(value) ?? refusal(from, value as number, capacity()),
    (text) => whole(from).parse(text),
  );
}

/** Null where the machine can hold so many. One is always allowed: where it fails, its own error says why. */
export function refusal(from: number, value: number, { most, reason }: Capacity): string | null {
  const allowed = Math.max(most, 1);
  return value <= allowed ? null : `a whole number from ${from} to ${allowed} (${reason})`;
}

const least = (...capacities: readonly Capacity[]): Capacity => capacities.reduce((a, b) => (b.most < a.most ? b : a));
