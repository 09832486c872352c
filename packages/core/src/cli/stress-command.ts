import type { Precision } from '@mayfly/native';
import type { Command } from 'commander';
import { uniformInt } from 'pure-rand/distribution/uniformInt';
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus';
import { whole } from '../check.js';
import { TokenArray } from '../data/token-stream.js';
import { weightsOption } from '../inference/shared-options.js';
import { openReporter } from '../observe/open-reporter.js';
import { createPool } from '../pool/pool.js';
import { poolOptions, timeoutOptions } from '../pool/pool-options.js';
import { type Chaos, chaosRule } from '../pool/worker/chaos-transport.js';
import { createTrainer } from '../train/create-trainer.js';
import { trainOptions } from '../train/options.js';
import { addOptions, type CommandFlags, jsonOption, optionsFrom } from './command-options.js';
import { Interruption, outliveOutput } from './interruption.js';

interface StressFlags {
  readonly steps?: number;
  readonly chaos?: Partial<Chaos>;
  readonly chaosSeed?: number;
  readonly seed?: number;
  readonly weights?: 'dynamic' | 'static';
  readonly workers?: number;
  readonly standby?: number;
  readonly retireAfter?: number;
  readonly deadline?: number;
  readonly device?: string;
  readonly precision?: Precision | 'auto';
  readonly json?: boolean;
}

const WORDS = 12_000;
const VOCABULARY = 256;

/**
 * The text that is trained on. It never changes, so that hashes of different versions can be compared: words of 1 to 8 letters in an
 * order from a fixed seed, of which each is followed by one of four others, so that there is something to learn.
 */
function stressText(): Uint8Array {
  const random = xoroshiro128plus(20_261_128);
  const draw = (below: number) => uniformInt(random, 0, below - 1);
  const letters = (count: number) => String.fromCharCode(...Array.from({ length: count }, () => 97 + draw(26)));
  const words = Array.from({ length: VOCABULARY }, () => letters(1 + draw(8)));
  let word = 0;
  const text = Array.from({ length: WORDS }, () => {
    word = (5 * word + 1 + draw(4)) % VOCABULARY;
    return words[word];
  });
  return Buffer.from(text.join(' '));
}

const notes = `
The closing line has params_sha256 and losses_sha256: they are those of a run without faults, for any --chaos,
--chaos-seed, --workers and --retire-after.

Examples:
  $ mayfly stress --steps 200 --json
  $ mayfly stress --steps 200 --chaos kill=0.01,crash=0.01,hang=0.001 --chaos-seed 7 --json
  $ mayfly stress --steps 200 --weights static --retire-after 20 --workers 2 --chaos kill=0.01,limit=0.01`;

/** Commander's heading for options. */
const group = 'Options:';

/** The options of `mayfly stress`. */
export const stressCommandOptions = {
  steps: { ...trainOptions.steps, default: 200, help: 'steps of training', group },
  chaos: {
    ...{ rule: chaosRule, defaultText: 'none', flag: '--chaos <list>' },
    help: 'kill=P,hang=P,crash=P per dispatch, limit=P per compilation',
  },
  chaosSeed: { rule: whole(0), default: 1, flag: '--chaos-seed <n>', help: 'seed of the faults' },
  seed: { ...trainOptions.seed, help: 'seed of the model and the order of its data', group },
  weights: weightsOption,
  workers: poolOptions.workers,
  standby: poolOptions.standby,
  retireAfter: { ...poolOptions.budget.members!.compilations!, group },
  deadline: {
    ...{ rule: timeoutOptions.dispatchMs.rule, default: 2000, flag: '--deadline <ms>' },
    help: 'milliseconds after which a worker that does not answer is killed',
  },
  device: poolOptions.device,
  precision: poolOptions.precision,
  json: jsonOption('one JSON object per line on stdout, nothing else'),
};

/** `mayfly stress`. */
export function addStressCommand(program: Command): void {
  const command = program
    .command('stress')
    .description(
      'Train a small model while its workers are killed, stopped, crashed and refused; print hashes of the result',
    )
    .addHelpText('after', notes);
  addOptions(command, stressCommandOptions).action(stress);
}

async function stress(given: CommandFlags): Promise<void> {
  const { json = false, ...flags } = optionsFrom<StressFlags>(stressCommandOptions, given);
  const { steps = 200, chaos = {}, chaosSeed = 1, seed = 0, weights = 'dynamic' } = flags;
  const { workers = 1, standby = 1, retireAfter = 100, deadline = 2000, device, precision } = flags;
  outliveOutput();
  using reporter = openReporter(process.stdout, { json });

  const model = 'tiny';
  await using pool = await createPool({
    device,
    precision,
    workers,
    standby,
    budget: { compilations: retireAfter },
    timeouts: { dispatchMs: deadline, compileMs: deadline },
    // Faults are injected on purpose: never give up.
    attempts: Number.MAX_SAFE_INTEGER,
    pacing: { backoffMs: 0, maxDeaths: Number.MAX_SAFE_INTEGER },
    chaos: { faults: chaos, seed: chaosSeed },
  });
  const faults = { kill: 0, hang: 0, crash: 0, limit: 0 };
  pool.on('fault', ({ fault }) => {
    faults[fault] += 1;
  });
  const stream = new TokenArray(stressText(), 'generated text');
  const options = { model, weights, batch: 2, seq: 32, steps, seed, lr: 1e-3 };
  await using trainer = await createTrainer({ ...options, data: stream, pool });
  // Until here a signal ends the command at once.
  using interruption = new Interruption((signal) =>
    reporter.record('interrupt', { signal }, `${signal}: finishing the step`),
  );
  reporter.start(trainer);
  const summary = await trainer.train({ signal: interruption.signal });
  const counts = Object.entries(faults).map(([fault, times]) => `${fault} ${times}`);
  reporter.record('faults', faults, `faults injected: ${counts.join(', ')}`);
  reporter.record('hashes', {}, `parameters ${summary.paramsSha256}\nlosses     ${summary.lossesSha256}`);
  reporter.done(summary);
  if (interruption.exitCode !== null) process.exitCode = interruption.exitCode;
}
