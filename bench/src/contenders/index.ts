import { atomics } from './atomics.js';
import { bareLoop } from './bare-loop.js';
import type { Contender } from './contender.js';
import { forkAdvanced, forkJson } from './fork.js';
import { jestWorkerProcess, jestWorkerThread } from './jest-worker.js';
import { mayfly } from './mayfly.js';
import { piscina } from './piscina.js';
import { poolifierProcess, poolifierThread } from './poolifier.js';
import { tinypoolProcess, tinypoolThread } from './tinypool.js';
import { workerpoolProcess, workerpoolThread } from './workerpool.js';

/** Everyone who takes part, ours first. */
export const contenders: readonly Contender[] = [
  mayfly,
  tinypoolProcess,
  workerpoolProcess,
  poolifierProcess,
  jestWorkerProcess,
  bareLoop,
  forkJson,
  forkAdvanced,
  piscina,
  tinypoolThread,
  workerpoolThread,
  poolifierThread,
  jestWorkerThread,
  atomics,
];

export const processPools = contenders.filter(
  ({ name, isolation, kind }) => isolation === 'process' && kind === 'pool' && name !== 'mayfly',
);

export function contenderNamed(name: string): Contender {
  const found = contenders.find((contender) => contender.name === name);
  if (found === undefined) throw new Error(`Expected a contender, got ${name}`);
  return found;
}
