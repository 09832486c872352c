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

export const poolClosedError = (): MayflyError => new MayflyError('ERR_POOL_CLOSED', '[pool] the pool is closed');

export const kernelDisposedError = (kernel: string): MayflyError =>
  new MayflyError('ERR_KERNEL_DISPOSED', `[pool] kernel ${kernel} is disposed`);

const lastWords = (end: WorkerEnd): string => (end.lastWords === '' ? '' : `; its last words:\n${end.lastWords}`);
