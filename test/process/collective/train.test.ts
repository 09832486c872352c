import { cpSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { TrainOptions, TrainSummary } from '@mayfly/core';
import { readCheckpointHeader } from '@mayfly/core/checkpoint';
import { presets } from '@mayfly/core/model';
import { bytesOfRank, planRanks, planStep } from '@mayfly/core/testing';
import { loadProfile } from '@mayfly/native';
import { expect, test } from 'vitest';
import { fullProduct } from '../../fixtures/full-product.js';
import { describeLaunchers, type Launcher, linesOfRanks, runRanks } from '../../fixtures/mpirun.js';
import { smallTokens } from '../../fixtures/small-model.js';
import { fingerprint, runTraining, smallStream } from '../../fixtures/small-run.js';
import { temporaryFolder } from '../../fixtures/temporary-folder.js';

const script = fileURLToPath(new URL('train.mjs', import.meta.url));
const folder = temporaryFolder();
const tokens = smallStream(folder);
const text = join(folder, 'text.jsonl');
writeFileSync(text, `${JSON.stringify({ text: 'Once upon a time a mayfly lived.' })}\n`.repeat(100));

const pool = { device: 'cpu', threads: 1, standby: 0 } as const;
const small = { data: tokens, batch: 1, seq: 16, steps: 3, lr: 3e-3, hostThreads: 1, pool } satisfies TrainOptions;
const onText = { ...small, data: text, tokenizer: 'bytes' } satisfies TrainOptions;

/** Every way to train that has its own gradients, sums or updates. */
const ways: Readonly<Record<string, TrainOptions>> = {
  dynamic: { ...small, lossScale: 'dynamic' },
  'static, muon, weight gradients on the device': {
    ...{ ...small, weights: 'static', optimizer: 'muon', weightGradients: 'device' },
  },
  'adapters with dropout': { ...onText, lora: { rank: 4, dropout: 0.3 } },
  'compact vocabulary, shuffled, validation': {
    ...{ ...onText, compactVocabulary: true, order: 'shuffled', validation: 0.2, evaluateEvery: 2 },
  },
  'document masks, untied': { ...onText, documentMask: true, order: 'sequential', classifier: 'host' },
  'gradients on the main thread': { ...small, hostThreads: 0, recompute: true },
  'passes in flight on two workers': { ...small, inFlight: 2, pool: { ...pool, workers: 2 } },
  'adapters in flight': { ...onText, lora: { rank: 2, dropout: 0.2 }, inFlight: 2, pool: { ...pool, workers: 2 } },
  'recomputed, classifier on the device': { ...small, recompute: true, classifier: 'device' },
};

interface Training {
  readonly name?: string;
  readonly options: TrainOptions;
  /** Options of one rank alone. */
  readonly byRank?: Readonly<Record<number, TrainOptions>>;
  /** Where not all targets count. */
  readonly counted?: object;
  /** The rank whose parts of checkpoints come into another folder, or that is killed at the one of this number. */
  readonly parts?: { readonly rank: number; readonly elsewhere?: string; readonly killedAfter?: number };
  /** Variables of the environment, by rank. */
  readonly machines?: readonly Readonly<Record<string, string>>[];
  /** The rank whose simulator refuses programs after a step, on fresh workers. */
  readonly refusesLater?: { readonly rank: number; readonly step: number; readonly refuse: string };
  /** The rank whose signal is aborted after a step. */
  readonly stop?: { readonly rank: number; readonly step: number };
}

interface Line {
  readonly rank: number;
  readonly index: number;
  readonly ended?: ReturnType<typeof fingerprint>;
  readonly reason?: TrainSummary['reason'];
  readonly best?: number;
  /** Bytes a step. */
  readonly sent?: number;
  /** The variant of each half. */
  readonly form?: Readonly<Record<string, string>>;
  readonly records: readonly { readonly skipped: boolean; readonly loss: number | null }[];
  readonly error?: { readonly code: string; readonly message: string };
}

/** How trainings ended: by training, then by rank. */
async function onRanks(launcher: Launcher, ranks: number, trainings: readonly Training[]): Promise<Line[][]> {
  const ended = await runRanks(launcher, ranks, script, [JSON.stringify(trainings)]);
  const lines = linesOfRanks<Line>(ended);
  expect(lines.length, ended.stderr).toBe(ranks * trainings.length);
  expect(ended.code, ended.stderr).toBe(0);
  return trainings.map((_, index) => lines.filter((line) => line.index === index));
}

const alone = new Map<string, Promise<{ ended: ReturnType<typeof fingerprint>; best: number | undefined }>>();

/** The same passes in one process. */
function inOne(name: string, options: TrainOptions) {
  const train = async () => {
    const outcome = await runTraining(options);
    return { ended: fingerprint(outcome), best: outcome.summary.best?.crossEntropy };
  };
  if (!alone.has(name)) alone.set(name, train());
  return alone.get(name)!;
}

describeLaunchers('training on ranks', (launcher) => {
  const sizes = fullProduct ? [2, 4] : [2];
  const names = Object.keys(ways);

  // Launchers differ in nothing that a training sees: npm test takes one of them for each of these tests.
  test.runIf(fullProduct || launcher.name === 'Open MPI').each(sizes)(
    'gives the bits of one process with as many passes: %i ranks',
    async (ranks) => {
      const accumulate = 4 / ranks;
      // Each shares its optimizer out on two ranks or on four.
      const trainings = names.map((name, index) => ({
        name,
        options: { ...ways[name]!, accumulate, shardOptimizer: index % 4 < 2 === (ranks === 2) },
      }));
      const found = await onRanks(launcher, ranks, trainings);
      for (const [index, lines] of found.entries()) {
        const { name } = trainings[index]!;
        const { ended, best } = await inOne(name, { ...ways[name]!, accumulate: 4 });
        for (const line of lines) expect({ name, ...line }).toMatchObject({ name, ended, ...(best && { best }) });
      }
    },
  );

  test.runIf(fullProduct || launcher.name === 'Open MPI').each([2, 4])(
    'sends as many bytes as are planned: %i ranks',
    async (size) => {
      // No multiple of 64 bytes for each rank.
      const config = { ...presets.tiny, name: 'odd', hidden: 150, layers: 2, tiedHead: false };
      const shared = [false, true];
      const found = await onRanks(
        launcher,
        size,
        shared.map((shardOptimizer) => ({
          options: { ...small, model: config, validation: 0.2, evaluateEvery: 1, steps: 2, shardOptimizer },
        })),
      );
      const given = { config, profile: loadProfile('m4'), weights: 'dynamic', batch: 1, sequence: 16 } as const;
      const { trained, blocks } = planStep(given);
      for (const [index, sharded] of shared.entries()) {
        const step = { config, trained, blocks, lateHead: false, sharded };
        const planned = Array.from({ length: size }, (_, rank) => bytesOfRank(step, { rank, size }));
        expect(found[index]!.map(({ sent }) => sent)).toEqual(planned);
        const link = { bandwidth: 1, latency: 1 };
        expect(planRanks(given, link, { numbers: [size], sharded })[0]!.sentBytes).toBe(planned[0]);
      }
    },
  );

  test.runIf(fullProduct || launcher.name === 'Open MPI')(
    'goes on from a checkpoint of another number of ranks, with moments in one piece or shared out',
    async () => {
      const steps = { first: 2, last: 4 };
      const whole = await inOne('resumed', { ...small, steps: steps.last, accumulate: 4 });
      const [shared, single] = ['shared', 'single'].map((name) => join(folder, `${launcher.name}-${name}`));
      await runTraining({ ...small, accumulate: 4, steps: steps.first, out: single });
      const [begun, resumed] = await onRanks(launcher, 2, [
        { options: { ...small, accumulate: 2, steps: steps.first, out: shared, shardOptimizer: true } },
        {
          options: { resume: single, data: tokens, accumulate: 2, steps: steps.last, pool, shardOptimizer: true },
          // Only the first rank reads it.
          byRank: { 1: { resume: 'nowhere' } },
        },
      ]);
      expect(begun).toMatchObject([{ reason: 'finished' }, { reason: 'finished' }]);
      // Each rank has written its own moments.
      const written = /^step-00000002\.(mayfly|[0-9a-f]{8}\.1\.part)$/;
      expect(readdirSync(shared!).filter((name) => written.test(name))).toHaveLength(2);
      for (const line of resumed!) expect(line).toMatchObject({ ended: whole.ended });
      const forgetful = `${shared}-forgetful`;
      cpSync(shared!, forgetful, { recursive: true });
      const warnings: string[] = [];
      const listen = ({ message }: Error) => warnings.push(message);
      process.on('warning', listen);
      await runTraining({ resume: forgetful, data: tokens, steps: 3, pool });
      expect(warnings).toEqual([
        'A step of this run had 4 passes, on 2 ranks, and has 2 from now on, on one process: accumulate 4 keeps as many',
      ]);
      const rest = await runTraining({ resume: shared, data: tokens, accumulate: 4, steps: steps.last, pool });
      process.off('warning', listen);
      expect(fingerprint(rest)).toEqual(whole.ended);
      expect(warnings).toHaveLength(1);
    },
  );

  test.runIf(fullProduct || launcher.name === 'MPICH')(
    'writes checkpoints through the first rank where another does not see the folder, and none where a rank is killed amid one',
    async () => {
      const whole = await inOne('resumed', { ...small, steps: 4, accumulate: 4 });
      const [apart, killed] = ['apart', 'killed'].map((name) => join(folder, `${launcher.name}-${name}`));
      const options = { ...small, accumulate: 2, steps: 2, shardOptimizer: true } as const;
      const elsewhere = join(folder, `${launcher.name}-elsewhere`);
      mkdirSync(elsewhere);
      await onRanks(launcher, 2, [{ options: { ...options, out: apart! }, parts: { rank: 1, elsewhere } }]);
      expect(readdirSync(apart!).filter((name) => name.startsWith('step'))).toEqual(['step-00000002.mayfly']);
      expect(readdirSync(elsewhere)).toEqual([]);
      const ended = await runRanks(launcher, 2, script, [
        JSON.stringify([
          {
            options: { ...options, steps: 4, out: killed!, checkpointEvery: 2, checkpointMinutes: 0 },
            parts: { rank: 1, killedAfter: 2 },
          },
        ]),
      ]);
      expect(ended.code).not.toBe(0);
      const left = readdirSync(killed!).filter((name) => name.startsWith('step'));
      expect(left.filter((name) => name.endsWith('.mayfly'))).toEqual(['step-00000002.mayfly']);
      expect(left.filter((name) => name.endsWith('.part'))).toHaveLength(2);
      for (const resume of [apart!, killed!]) {
        const rest = await runTraining({ resume, data: tokens, accumulate: 4, steps: 4, pool });
        expect(fingerprint(rest)).toEqual(whole.ended);
      }
      // The part that never became one is gone.
      expect(readdirSync(killed!).filter((name) => name.endsWith('.part'))).toHaveLength(1);
    },
  );

  test.runIf(fullProduct)(
    'takes one variant on all ranks, begins again with another that a device refused amid a run, and says so',
    async () => {
      const device = 'sim:m4,no-rules';
      const options = { ...small, pool: { ...pool, device, pacing: { failureMs: 0, settleMs: 0 } } } as const;
      // What a device refuses is kept by each machine: here each rank is one.
      const machine = (rank: number, refuse: string) => ({
        MAYFLY_SIM_FAULTS: JSON.stringify({ refuse: [refuse] }),
        XDG_CACHE_HOME: join(folder, `${launcher.name}-machine-${rank}`),
      });
      const out = join(folder, `${launcher.name}-variants`);
      const begun = { ...options, out, steps: 4, checkpointEvery: 2, checkpointMinutes: 0 };
      const [first] = await onRanks(launcher, 2, [
        {
          options: begun,
          machines: [machine(0, 'operation:log'), machine(1, 'operation:log')],
          refusesLater: { rank: 1, step: 3, refuse: 'cycle-path@evaluate' },
        },
      ]);
      const refused =
        /Expected the device to run attention as fused on, got .*All ranks have to change together: resume the run, and they take probabilities$/;
      expect(first![1]).toMatchObject({
        error: { code: 'ERR_VARIANT_REFUSED', message: expect.stringMatching(refused) },
        form: { attention: 'fused' },
      });
      expect(first![0]).toMatchObject({ error: { code: 'ERR_COLLECTIVE' } });
      const [again] = await onRanks(launcher, 2, [
        {
          options: { resume: out, data: tokens, steps: 4, pool: options.pool },
          machines: [machine(0, 'operation:log'), machine(1, 'cycle-path@evaluate')],
        },
      ]);
      for (const line of again!)
        expect(line).toMatchObject({ reason: 'finished', form: { attention: 'probabilities' } });
      expect(again![1]!.ended).toEqual(again![0]!.ended);
    },
  );

  test.runIf(fullProduct || launcher.name === 'MPICH')(
    'decides on all ranks as one: overflow, a signal, inputs and options that differ, an error of one rank',
    async () => {
      const other = join(folder, 'other.u16');
      writeFileSync(other, smallTokens(3000, 200));
      const counted = { window: 16, every: 2, counted: 1 };
      const inOrder = { ...small, order: 'sequential', data: undefined } as const;
      const out = join(folder, `${launcher.name}-stopped`);
      const found = await onRanks(launcher, 2, [
        { options: { ...inOrder, lossScale: 1e9, steps: 2 } as never, counted },
        { options: { ...small, steps: 5, out }, stop: { rank: 1, step: 2 } },
        { options: small, byRank: { 1: { lr: 1 } } },
        { options: small, byRank: { 1: { data: other } } },
        { options: small, byRank: { 1: { data: join(folder, 'missing.u16') } } },
        { options: { ...inOrder, steps: 9 } as never, counted: { ...counted, failsOn: 1 } },
      ]);
      const [overflow, stopped, option, input, missing, broken] = found;
      const skipped = { skipped: true, gradNorm: null, loss: expect.any(Number) };
      for (const line of overflow!) {
        expect(line).toMatchObject({ records: [skipped, skipped], error: { code: 'ERR_DIVERGED' } });
        expect(line.records).toEqual(overflow![0]!.records);
      }
      for (const line of stopped!) expect(line).toMatchObject({ reason: 'aborted', ended: { step: 3 } });
      expect(await readCheckpointHeader(out)).toMatchObject({ header: { step: 3 } });
      const differs = (message: RegExp) =>
        [0, 1].map(() => ({ error: { code: 'ERR_RANKS_DIFFER', message: expect.stringMatching(message) } }));
      expect(option).toMatchObject(differs(/^Expected lr to be 0.003 as on rank 0, got 1 on rank 1$/));
      expect(input).toMatchObject(differs(/data of all ranks.*other.u16 .* on rank 1$/));
      expect(missing!.map(({ error }) => error?.code)).toEqual(['ERR_FILE_NOT_FOUND', 'ERR_FILE_NOT_FOUND']);
      expect(missing![0]!.error!.message).toMatch(/^rank 1: .*missing.u16/);
      expect(broken![1]!.error!.message).toBe('the disk is gone');
      expect(broken![0]).toMatchObject({ error: { code: 'ERR_COLLECTIVE' } });
    },
  );
});
