import { availableParallelism } from 'node:os';
import { addon } from '@mayfly/native';
import { type Rule, rule, whole } from '../check.js';

/** A limit of this machine, and its reason. */
export interface Capacity {
  readonly most: number;
  readonly reason: string;
}

/** More processes or threads per processor only wait for each other. */
const PROCESSES_EACH = 64;
const THREADS_EACH = 16;
/** Memory of a Node process that has done nothing yet. */
const PROCESS_BYTES = 48 * 2 ** 20;
/** Descriptors of a worker (the socket, the bells, the stderr pipe), and of the main process itself. */
const DESCRIPTORS_EACH = 4;
const OWN_DESCRIPTORS = 64;

/** How many worker processes can run at once. */
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

/** How many threads one process can use. */
export function threadCapacity(): Capacity {
  const processors = availableParallelism();
  return { most: THREADS_EACH * processors, reason: `${THREADS_EACH} for each of the ${processors} processors` };
}

/** A whole number from `from` up to a limit of the machine. */
export function wholeUpTo(from: number, capacity: () => Capacity): Rule<number> {
  return rule(
    (value) => whole(from).refusal(value) ?? refusal(from, value as number, capacity()),
    (text) => whole(from).parse(text),
  );
}

/** Null if `value` is within the limit. One is always allowed: if it fails, the error says why. */
export function refusal(from: number, value: number, { most, reason }: Capacity): string | null {
  const allowed = Math.max(most, 1);
  return value <= allowed ? null : `a whole number from ${from} to ${allowed} (${reason})`;
}

const least = (...capacities: readonly Capacity[]): Capacity => capacities.reduce((a, b) => (b.most < a.most ? b : a));
