import { MayflyError } from '@mayfly/native';

/** How a worker process ended. */
export interface WorkerEnd {
  readonly worker: number;
  readonly pid: number;
  readonly exitCode: number | null;
  readonly signal: string | null;
  /** Why the pool killed it: a missed deadline, a broken frame. Null if the pool did not. */
  readonly reason: string | null;
  /** The last lines it wrote to stderr. */
  readonly lastWords: string;
}

/** The worker ended before it answered; the work may be repeated on another. */
export class WorkerLostError extends MayflyError {
  constructor(
    worker: number,
    pid: number,
    reason: string,
    readonly end: Promise<WorkerEnd>,
  ) {
    super('ERR_WORKER_LOST', `worker ${worker} (pid ${pid}) was lost: ${reason}`);
  }
}

/** The same work ended several workers; it is not tried again. */
export class WorkerExitError extends MayflyError implements WorkerEnd {
  readonly kernel: string;
  readonly attempts: number;
  readonly worker: number;
  readonly pid: number;
  readonly exitCode: number | null;
  readonly signal: string | null;
  readonly reason: string | null;
  readonly lastWords: string;

  constructor(kernel: string, doing: string, attempts: number, end: WorkerEnd) {
    super(
      'ERR_WORKER_EXIT',
      `[pool] ${describeEnd(end)} while ${doing} ${kernel}; tried on ${attempts} workers${lastWords(end)}`,
    );
    this.kernel = kernel;
    this.attempts = attempts;
    this.worker = end.worker;
    this.pid = end.pid;
    this.exitCode = end.exitCode;
    this.signal = end.signal;
    this.reason = end.reason;
    this.lastWords = end.lastWords;
  }
}

/** The reason given for killing a worker that broke the protocol. */
export const reasonOf = (error: Error & { readonly code?: string }): string =>
  error.code === undefined ? error.message : `${error.code}: ${error.message}`;

/** How a worker ended, in one phrase. */
export function describeEnd(end: WorkerEnd): string {
  const how = end.signal === null ? `exited with code ${end.exitCode}` : `was ended by ${end.signal}`;
  return `worker ${end.worker} (pid ${end.pid}) ${how}${end.reason === null ? '' : ` (${end.reason})`}`;
}

/** Workers kept dying, or none could be started. */
export function poolFailedError(end: WorkerEnd, deaths: number, cause?: unknown): MayflyError {
  return new MayflyError(
    'ERR_POOL_FAILED',
    `[pool] ${deaths} workers died in a row; the last: ${describeEnd(end)}${lastWords(end)}`,
    { cause },
  );
}

/** No process could be started at all. */
export function noWorkerError(cause: unknown, tries: number): MayflyError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new MayflyError('ERR_POOL_FAILED', `[pool] no worker could be started in ${tries} tries: ${reason}`, {
    cause,
  });
}

/** Whether work failed only because no worker could be had, so that it may succeed when one becomes ready. */
export const isLackOfWorkers = ({ code }: Error & { readonly code?: string }): boolean => code === 'ERR_POOL_FAILED';

/** The device failed programs that had worked, repeatedly and on fresh workers; starting another will not help. */
export function deviceStuckError(device: string, failures: number, worker: number, cause: Error): MayflyError {
  const advice =
    device === 'ane'
      ? 'the system service of the Neural Engine is stuck: restart it with `sudo killall aned`, or restart the machine'
      : 'the device itself is at fault';
  return new MayflyError(
    'ERR_DEVICE_STUCK',
    `[pool] the ${device} device failed ${failures} times in a row on fresh workers, with programs that had worked, the last time on worker ${worker}: ${cause.message}; ${advice}`,
    { cause },
  );
}

/** The pool runs a kernel no more. */
export class KernelFailedError extends MayflyError {
  constructor(
    code: string,
    readonly kernel: string,
    message: string,
    cause: Error,
  ) {
    super(code, message, { cause });
  }
}

/** The same kernel failed on several workers; the pool runs it no more. */
export const quarantinedError = (kernel: string, attempts: number, worker: number, cause: Error): MayflyError =>
  new KernelFailedError(
    'ERR_KERNEL_QUARANTINED',
    kernel,
    `[pool] ${kernel} failed on ${attempts} workers, the last of them worker ${worker}: ${cause.message}`,
    cause,
  );

/** The device refused a program in the same way on two workers, before it ever worked on any. */
export const programRefusedError = (kernel: string, cause: Error): MayflyError =>
  new KernelFailedError(
    'ERR_PROGRAM_REFUSED',
    kernel,
    `[pool] the device refuses the program of ${kernel}: ${cause.message}`,
    cause,
  );

/** Whether a kernel that failed with this error was quarantined. */
export const isQuarantine = ({ code }: Error & { readonly code?: string }): boolean =>
  code === 'ERR_KERNEL_QUARANTINED' || code === 'ERR_PROGRAM_REFUSED' || code === 'ERR_WORKER_EXIT';

/**
 * Whose fault an error is. `caller`: the request is wrong, and would be on any worker. `program`: the device refuses the program,
 * unless its process is poisoned. `device`: another worker may succeed.
 */
export type Fault = 'caller' | 'program' | 'device';

/** The codes of a device's failures; all other errors are the caller's. */
const faults: Readonly<Record<string, Fault>> = {
  ERR_ANE_COMPILE: 'program',
  ERR_ANE_REFUSED: 'program',
  ERR_EVALUATE: 'program',
  ERR_ANE_CLASS: 'device',
  ERR_ANE_EXCEPTION: 'device',
  ERR_ANE_LOAD: 'device',
  ERR_ANE_NIL: 'device',
  ERR_ANE_SELECTOR: 'device',
  ERR_ANE_STAGING: 'device',
  ERR_ANE_SURFACE: 'device',
  ERR_ANE_UNLOAD: 'device',
  ERR_DEVICE_LIMIT: 'device',
};

export const faultOf = (error: unknown): Fault =>
  (error instanceof MayflyError ? faults[error.code] : undefined) ?? 'caller';

/** Whether two workers gave the same reason for refusing a program: the program is at fault then, not they. */
export const isSameRefusal = (error: Error, other: Error): boolean =>
  faultOf(error) === 'program' &&
  (error as MayflyError).code === (other as MayflyError).code &&
  error.message === other.message;

export const poolClosedError = (): MayflyError => new MayflyError('ERR_POOL_CLOSED', '[pool] the pool is closed');

/** Calls were still pending `timeouts.closeMs` after `close()`. */
export const closeDeadlineError = (pending: number, milliseconds: number): MayflyError =>
  new MayflyError(
    'ERR_POOL_CLOSED',
    `[pool] ${pending} calls had not settled ${milliseconds} ms after close(), and were ended`,
  );

export const kernelDisposedError = (kernel: string): MayflyError =>
  new MayflyError('ERR_KERNEL_DISPOSED', `[pool] kernel ${kernel} is disposed`);

const lastWords = (end: WorkerEnd): string => (end.lastWords === '' ? '' : `; its last words:\n${end.lastWords}`);
