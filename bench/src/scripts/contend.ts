/**
 * One contender, one workload, one placement, in a process of its own: no contender sees another's heap, compiled code or
 * crash. Takes its task as JSON in argv[2], prints a sample as JSON.
 */
import { contenderNamed } from '../contenders/index.js';
import { type Placement, pinApart, runners } from '../harness/placement.js';
import { type Counts, runWorkload, type WorkloadName } from '../harness/workload.js';

export interface Task extends Counts {
  readonly contender: string;
  readonly workload: WorkloadName;
  readonly placement: Placement;
}

const task = JSON.parse(process.argv[2]!) as Task;
const before = task.placement === 'pinned' ? runners() : null;
const session = await contenderNamed(task.contender).open();
await session.ping();
if (before !== null) pinApart(before);
const sample = await runWorkload(task.workload, session, task);
process.stdout.write(`${JSON.stringify(sample)}\n`, () => {
  // A pool that does not close must not keep its figures from us.
  setTimeout(() => process.exit(0), 2000).unref();
  void Promise.resolve(session.close()).finally(() => process.exit(0));
});
