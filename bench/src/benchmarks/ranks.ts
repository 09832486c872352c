import { availableParallelism } from 'node:os';
import { loadProfile } from '@mayfly/core/chips';
import { countParameters, exchangedBytes, findMpirun, mpirunCommand, planRanks } from '@mayfly/core/testing';
import { alternate } from '../harness/alternate.js';
import { placements } from '../harness/placement.js';
import type { Benchmark, Figure, Target } from '../harness/report.js';
import { target } from '../harness/report.js';
import { runForJson, runScript } from '../harness/run-script.js';
import { type StepModel, stepModels } from '../harness/step-models.js';
import { ratio } from '../harness/targets.js';
import type { CollectiveSample, CollectiveTask } from '../scripts/collective-run.js';
import type { RanksSample, RanksTask } from '../scripts/ranks-run.js';

/** A bucket of gradients. */
const SUM_BYTES = 2 ** 25;
const TIMEOUT_MS = 600_000;
const mpis = ['openmpi', 'mpich'] as const;
type Mpi = (typeof mpis)[number];

/** Tokens per second of two ranks with a core each / of one process with both, at least. */
const LEAST_OF_ONE_PROCESS = 0.95;
/** Beside gradients a rank sends losses and the like. */
const MOST_BYTES = 1.001;
/** Of the measured step. */
const MOST_ERROR = 0.1;

const together = (mpi: Mpi, ranks: number) => `${ranks} ranks, ${mpi}`;
const apart = (ranks: number) => (ranks === 1 ? 'one process of one core' : `${ranks} processes, each alone`);
const onePass = (passes: number) => `one process, ${passes} passes`;
const linkOf = (ranks: number) => `link of ${ranks} ranks`;

export const ranks: Benchmark = {
  name: 'ranks',
  measures:
    'A training step over ranks with a core each, all on this machine, beside one process with all cores and as many passes; and beside the step of `mayfly plan --ranks`, whose link is the one measured here.',
  async measure({ quick, repetitions }) {
    const mpi = await firstMpi();
    const cores = availableParallelism();
    if (mpi === null || placements.length === 1 || cores < 2) {
      const reason = mpi === null ? 'no mpirun of Open MPI or MPICH on the path' : 'needs Linux, two cores and taskset';
      return { repetitions, figures: [], targets: [], skipped: [{ case: 'all', reason }] };
    }
    const model: StepModel = quick
      ? { ...stepModels[0]!, config: { ...stepModels[0]!.config, layers: 1, vocab: 512 }, sequence: 32, batch: 1 }
      : { ...stepModels[0]!, batch: 2 };
    const task: RanksTask = { model, accumulate: 1, together: true, warmup: quick ? 1 : 2, steps: quick ? 1 : 9 };
    const sizes = quick ? [1, 2] : [1, 2, 4];
    const train = (by: Mpi, count: number, more: Partial<RanksTask>) =>
      onCores<RanksSample>(by, count, 'ranks-run', { ...task, ...more });
    const { samples, skipped } = await alternate<RanksSample>(
      'ranks',
      [
        { name: onePass(2), run: () => runScript<RanksSample>('ranks-run', { ...task, accumulate: 2 }, TIMEOUT_MS) },
        ...mpis.map((each) => ({ name: together(each, 2), run: () => train(each, 2, {}) })),
        ...sizes.map((count) => ({ name: apart(count), run: () => train(mpi, count, { together: false }) })),
        ...sizes
          .filter((count) => count > 2)
          .map((count) => ({
            ...{ name: together(mpi, count), run: () => train(mpi, count, {}) },
          })),
      ],
      repetitions,
    );
    const sums: CollectiveTask = { bytes: SUM_BYTES, warmup: 3, count: quick ? 3 : 30 };
    const link = await alternate<CollectiveSample>(
      'ranks, their link',
      sizes.slice(1).flatMap((count) => [
        { name: linkOf(count), run: () => onCores<CollectiveSample>(mpi, count, 'collective-run', sums) },
        {
          name: `${linkOf(count)}, 64 bytes`,
          run: () => onCores<CollectiveSample>(mpi, count, 'collective-run', { ...sums, bytes: 64 }),
        },
      ]),
      repetitions,
    );
    const findings = { samples, links: link.samples };
    return {
      repetitions,
      figures: [
        ...figuresOf(findings),
        ...sizes.slice(1).flatMap((count) => {
          const plan = planned(findings, model, count);
          return plan === null ? [] : [figure(`${together(mpi, count)}, planned`, 'ms', plan)];
        }),
      ],
      targets: [
        ...againstOneProcess(findings, model),
        ...sizes.slice(1).flatMap((count) => againstPlan(findings, model, mpi, count)),
      ],
      skipped: [...skipped, ...link.skipped],
    };
  },
};

