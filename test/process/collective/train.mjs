// A rank that runs trainings one after the other, and says how each ended. Argument: a list of them, as JSON.
import promises from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import { basename, join } from 'node:path';
import { createTrainer, openCollective } from '@mayfly/core';

/** Tokens of which the targets of some windows alone count; a disk that fails on one rank, in training. */
function partlyCounted({ window, counted, every, failsOn }, rank) {
  const length = 40 * window + 1;
  return {
    ...{ source: 'made', length, close() {}, [Symbol.dispose]() {} },
    read: (offset, target) => {
      if (failsOn === rank && offset === 4 * window && target.length === window + 1)
        throw new Error('the disk is gone');
      for (let index = 0; index < target.length; index++) target[index] = ((offset + index) * 7) % 251;
    },
    readMarks: (offset, target) => {
      for (let index = 0; index < target.length; index++) {
        // Marks are those of targets, one behind the inputs.
        const of = Math.floor((offset + index - 1) / window);
        target[index] = of % every === counted ? 0 : 1;
      }
    },
  };
}

/** A machine that has another folder of the same name, or that fails when it writes a part. */
function disturbParts({ elsewhere, killedAfter }) {
  const { open, rm } = promises;
  const placed = (path) => (elsewhere && path.endsWith('.part') ? join(elsewhere, basename(path)) : path);
  let begun = 0;
  promises.open = (path, flags, ...rest) => {
    if (path.endsWith('.part') && flags === 'r+' && ++begun === killedAfter) process.kill(process.pid, 'SIGKILL');
    return open(placed(path), flags, ...rest);
  };
  promises.rm = (path, ...rest) => rm(placed(path), ...rest);
  syncBuiltinESMExports();
}

async function outcome({ options, byRank = {}, counted, stop, parts, machines, refusesLater }, collective) {
  const { rank } = collective;
  Object.assign(process.env, machines?.[rank]);
  const controller = new AbortController();
  const records = [];
  if (parts?.rank === rank) disturbParts(parts);
  const data = counted && partlyCounted(counted, rank);
  let trainer = null;
  try {
    trainer = await createTrainer({ ...options, ...byRank[rank], ...(data && { data }), collective });
    for await (const { step, loss, gradNorm, skipped, lossScale } of trainer.steps({ signal: controller.signal })) {
      records.push({ step, loss, gradNorm, skipped, lossScale });
      if (stop?.rank === rank && stop.step === step) controller.abort();
      if (refusesLater?.rank !== rank || refusesLater.step !== step) continue;
      process.env.MAYFLY_SIM_FAULTS = JSON.stringify({ refuse: [refusesLater.refuse] });
      await trainer.pool.recycle();
    }
    const { lastStep, lossesSha256, paramsSha256, reason, best, exchange } = trainer.summary();
    const ended = { step: lastStep, losses: lossesSha256, parameters: paramsSha256 };
    return {
      ended,
      reason,
      records,
      best: best?.crossEntropy,
      sent: exchange?.sentBytesPerStep,
      form: trainer.form.variants,
    };
  } catch (error) {
    return { error: { code: error.code, message: error.message }, records, form: trainer?.form.variants };
  } finally {
    await trainer?.close();
  }
}

const collective = await openCollective({ timeoutMs: 60_000 });
const { rank } = collective;
for (const [index, training] of JSON.parse(process.argv[2]).entries()) {
  process.stdout.write(`${JSON.stringify({ rank, index, ...(await outcome(training, collective)) })}\n`);
}
await collective.close();
