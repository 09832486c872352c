// One model trained by several processes that MPI connects, and the same steps in one process: the bits are equal.
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { createTrainer, openCollective, TokenArray } from '@mayfly/core';
import { exampleOptions } from '../example-options.js';
import { launcher } from './launcher.js';

const { ranks, steps, json } = exampleOptions('Trains one model in several processes, and once more in one.', {
  ranks: 2,
  steps: 40,
  json: false,
});
const program = fileURLToPath(import.meta.url);
const say = (line: string) => (json ? undefined : process.stdout.write(`${line}\n`));

// The ranks that a launcher started; without one, this process alone.
await using group = await openCollective();
if (group.size === 1) await start();
else await trainAsRank();

/** Starts this program once more in every rank. */
async function start(): Promise<void> {
  const found = launcher();
  if (found === null) {
    const why = 'needs mpirun of Open MPI or MPICH (apt-get install openmpi-bin, brew install open-mpi)';
    process.stdout.write(json ? `${JSON.stringify({ skipped: why })}\n` : `skipped: ${why}\n`);
    return;
  }
  say(`${ranks} ranks by ${found.command.join(' ')}`);
  const [command, ...words] = [...found.command, '-n', `${ranks}`, process.execPath, program, ...process.argv.slice(2)];
  const { status } = spawnSync(command!, words, { stdio: ['ignore', 'inherit', 'inherit'], env: found.env });
  process.exitCode = status ?? 1;
}

/** Every rank takes one pass of each step. Then rank 0 takes all of them by itself. */
async function trainAsRank(): Promise<void> {
  const together = await train({ collective: group });
  if (group.rank !== 0) return;
  const alone = await train({ accumulate: group.size });
  const same = together.paramsSha256 === alone.paramsSha256 && together.lossesSha256 === alone.lossesSha256;
  const { sentBytesPerStep = 0, hiddenShare = 0 } = together.exchange ?? {};
  if (json) {
    const { loss } = together;
    process.stdout.write(`${JSON.stringify({ ranks: group.size, loss, sentBytesPerStep, hiddenShare, same })}\n`);
  } else {
    say(`${group.size} ranks     loss ${together.loss!.toFixed(6)}, ${together.msPerStep.toFixed(1)} ms a step`);
    say(`one process loss ${alone.loss!.toFixed(6)}, ${alone.msPerStep.toFixed(1)} ms a step`);
    say(
      `each rank sent ${Math.round(sentBytesPerStep)} bytes a step, ${(100 * hiddenShare).toFixed(0)} % of the time beside other work`,
    );
    say(same ? 'the same bits' : 'OTHER BITS');
  }
  process.exitCode = same ? 0 : 1;
}

async function train(how: Parameters<typeof createTrainer>[0]) {
  const text = Buffer.from(Array.from({ length: 2000 }, (_, n) => `${n} squared is ${n * n}\n`).join(''));
  await using trainer = await createTrainer({
    ...{ model: 'tiny', data: new TokenArray(text, 'squares'), batch: 4, seq: 64, lr: 3e-3, steps },
    ...{ pool: { threads: 1 }, ...how },
  });
  return await trainer.train();
}
