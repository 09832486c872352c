import { invalidArgument, type Precision } from '@mayfly/native';
import type { Command } from 'commander';
import { uniformInt } from 'pure-rand/distribution/uniformInt';
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus';
import { milliseconds, text, whole } from '../check.js';
import type { Collective } from '../collective/collective.js';
import { findLaunch } from '../collective/launcher.js';
import { optionWords } from '../command-line.js';
import { TokenArray } from '../data/token-stream.js';
import { weightsOption } from '../inference/shared-options.js';
import type { MpiName } from '../launch/mpi.js';
import { type RankFaults, rankFaultsRule } from '../launch/rank-faults.js';
import { openReporter } from '../observe/open-reporter.js';
import { createPool } from '../pool/pool.js';
import { poolOptions, timeoutOptions } from '../pool/pool-options.js';
import { type Chaos, chaosRule } from '../pool/worker/chaos-transport.js';
import { createTrainer } from '../train/create-trainer.js';
import { trainOptions } from '../train/options.js';
import { Ranks } from '../train/ranks.js';
import { addOptions, type CommandFlags, type JsonFlag, jsonOption, mpiOption, optionsFrom } from './command-options.js';
import { Interruption, outliveOutput } from './interruption.js';
import { onRanks } from './on-ranks.js';
import { type RankStress, stressRanks } from './stress-ranks.js';

/** What `mayfly stress` is told. */
export interface StressFlags extends JsonFlag {
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
  readonly ranks?: number | undefined;
  readonly rankFaults?: Partial<RankFaults>;
  readonly rankTimeout?: number;
  readonly mpi?: MpiName;
  readonly out?: string;
  readonly checkpointEvery?: number;
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

With --ranks the run takes place twice by mayfly launch, undisturbed, and with --chaos in every rank and --rank-faults: ranks are killed, and
the run goes on from its last checkpoint; or they are stopped for a moment, or for good, until --rank-timeout finds them. Only processes that
this command has started get signals. The exit code is 0 if losses and parameters have the same bits, else 1.

Examples:
  $ mayfly stress --steps 200 --json
  $ mayfly stress --steps 200 --chaos kill=0.01,crash=0.01,hang=0.001 --chaos-seed 7 --json
  $ mayfly stress --steps 200 --weights static --retire-after 20 --workers 2 --chaos kill=0.01,limit=0.01
  $ mayfly stress --steps 2000 --ranks 4 --chaos kill=0.001 --rank-faults kill=5,stop=20,hang=2`;

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
  ranks: {
    ...{ rule: whole(2, 64), defaultText: 'this process alone', flag: '--ranks <n>' },
    help: 'train on several ranks, undisturbed and disturbed, and compare',
  },
  rankFaults: {
    ...{ rule: rankFaultsRule, defaultText: 'kill=1,stop=2', flag: '--rank-faults <list>' },
    help: 'with --ranks, how many are disturbed: kill=N,stop=N,hang=N',
  },
  rankTimeout: {
    ...{ rule: milliseconds(1, { orNever: true }), default: 30_000, flag: '--rank-timeout <ms>' },
    help: 'after which a rank that does not take part ends the ranks',
  },
  mpi: mpiOption,
  out: {
    ...{ rule: text, defaultText: 'no checkpoints', flag: '--out <dir>' },
    help: 'folder of checkpoints, from the last of which it goes on',
  },
  checkpointEvery: { ...trainOptions.checkpointEvery, default: 10, group },
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
  const flags = optionsFrom<StressFlags>(stressCommandOptions, given);
  const { ranks, rankFaults, mpi, rankTimeout = 30_000 } = flags;
  if (ranks !== undefined) {
    await stressRanks(rankStress(flags, ranks));
    return;
  }
  if (rankFaults !== undefined) throw invalidArgument('--rank-faults', 'given with --ranks', 'no --ranks');
  if (mpi !== undefined) throw invalidArgument('--mpi', 'given with --ranks', 'no --ranks');
  await onRanks(rankTimeout, (collective) => stressOn(collective, flags));
}

/** The command of a stress run, as words. */
export const stressWords = ({ chaos, ...flags }: StressFlags): string[] => [
  'stress',
  ...optionWords(stressCommandOptions, flags),
  ...(chaos === undefined
    ? []
    : [
        '--chaos',
        Object.entries(chaos)
          .map((each) => each.join('='))
          .join(','),
      ]),
];

function rankStress({ rankFaults, mpi, out, chaos, json = false, ...flags }: StressFlags, ranks: number): RankStress {
  if (out !== undefined) throw invalidArgument('--out', 'left out with --ranks, which takes a folder of its own', out);
  if (findLaunch(process.env) !== null)
    throw invalidArgument('--ranks', 'left out where a launcher has started the ranks', ranks);
  const { steps = 200, chaosSeed = 1 } = flags;
  const own = { ...flags, ranks: undefined, json: true };
  return {
    ...{ ranks, steps, mpi, seed: chaosSeed, json },
    faults: rankFaults ?? { kill: 1, stop: 2 },
    calm: stressWords(own),
    hard: (folder) => stressWords({ ...own, out: folder, ...(chaos && { chaos }) }),
  };
}

/** One rank of a stress run, or all of it. */
async function stressOn(collective: Collective, { json = false, ...flags }: StressFlags): Promise<void> {
  const { steps = 200, chaos = {}, chaosSeed = 1, seed = 0, weights = 'dynamic', out, checkpointEvery = 10 } = flags;
  const { workers = 1, standby = 1, retireAfter = 100, deadline = 2000, device, precision } = flags;
  const ranks = new Ranks(collective);
  outliveOutput();
  using reporter = ranks.isFirst ? openReporter(process.stdout, { json }) : null;

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
    // In each rank others.
    chaos: { faults: chaos, seed: chaosSeed + collective.rank },
  });
  const faults = { kill: 0, hang: 0, crash: 0, limit: 0 };
  pool.on('fault', ({ fault }) => {
    faults[fault] += 1;
  });
  const stream = new TokenArray(stressText(), 'generated text');
  const options = { model, weights, batch: 2, seq: 32, steps, seed, lr: 1e-3 };
  const saving = out === undefined ? {} : { out, checkpointEvery, autoResume: true };
  await using trainer = await createTrainer({ ...options, ...saving, data: stream, pool, collective });
  // Until here a signal ends the command at once.
  using interruption = new Interruption((signal) =>
    reporter?.record('interrupt', { signal }, `${signal}: finishing the step`),
  );
  reporter?.start(trainer);
  const summary = await trainer.train({ signal: interruption.signal });
  const ofAll = await ranks.gather(faults);
  const counts = Object.fromEntries(
    Object.keys(faults).map((fault) => [
      fault,
      ofAll.reduce((sum, each) => sum + each[fault as keyof typeof faults], 0),
    ]),
  );
  const counted = Object.entries(counts).map(([fault, times]) => `${fault} ${times}`);
  reporter?.record('faults', counts, `faults injected: ${counted.join(', ')}`);
  reporter?.record('hashes', {}, `parameters ${summary.paramsSha256}\nlosses     ${summary.lossesSha256}`);
  reporter?.done(summary);
  if (interruption.exitCode !== null) process.exitCode = interruption.exitCode;
}
