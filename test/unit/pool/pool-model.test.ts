import fc from 'fast-check';
import { expect, test } from 'vitest';
import { resolvePacing } from '../../../packages/core/src/pool/governor.js';
import { Pool } from '../../../packages/core/src/pool/pool.js';
import { resolvePoolOptions } from '../../../packages/core/src/pool/pool-options.js';
import type { Kernel } from '../../../packages/core/src/pool/types.js';
import { SimulatedWorkers } from './simulated-workers.js';

/** `MAYFLY_POOL_SCHEDULES=100000 npx vitest run unit/pool` searches longer. */
const SCHEDULES = Number(process.env.MAYFLY_POOL_SCHEDULES ?? 1000);

const kernelIndex = fc.nat(3);
const workerIndex = fc.nat(7);
const command = fc.oneof(
  { weight: 8, arbitrary: fc.record({ type: fc.constant('step' as const), worker: workerIndex }) },
  { weight: 6, arbitrary: fc.record({ type: fc.constant('run' as const), kernel: kernelIndex }) },
  { weight: 3, arbitrary: fc.record({ type: fc.constant('update' as const), kernel: kernelIndex }) },
  {
    weight: 2,
    arbitrary: fc.record({
      type: fc.constant('kill' as const),
      worker: workerIndex,
      code: fc.constantFrom(null, 0, 3),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      type: fc.constant('fault' as const),
      worker: workerIndex,
      kind: fc.constantFrom('dispatch' as const, 'compile' as const),
    }),
  },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('compile' as const) }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('abort' as const), run: fc.nat(20) }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('dispose' as const), kernel: kernelIndex }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('rotate' as const) }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('yield' as const) }) },
);
const schedule = fc.record({
  workers: fc.integer({ min: 1, max: 3 }),
  standby: fc.integer({ min: 0, max: 2 }),
  compilations: fc.integer({ min: 4, max: 9 }),
  evaluations: fc.constantFrom(Number.POSITIVE_INFINITY, 3, 7),
  commands: fc.array(command, { maxLength: 60 }),
  ending: fc.constantFrom('close' as const, 'destroy' as const),
});

interface Call {
  readonly output: number;
  readonly weight: number;
  readonly abort: AbortController;
  outcomes: string[];
}

async function follow({
  workers,
  standby,
  compilations,
  evaluations,
  commands,
  ending,
}: typeof schedule extends fc.Arbitrary<infer T> ? T : never) {
  const simulated = new SimulatedWorkers();
  const budget = { compilations, evaluations };
  const pacing = { ...resolvePacing('cpu'), backoffMs: 0, maxDeaths: Number.POSITIVE_INFINITY };
  const options = resolvePoolOptions({
    workers,
    standby,
    budget,
    pacing,
    attempts: Number.MAX_SAFE_INTEGER,
    arenaBytes: 2 ** 20,
  });
  const pool = new Pool(options, simulated.transport);
  const opened = pool.open();
  await simulated.settle();
  await opened;

  const kernels: { kernel: Kernel; weight: number; disposed: boolean }[] = [];
  const calls: Call[] = [];
  const updates: Promise<string>[] = [];
  const input = pool.arena.tensor('fp32', [1]);
  let weights = 0;
  const blob = () => ({ w: new Uint8Array([++weights % 256]) });
  const outcome = (promise: Promise<unknown>) =>
    promise.then(
      () => 'ok',
      (error: Error & { code?: string }) => error.code ?? error.message,
    );
  const compile = async () => {
    const compiled = pool.compile({ text: '', weights: blob() });
    const weight = weights;
    await simulated.settle();
    kernels.push({ kernel: await compiled, weight, disposed: false });
  };
  await compile();

  for (const step of commands) {
    if (step.type === 'step') simulated.alive[step.worker % Math.max(simulated.alive.length, 1)]?.step();
    else if (step.type === 'kill')
      simulated.alive[step.worker % Math.max(simulated.alive.length, 1)]?.die(
        step.code,
        step.code === null ? 'SIGKILL' : null,
      );
    else if (step.type === 'fault') {
      const worker = simulated.alive[step.worker % Math.max(simulated.alive.length, 1)];
      if (worker !== undefined) worker.fault = step.kind;
    } else if (step.type === 'yield') await new Promise<void>((resolve) => setImmediate(resolve));
    else if (step.type === 'rotate') pool.rotate();
    else if (step.type === 'abort')
      calls[step.run]?.abort.abort(Object.assign(new Error('given up'), { code: 'GIVEN_UP' }));
    else if (step.type === 'compile') {
      if (kernels.length < 4) await compile();
    } else {
      const entry = kernels[step.kernel % kernels.length]!;
      if (step.type === 'dispose') {
        if (kernels.length > 1) {
          entry.disposed = true;
          await entry.kernel.dispose();
        }
      } else if (!entry.disposed && step.type === 'run') {
        const output = pool.arena.tensor('fp32', [1]);
        const call: Call = { output: output.offset, weight: entry.weight, abort: new AbortController(), outcomes: [] };
        calls.push(call);
        void outcome(entry.kernel.run(input, output, { signal: call.abort.signal })).then((end) =>
          call.outcomes.push(end),
        );
      } else if (!entry.disposed && step.type === 'update') {
        updates.push(outcome(entry.kernel.update(blob())));
        entry.weight = weights;
      }
    }
  }

  const ended = ending === 'close' ? pool.close() : pool.destroy();
  await simulated.settle();
  await ended;
  const refused = await outcome(kernels[0]!.kernel.run(input, input));

  for (const call of calls) {
    expect(call.outcomes, 'a call settles exactly once').toHaveLength(1);
    const [end] = call.outcomes;
    if (end === 'ok') {
      const seen = simulated.seen.get(call.output) ?? [];
      expect(new Set(seen), 'a run sees the weights of its call and no others').toEqual(new Set([call.weight % 256]));
    } else expect(['GIVEN_UP', 'ERR_KERNEL_DISPOSED', 'ERR_POOL_CLOSED']).toContain(end);
    if (ending === 'close') expect(end).not.toBe('ERR_POOL_CLOSED');
  }
  expect(
    (await Promise.all(updates)).every((end) => ['ok', 'ERR_KERNEL_DISPOSED', 'ERR_POOL_CLOSED'].includes(end)),
  ).toBe(true);
  expect(['ERR_POOL_CLOSED', 'ERR_KERNEL_DISPOSED']).toContain(refused);
  expect(simulated.alive, 'no worker outlives the pool').toHaveLength(0);
  expect(simulated.mostAlive, 'live workers are bounded').toBeLessThanOrEqual(2 * workers + standby + 2);
}

test(`any schedule of calls, updates, deaths and retirements keeps the pool's promises (${SCHEDULES} schedules)`, async () => {
  await fc.assert(fc.asyncProperty(schedule, follow), {
    numRuns: SCHEDULES,
    seed: Number(process.env.MAYFLY_POOL_SEED ?? 20_26),
    endOnFailure: false,
  });
}, 600_000);
