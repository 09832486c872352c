// The pool without the trainer: a hand-written MIL program, compiled, run, its worker killed under it, run again.
import { createPool, type Tensor } from '@mayfly/core';
import { exampleOptions } from '../example-options.js';

const { runs, json } = exampleOptions('Runs a hand-written MIL program while its worker is killed.', {
  runs: 2000,
  json: false,
});

/** y = softmax(x · xᵀ / 8) · x for x of 64 rows and 128 columns. */
const text = `program(1.3)
[buildInfo = dict<string, string>({{"coremlc-version", "3505.4.1"}})]
{
    func main<ios18>(tensor<fp16, [1, 64, 128]> x) {
        bool no = const()[name = string("no"), val = bool(false)];
        bool yes = const()[name = string("yes"), val = bool(true)];
        fp16 scale = const()[name = string("scale"), val = fp16(0.125)];
        int32 last = const()[name = string("last"), val = int32(-1)];
        tensor<fp16, [1, 64, 64]> product = matmul(x = x, y = x, transpose_x = no, transpose_y = yes)[name = string("product")];
        tensor<fp16, [1, 64, 64]> scores = mul(x = product, y = scale)[name = string("scores")];
        tensor<fp16, [1, 64, 64]> weights = softmax(x = scores, axis = last)[name = string("weights")];
        tensor<fp16, [1, 64, 128]> y = matmul(x = weights, y = x, transpose_x = no, transpose_y = no)[name = string("y")];
    } -> (y);
}
`;

const say = (line: string) => (json ? undefined : process.stdout.write(`${line}\n`));

await using pool = await createPool({ workers: 1, standby: 1, arenaBytes: 2 ** 20 });
say(`device ${pool.device}: ${pool.deviceReason}`);
pool.on('workerExit', ({ worker, signal, expected }) => {
  if (!expected) say(`worker ${worker} was ended by ${signal}`);
});
pool.on('compile', ({ kernel, worker, ms }) => say(`${kernel} compiled on worker ${worker} in ${ms.toFixed(1)} ms`));

const attention = await pool.compile({ name: 'attention', text });
const x: Tensor<'fp16'> = pool.arena.tensor('fp16', [1, 64, 128]);
const y: Tensor<'fp16'> = pool.arena.tensor('fp16', [1, 64, 128]);
x.set(Array.from({ length: x.elements }, (_, index) => ((index * 7) % 5 === 0 ? 1 : 0.25)));

await attention.run(x, y);
const bits = y.bits();
const expected = Uint16Array.from(bits);

const start = performance.now();
let different = 0;
for (let run = 1; run <= runs; run++) {
  const done = attention.run(x, y);
  if (run === Math.ceil(runs / 2)) {
    const serving = pool.stats().workers.find(({ state }) => state === 'serving')!;
    say(`killing worker ${serving.id} (pid ${serving.pid}) with run ${run} under way`);
    process.kill(serving.pid, 'SIGKILL');
  }
  await done;
  if (!bits.every((each, index) => each === expected[index])) different += 1;
}
const microseconds = (1000 * (performance.now() - start)) / runs;

const { deaths, compilations, workersStarted } = pool.stats();
const result = { runs, different, deaths, compilations, workersStarted, microsecondsPerRun: Math.round(microseconds) };
if (json) process.stdout.write(`${JSON.stringify(result)}\n`);
else {
  say(`${runs} runs, ${different} with another result, ${microseconds.toFixed(0)} µs each with the death in between`);
  say(`${deaths} worker died, ${workersStarted} were started, the program was compiled ${compilations} times`);
}
process.exitCode = different === 0 ? 0 : 1;
