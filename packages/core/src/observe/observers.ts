import { text } from '../check.js';
import { DisposeStack } from '../files/dispose-stack.js';
import type { OptionTable } from '../option-table.js';
import { openTrace } from './trace/open-trace.js';

/** What `mayfly train` writes for other programs beside the run's folder. */
export interface ObserverOptions {
  readonly trace?: string;
}

const group = 'Checkpoints and output:';

/** The table of `ObserverOptions`. */
export const observerOptions = {
  trace: {
    ...{ rule: text, flag: '--trace <file>', group },
    help: 'write a trace for ui.perfetto.dev: FILE.json, or FILE.pftrace in protobuf',
  },
} as const satisfies OptionTable<ObserverOptions>;

/** Opens what the options name. Before the trainer is made, so that everything is seen. */
export function openObservers({ trace }: ObserverOptions): DisposeStack {
  const opened = new DisposeStack();
  if (trace !== undefined) opened.adopt(openTrace(trace), (each) => each[Symbol.dispose]());
  return opened;
}
