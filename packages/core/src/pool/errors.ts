import { MayflyError } from '@mayfly/native';

/** How a worker process ended. */
export interface WorkerEnd {
  readonly worker: number;
  readonly pid: number;
  readonly exitCode: number | null;
  readonly signal: string | null;
  /** Why the pool gave it up, where it was not its own doing: a missed deadline, a broken frame. */
  readonly reason: string | null;
  /** The last lines it wrote to stderr. */
  readonly lastWords: string;
}

/** The worker went away before it answered; the work may be repeated on another. */
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

/** The reason for which a worker is given up that broke the protocol. */
export const reasonOf = (error: Error & { readonly code?: string }): string =>
  error.code === undefined ? error.message : `${error.code}: ${error.message}`;

/** One phrase: who died of what. */
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

/** The device failed, whatever was asked of it and wherever: nothing that a new worker could mend. */
export function deviceStuckError(device: string, failures: number, cause: Error): MayflyError {
  const advice =
    device === 'ane'
      ? 'the system service of the Neural Engine is stuck: restart it with `sudo killall aned`, or restart the machine'
      : 'the device itself is at fault';
  return new MayflyError(
    'ERR_DEVICE_STUCK',
    `[pool] the ${device} device failed ${failures} times in a row on fresh workers, the last time: ${cause.message}; ${advice}`,
    { cause },
  );
}

/** The same kernel failed on several workers; the pool no longer runs it. */
export const quarantinedError = (kernel: string, attempts: number, cause: Error): MayflyError =>
  new MayflyError('ERR_KERNEL_QUARANTINED', `[pool] ${kernel} failed on ${attempts} workers: ${cause.message}`, {
    cause,
  });

/** Whether the device failed, rather than the program or its weights being wrong: another worker may do better. */
export const isDeviceFault = (error: unknown): error is MayflyError =>
  error instanceof MayflyError && /^ERR_(EVALUATE|DEVICE_|ANE_)/.test(error.code);

export const poolClosedError = (): MayflyError => new MayflyError('ERR_POOL_CLOSED', '[pool] the pool is closed');

/** Calls were still pending when `close` had waited long enough. */
export const closeDeadlineError = (pending: number, milliseconds: number): MayflyError =>
  new MayflyError(
    'ERR_POOL_CLOSED',
    `[pool] Expected all calls to settle within ${milliseconds} ms of close(), got ${pending} that had not: they were cut short`,
  );

export const kernelDisposedError = (kernel: string): MayflyError =>
  new MayflyError('ERR_KERNEL_DISPOSED', `[pool] kernel ${kernel} is disposed`);

const lastWords = (end: WorkerEnd): string => (end.lastWords === '' ? '' : `; its last words:\n${end.lastWords}`);
