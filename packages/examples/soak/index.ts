// One pool, thousands of retirements and crashes: what stays behind in the process that lives on?
import { readdirSync } from 'node:fs';
import { createPool } from '@mayfly/core';
import { exampleOptions } from '../example-options.js';
import { childProcesses } from '../stress/child-processes.js';
import { collectGarbage, openDescriptors, ResourceLog, resources } from '../stress/resource-log.js';
import { liveObjects } from './live-objects.js';

const { retirements, crashes, rows, json } = exampleOptions(
  'Retires and crashes workers, and watches what they leave.',
  {
    retirements: 10_000,
    crashes: 1_000,
    rows: 40,
    json: false,
  },
);
const cycles = retirements + crashes;
const crashEvery = crashes === 0 ? Number.POSITIVE_INFINITY : Math.ceil(cycles / crashes);
const program = `program(1.3)
[buildInfo = dict<string, string>({{"coremlc-version", "3505.4.1"}})]
{
    func main<ios18>(tensor<fp32, [1, 64]> x) {
        fp32 three = const()[name = string("three"), val = fp32(3)];
        tensor<fp32, [1, 64]> y = mul(x = x, y = three)[name = string("y")];
    } -> (y);
}
`;
const sharedMemory = () =>
  process.platform === 'linux' ? readdirSync('/dev/shm').filter((name) => name.includes('mayfly')).length : 0;
const say = (fields: object, text: string) => process.stdout.write(json ? `${JSON.stringify(fields)}\n` : `${text}\n`);

// libuv opens its pipe for signals with the first child and keeps it.
await (await createPool({ arenaBytes: 4096 })).close();
const before = { objects: 0, descriptors: openDescriptors(), sharedMemory: sharedMemory() };
const pool = await createPool({ arenaBytes: 2 ** 20 });
const kernel = await pool.compile({ name: 'triple', text: program });
const [x, y] = [pool.arena.tensor('fp32', [1, 64]), pool.arena.tensor('fp32', [1, 64])];
x.array().fill(2);

const log = new ResourceLog();
/** V8 has compiled what it will, and its threads hold what their largest compilation took. */
const warmUp = Math.max(1, Math.floor(cycles / 5));
/** Cycles of which the middle value counts: a retirement in progress holds more for a moment. */
const window = Math.min(50, warmUp);
let [retired, crashed] = [0, 0];
say({}, 'cycle      retired  crashed  resident   collected  descriptors');
for (let cycle = 1; cycle <= cycles; cycle++) {
  const exited = new Promise<void>((resolve) => pool.once('workerExit', () => resolve()));
  if (crashed < crashes && cycle % crashEvery === 0) {
    crashed += 1;
    const { workers, kernels } = pool.stats();
    process.kill(workers.find(({ id }) => id === kernels[0]!.worker)!.pid, 'SIGSEGV');
  } else {
    retired += 1;
    void pool.recycle();
  }
  y.array().fill(0);
  await kernel.run(x, y);
  if (y.array()[63] !== 6) throw new Error(`Expected 6 after cycle ${cycle}, got ${y.array()[63]}`);
  await exited;
  if (cycle >= warmUp && cycle < warmUp + window) await log.sample('start');
  if (cycle > cycles - window) await log.sample('end');
  if (cycle % Math.ceil(cycles / rows) === 0) {
    const residentBytes = process.memoryUsage.rss();
    const { residentBytes: collectedBytes, descriptors } = await resources();
    const megabytes = [residentBytes, collectedBytes].map((bytes) => `${(bytes / 1e6).toFixed(1)} MB`.padEnd(10));
    const columns = [String(cycle).padEnd(10), String(retired).padEnd(8), String(crashed).padEnd(8), ...megabytes];
    say({ cycle, retired, crashed, residentBytes, collectedBytes }, `${columns.join(' ')} ${descriptors}`);
  }
}
// There is one of each for each worker that is there.
const objects = await liveObjects(['WorkerProcess', 'ControlChannel', 'InFlight', 'StderrTail']);
const { workers, workersStarted } = pool.stats();
await pool.close();
// The arena is unmapped when its last view was collected.
await collectGarbage();
await new Promise((resolve) => setImmediate(resolve));

const [start, end] = [log.typical('start'), log.typical('end')];
const after = {
  descriptors: openDescriptors(),
  sharedMemory: sharedMemory(),
  objects: Math.max(...Object.values(objects).map((count) => count - workers.length)),
  processes: childProcesses().length,
};
const growth = end.residentBytes / start.residentBytes - 1;
const leaks = [
  ...(growth > 0.05 ? ['resident memory grew'] : []),
  ...(after.descriptors > before.descriptors ? [`${after.descriptors - before.descriptors} descriptors left`] : []),
  ...(after.sharedMemory > before.sharedMemory ? ['shared memory left'] : []),
  ...(after.objects > 0 ? [`objects of workers that are gone: ${JSON.stringify(objects)} for ${workers.length}`] : []),
  ...(after.processes > 0 ? [`${after.processes} processes left`] : []),
];
say(
  { retired, crashed, growth, before, after, leaks },
  `${retired} retirements, ${crashed} crashes, ${workersStarted} workers: resident memory ${(growth * 100).toFixed(1)} % over its value after warm-up, ` +
    `${after.descriptors - before.descriptors} descriptors, ${after.processes} processes, ${after.sharedMemory - before.sharedMemory} shared-memory objects left` +
    (leaks.length === 0 ? '' : `\nLEAK: ${leaks.join('; ')}`),
);
process.exitCode = leaks.length === 0 ? 0 : 1;
