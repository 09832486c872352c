// A rank that runs trainings one after the other, and says how each ended. Argument: a list of them, as JSON.
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

async function outcome({ options, byRank = {}, counted, stop }, collective) {
  const { rank } = collective;
  const controller = new AbortController();
  const records = [];
  const data = counted && partlyCounted(counted, rank);
  let trainer = null;
  try {
    trainer = await createTrainer({ ...options, ...byRank[rank], ...(data && { data }), collective });
    for await (const { step, loss, gradNorm, skipped, lossScale } of trainer.steps({ signal: controller.signal })) {
      records.push({ step, loss, gradNorm, skipped, lossScale });
      if (stop?.rank === rank && stop.step === step) controller.abort();
    }
    const { lastStep, lossesSha256, paramsSha256, reason, best } = trainer.summary();
    const ended = { step: lastStep, losses: lossesSha256, parameters: paramsSha256 };
    return { ended, reason, records, best: best?.crossEntropy };
  } catch (error) {
    return { error: { code: error.code, message: error.message }, records };
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