interface Findings {
  readonly samples: ReadonlyMap<string, RanksSample>;
  readonly links: ReadonlyMap<string, CollectiveSample>;
}

async function firstMpi(): Promise<Mpi | null> {
  return findMpirun().then(
    (found) => found.mpi,
    () => null,
  );
}

/** Runs a script in every rank, rank r on core r modulo the number of cores. */
async function onCores<Sample>(mpi: Mpi, count: number, script: string, task: object): Promise<Sample> {
  const pinned = `exec taskset -c "$((\${OMPI_COMM_WORLD_RANK:-$PMI_RANK} % ${availableParallelism()}))" "$@"`;
  const file = new URL(`./${script}.js`, import.meta.url).pathname;
  const [command, ...args] = mpirunCommand(await findMpirun(mpi), {
    ...{ ranks: count, hosts: [], env: { NO_COLOR: '1' } },
    program: ['sh', '-c', pinned, 'sh', process.execPath, file, JSON.stringify(task)],
  });
  return runForJson<Sample>(command!, args, TIMEOUT_MS);
}

const figure = (name: string, unit: Figure['unit'], p50: number, more: Partial<Figure> = {}): Figure => ({
  ...{ case: name, isolation: 'process', placement: 'pinned', unit, p50 },
  ...more,
});

function figuresOf({ samples, links }: Findings): Figure[] {
  const trained = [...samples].flatMap(([name, { p50, tokensPerSecond, exchange, hidden }]) => [
    figure(name, 'ms', p50, {
      perSecond: tokensPerSecond,
      ...(name === onePass(2) && { placement: 'scheduler' }),
    }),
    ...(exchange === 0
      ? []
      : [
          figure(`${name}, exchange of gradients`, 'ms', exchange),
          figure(`${name}, exchange hidden`, '%', 100 * hidden),
        ]),
  ]);
  return [...trained, ...[...links].map(([name, { p50, p99 }]) => figure(name, 'ms', p50, { p99 }))];
}

function againstOneProcess({ samples }: Findings, { config }: StepModel): Target[] {
  const one = samples.get(onePass(2));
  const least = exchangedBytes(4 * countParameters(config), 2);
  return mpis.flatMap((mpi) => {
    const two = samples.get(together(mpi, 2));
    if (two === undefined || one === undefined) return [];
    const name = together(mpi, 2);
    const areSame = two.parameters === one.parameters && two.losses === one.losses;
    const most = ratio(
      `tokens per second: ${name} / one process`,
      two.tokensPerSecond,
      one.tokensPerSecond,
      '>=',
      LEAST_OF_ONE_PROCESS,
    );
    return [
      ...most,
      target(`bytes sent / 2(n − 1)/n of the gradients: ${name}`, two.sent / least, '<=', MOST_BYTES),
      target(`the bits of one process: ${name}`, areSame ? 1 : 0, '>=', 1),
    ];
  });
}

/**
 * The step of the plan in milliseconds: that of processes which exchange nothing, on the same cores, and what the model says that the exchange
 * adds to it. The model knows the steps of Apple's chips; the time between gradients is stretched so that its step is as long as the measured one.
 */
function planned({ samples, links }: Findings, { config, sequence, batch }: StepModel, count: number): number | null {
  const alone = samples.get(apart(count));
  const sum = links.get(linkOf(count));
  const short = links.get(`${linkOf(count)}, 64 bytes`);
  if (alone === undefined || sum === undefined || short === undefined) return null;
  const chip = loadProfile('m4');
  // The measured sum contains the additions.
  const host = { ...chip.host, elementwiseGBps: { ...chip.host.elementwiseGBps, value: Number.MAX_VALUE } };
  const profile = { ...chip, host };
  const options = { config, profile, weights: 'dynamic', batch, sequence, precision: 'exact' } as const;
  const one = planRanks(options, { bandwidth: 1, latency: 0 }, { numbers: [1] })[0]!.total;
  const stretch = alone.p50 / one;
  const messages = Math.ceil(Math.log2(count)) + count;
  const link = {
    bandwidth: (stretch * exchangedBytes(SUM_BYTES, count)) / (1e6 * sum.p50),
    latency: (1000 * short.p50) / messages / stretch,
  };
  return stretch * planRanks(options, link, { numbers: [count] })[0]!.total;
}

function againstPlan(findings: Findings, model: StepModel, mpi: Mpi, count: number): Target[] {
  const plan = planned(findings, model, count);
  const measured = findings.samples.get(together(mpi, count));
  if (plan === null || measured === undefined) return [];
  const error = Math.abs(plan / measured.p50 - 1);
  return [
    target(`planned step, off from the measured one by a share of: ${together(mpi, count)}`, error, '<=', MOST_ERROR),
  ];
}
