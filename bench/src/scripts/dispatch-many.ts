/** Dispatches a tiny kernel, one after the other, and does nothing else: for programs that count what a process does. Takes its task as JSON in argv[2]. */
import { tracingChannel } from 'node:diagnostics_channel';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { scaleProgram } from '../harness/programs.js';

export interface DispatchTask {
  readonly dispatches: number;
  /** Who subscribes to the channels. `listener`: a function that does nothing, at the beginning and the end of each dispatch. */
  readonly subscribed: 'nobody' | 'listener' | 'trace';
  /** Another checkout that was built; null for this one. */
  readonly checkout: string | null;
}

const { dispatches, subscribed, checkout } = JSON.parse(process.argv[2]!) as DispatchTask;
/** From the package's file where it is another checkout's, whose modules find its own addon. */
const load = <Module>(entry: '' | 'observe'): Promise<Module> =>
  import(
    checkout === null
      ? join('@mayfly/core', entry)
      : pathToFileURL(join(checkout, 'packages/core/dist', `${entry || 'index'}.js`)).href
  );

const { createPool } = await load<typeof import('@mayfly/core')>('');
const pool = await createPool({ device: 'cpu', workers: 1, standby: 0, threads: 1 });
const kernel = await pool.compile({ text: scaleProgram(64) });
const [x, y] = [pool.arena.tensor('fp32', [1, 64]), pool.arena.tensor('fp32', [1, 64])];
x.array().fill(1);
y.array().fill(0);
if (subscribed === 'listener') {
  const { start, asyncEnd } = tracingChannel('mayfly:dispatch');
  start.subscribe(() => {});
  asyncEnd.subscribe(() => {});
}
if (subscribed === 'trace') {
  const { openTrace } = await load<typeof import('@mayfly/core/observe')>('observe');
  openTrace(join(tmpdir(), `mayfly-dispatch-${process.pid}.trace.json`));
}
for (let run = 0; run < dispatches; run++) await kernel.run(x, y);
process.exit(0);
