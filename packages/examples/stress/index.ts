// Static weights and a small compile budget: workers retire all the time. Fails where that costs memory, files or processes.
import { createTrainer, type ModelConfig, TokenArray } from '@mayfly/core';
import { exampleOptions } from '../example-options.js';
import { childProcesses } from './child-processes.js';
import { openDescriptors, ResourceLog, resources } from './resource-log.js';

const { steps, workers, standby, json, ...rest } = exampleOptions('Trains with workers that retire all the time.', {
  steps: 2000,
  'retire-after': 100,
  workers: 1,
  standby: 1,
  json: false,
});
/** All code that the run will need is compiled by then. */
const WARM_UP = Math.ceil(0.4 * steps);
/** Resources are compared over windows of so many steps, since a retirement in progress holds two workers' worth. */
const WINDOW = Math.ceil(steps / 10);

const config: ModelConfig = {
  ...{ dim: 32, hidden: 96, layers: 2, heads: 4, kvHeads: 2, headDim: 8, vocab: 256, sequence: 64 },
  ...{ eps: 1e-5, ropeBase: 10_000, ropePairing: 'interleaved', tiedHead: true },
};
const text = Buffer.from(Array.from({ length: 5000 }, (_, n) => `${n} squared is ${n * n}\n`).join(''));
const say = (line: string) => (json ? undefined : process.stdout.write(`${line}\n`));

const descriptorsBefore = openDescriptors();
const log = new ResourceLog();
const trainer = await createTrainer({
  model: { ...config, name: 'stress' },
  data: new TokenArray(text, 'generated text'),
  ...{ weights: 'static', batch: 2, seq: 64, lr: 3e-3, steps },
  pool: { workers, standby, budget: { compilations: rest['retire-after'] } },
});
trainer.pool.on('workerRetire', ({ worker, compilations }) =>
  say(`worker ${worker} retires after ${compilations} compilations`),
);

for await (const { step, loss } of trainer.steps()) {
  if ((step > WARM_UP && step <= WARM_UP + WINDOW) || step > steps - WINDOW)
    await log.sample(step <= WARM_UP + WINDOW ? 'start' : 'end');
  if (step % Math.ceil(steps / 20) === 0) {
    const { retirements } = trainer.pool.stats();
    const { residentBytes, descriptors } = await resources();
    const used = `${(residentBytes / 1e6).toFixed(1)} MB, ${descriptors} descriptors`;
    say(`step ${step}/${steps}  loss ${loss.toFixed(4)}  ${retirements} retired  ${used}`);
  }
}
const summary = trainer.summary();
const { stalledMs, waitedForWorkersMs } = trainer.pool.stats();
await trainer.close();

const left = childProcesses();
const descriptorsAfter = openDescriptors();
const [start, end] = [log.typical('start'), log.typical('end')];
const leaks = [
  ...(end.residentBytes > 1.05 * start.residentBytes ? ['resident memory grew'] : []),
  ...(end.descriptors > 1.05 * start.descriptors ? ['open descriptors grew'] : []),
  ...(descriptorsAfter > descriptorsBefore + 2
    ? [`${descriptorsAfter - descriptorsBefore} descriptors were left open`]
    : []),
  ...(left.length > 0 ? [`${left.length} processes were left`] : []),
];
const result = {
  ...{
    steps,
    loss: summary.loss,
    wallMs: summary.wallMs,
    msPerStep: summary.msPerStep,
    compilations: summary.compilations,
  },
  ...{ workersUsed: summary.workersUsed, retirements: summary.retirements, deaths: summary.workerDeaths },
  ...{ stalledMs, waitedForWorkersMs, start, end, leaks },
};
if (json) process.stdout.write(`${JSON.stringify(result)}\n`);
else {
  const megabytes = (bytes: number) => (bytes / 1e6).toFixed(1);
  const stalls = Object.entries(stalledMs).map(([reason, ms]) => `${reason} ${ms.toFixed(0)} ms`);
  say(
    `${steps} steps in ${(summary.wallMs / 1000).toFixed(1)} s, ${summary.msPerStep.toFixed(1)} ms each, last loss ${summary.loss?.toFixed(4)}`,
  );
  say(
    `${summary.retirements} retirements, ${summary.workersUsed} workers, ${summary.compilations} compilations, ${summary.workerDeaths} deaths`,
  );
  say(
    `kernels had work and no place for it: ${stalls.join(', ')}; compilations waited ${waitedForWorkersMs.toFixed(0)} ms for workers`,
  );
  say(
    `resident memory ${megabytes(start.residentBytes)} MB after warm-up, ${megabytes(end.residentBytes)} MB at the end`,
  );
  say(
    `open descriptors ${start.descriptors} after warm-up, ${end.descriptors} at the end, ${descriptorsAfter} after closing (${descriptorsBefore} before)`,
  );
  say(leaks.length === 0 ? 'nothing leaked' : `LEAK: ${leaks.join('; ')}`);
}
process.exitCode = leaks.length === 0 ? 0 : 1;
