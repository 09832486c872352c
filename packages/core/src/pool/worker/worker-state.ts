/**
 * The life of a worker. `retiring` workers compile nothing more but go on evaluating the kernels they hold until each has a
 * place elsewhere and nothing is in flight.
 *
 * ```
 * starting ──▶ standby ──▶ serving ──▶ retiring ──▶ exiting ──▶ exited
 *     └───────────┴───────────┴────────────┴───(death)────────────▲
 * ```
 */
export type WorkerState = 'starting' | 'standby' | 'serving' | 'retiring' | 'exiting' | 'exited';

const next: Readonly<Record<WorkerState, readonly WorkerState[]>> = {
  starting: ['standby', 'exited'],
  standby: ['serving', 'retiring', 'exiting', 'exited'],
  serving: ['retiring', 'exited'],
  retiring: ['exiting', 'exited'],
  exiting: ['exited'],
  exited: [],
};

/** Whether the state machine allows the step. */
export const mayBecome = (from: WorkerState, to: WorkerState): boolean => next[from].includes(to);
