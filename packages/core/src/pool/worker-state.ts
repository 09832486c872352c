/**
 * The life of a worker. `retiring` workers compile nothing more but go on evaluating the kernels they hold until each has a
 * place elsewhere; `draining` ones hold none and finish what is in flight.
 *
 * ```
 * starting ──▶ standby ──▶ serving ──▶ retiring ──▶ draining ──▶ exiting ──▶ exited
 *     └───────────┴───────────┴───────────┴────────────┴─────(death)────────────▲
 * ```
 */
export type WorkerState = 'starting' | 'standby' | 'serving' | 'retiring' | 'draining' | 'exiting' | 'exited';

const next: Readonly<Record<WorkerState, readonly WorkerState[]>> = {
  starting: ['standby', 'exiting', 'exited'],
  standby: ['serving', 'draining', 'exited'],
  serving: ['retiring', 'exited'],
  retiring: ['draining', 'exited'],
  draining: ['exiting', 'exited'],
  exiting: ['exited'],
  exited: [],
};

/** Whether the state machine allows the step. */
export const mayBecome = (from: WorkerState, to: WorkerState): boolean => next[from].includes(to);
