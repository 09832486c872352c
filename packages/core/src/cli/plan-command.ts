import { invalidArgument, loadProfile, MayflyError } from '@mayfly/native';
import type { Command } from 'commander';
import { flag, number, oneOf, text, whole } from '../check.js';
import { bestPlan, bestVariants, shortest } from '../chips/best-plan.js';
import { type LinkName, linkNames, links } from '../chips/links.js';
import { type Classifier, type PlanOptions, planOptions, type WeightStrategy } from '../chips/plan-options.js';
import { planStep } from '../chips/planned-step.js';
import { fullestRank } from '../chips/rank-bytes.js';
import { type LinkSpeed, planRanks, type RankPlan } from '../chips/rank-plan.js';
import type { HostProducts } from '../chips/timed-step.js';
import { planTraining, type TrainingPlan } from '../chips/training-plan.js';
import type { RankPlace } from '../collective/sent-bytes.js';
import { planLayers } from '../decoder/layer-plan.js';
import { frozenByAdapters, type LoraOptions, loraOptions, resolveLora } from '../decoder/lora-options.js';
import { variantOption } from '../inference/shared-options.js';
import { loadModel } from '../model/load-model.js';
import { presets } from '../model/presets.js';
import { aimsReport, compareReport, placesOf } from '../observe/aims-report.js';
import { calibrationReport } from '../observe/calibration-report.js';
import { toJsonLine } from '../observe/json-lines.js';
import { textTable } from '../observe/table.js';
import { print } from '../observe/text.js';
import { nested } from '../option-table.js';
import { blocksOnDevice, gradientPlaces } from '../programs/gradient-option.js';
import { gibibytes, type MemoryNeeds, memoryNeeds } from '../train/memory-needs.js';
import { forcedForm, forcedVariants } from '../variants/variant-option.js';
import { addOptions, type CommandFlags, chipOption, jsonOption, optionsFrom } from './command-options.js';

const strategies: readonly WeightStrategy[] = ['dynamic', 'static', 'reloaded'];

interface PlanFlags {
  readonly model?: string;
  readonly chip?: string;
  readonly weights?: WeightStrategy;
  readonly batch?: number;
  readonly seq?: number;
  readonly accumulate?: number;
  readonly workers?: number;
  readonly inFlight?: number;
  readonly retireAfter?: number;
  readonly variant?: string;
  readonly classifier?: Classifier;
  readonly weightGradients?: string;
  readonly classes?: number;
  readonly lora?: Partial<LoraOptions>;
  readonly documentMask?: boolean;
  readonly precision?: HostProducts | 'auto';
  readonly withoutUpdate?: boolean;
  readonly ranks?: number;
  readonly shardOptimizer?: boolean;
  readonly link?: LinkName;
  readonly bandwidth?: number;
  readonly latency?: number;
  readonly calibration?: boolean;
  readonly aims?: boolean;
  readonly compare?: boolean;
  readonly json?: boolean;
}

/** A plan with the memory of its run, in bytes. */
interface CommandPlan extends TrainingPlan {
  readonly memory: MemoryNeeds;
}

const notes = `
Nothing is run: these are estimates of a model fitted to published figures, whose errors --calibration prints.

Examples:
  $ mayfly plan --model stories110m --chip m4 --seq 256
  $ mayfly plan --model qwen3-0.6b --chip m4-max --weights dynamic --batch 4 --seq 256 --json
  $ mayfly plan --model qwen3-0.6b --lora-rank 8
  $ mayfly plan --model stories110m --variant attention=sdpaBwd,silu=exp
  $ mayfly plan --model stories110m --precision blas --classes 9205 --without-update
  $ mayfly plan --model stories110m --accumulate 10 --workers 2
  $ mayfly plan --model stories110m --ranks 8 --link thunderbolt5
  $ mayfly plan --model qwen3-0.6b --ranks 4 --link jaccl --shard-optimizer
  $ mayfly plan --calibration
  $ mayfly plan --aims
  $ mayfly plan --compare`;

/** The options of `mayfly plan`. */
export const planCommandOptions = {
  model: {
    ...{ rule: text, default: 'stories110m', flag: '--model <model>' },
    help: `preset (${Object.keys(presets).join(', ')}), FILE.bin or DIR`,
  },
  chip: chipOption,
  weights: planOptions.weights,
  batch: { ...planOptions.batch, default: 1 },
  seq: {
    ...{ rule: planOptions.sequence.rule, defaultText: "256, or the model's context if shorter" },
    ...{ flag: '--seq <n>', help: 'tokens per window' },
  },
  accumulate: planOptions.accumulate,
  workers: planOptions.workers,
  inFlight: planOptions.inFlight,
  precision: planOptions.precision,
  withoutUpdate: planOptions.withoutUpdate,
  retireAfter: planOptions.retireAfter,
  variant: { ...variantOption, defaultText: 'fused' },
  classifier: planOptions.classifier,
  weightGradients: planOptions.weightGradients,
  classes: {
    ...{ rule: whole(1, 2 ** 24), defaultText: 'all of the vocabulary', flag: '--classes <n>' },
    help: 'token ids that a run with --compact-vocabulary trains with',
  },
  lora: nested<LoraOptions>(loraOptions),
  documentMask: {
    ...{ rule: flag, default: false, flag: '--document-mask' },
    help: 'attention stays within the documents of a window',
  },
  ranks: {
    ...{ rule: whole(1, 2 ** 16), defaultText: 'no table of ranks', flag: '--ranks <n>' },
    help: 'machines that share the passes of a step: adds a table of time against their number',
  },
  shardOptimizer: {
    ...{ rule: flag, default: false, flag: '--shard-optimizer' },
    help: "with --ranks: the ranks share the optimizer's state out",
  },
  link: {
    ...{ rule: oneOf(...linkNames), defaultText: 'thunderbolt5', flag: '--link <name>' },
    help: `link between the machines: ${linkNames.join(', ')}`,
  },
  bandwidth: {
    ...{ rule: number('above 0', (value) => value > 0), defaultText: "the link's", flag: '--bandwidth <x>' },
    help: 'gigabytes per second that a rank sends while it receives as many',
  },
  latency: {
    ...{ rule: number('from 0 up', (value) => value >= 0), defaultText: "the link's", flag: '--latency <x>' },
    help: 'microseconds of a short message between ranks',
  },
  calibration: {
    ...{ rule: flag, default: false, flag: '--calibration' },
    help: 'print the model beside every published figure, in Markdown',
  },
  aims: {
    ...{ rule: flag, default: false, flag: '--aims' },
    help: 'print planned steps beside aims and published figures, in Markdown',
  },
  compare: {
    ...{ rule: flag, default: false, flag: '--compare' },
    help: 'print steps by counts and constants of before and now, and the steps of other trainers, in Markdown',
  },
  json: jsonOption('print one JSON object'),
};

/** `mayfly plan`. */
export function addPlanCommand(program: Command): void {
  const command = program
    .command('plan')
    .description('Estimate the cost of training on a chip, without running it')
    .addHelpText('after', notes);
  addOptions(command, planCommandOptions).action(planCommand);
}

async function planCommand(given: CommandFlags): Promise<void> {
  const flags = optionsFrom<PlanFlags>(planCommandOptions, given);
  const { model = 'stories110m', chip = 'm4', weights, batch = 1, accumulate, retireAfter, json = false } = flags;
  if (flags.calibration === true) {
    print(process.stdout, calibrationReport());
    return;
  }
  if (flags.aims === true) {
    print(process.stdout, `${aimsReport()}\n`);
    return;
  }
  if (flags.compare === true) {
    print(process.stdout, `${compareReport()}\n`);
    return;
  }
  const profile = loadProfile(chip);
  const { config: own } = await loadModel(model);
  const { classes = own.vocab, classifier = 'host', weightGradients = 'host' } = flags;
  if (classes > own.vocab) throw invalidArgument('--classes', `at most the ${own.vocab} of the vocabulary`, classes);
  const config = { ...own, vocab: classes };
  const sequence = flags.seq ?? Math.min(256, config.sequence);
  if (sequence > config.sequence) {
    throw new MayflyError(
      'ERR_INVALID_ARGUMENT',
      `Expected --seq to be at most the model's context of ${config.sequence}, got \`${sequence}\``,
    );
  }
  const lora = flags.lora && resolveLora(flags.lora);
  const { documentMask } = flags;
  const { definition: layer } = planLayers({ ...config, documentMask }, 'dynamic', undefined, lora)[0]!;
  const forced = forcedForm(flags.variant);
  const onDevice = blocksOnDevice(weightGradients, layer.blocks);
  const form = {
    ...{ ...forced.axes, classifier, variants: forcedVariants(forced, layer.blocks) },
    weightGradients: Object.fromEntries(onDevice.map((block) => [block, 'device' as const])),
  };
  const all = lora === undefined ? strategies : strategies.filter((each) => each !== 'reloaded');
  const chosen = weights === undefined ? all : [weights];
  const { workers, inFlight } = flags;
  const options = { config, profile, layer, batch, sequence, accumulate, workers, inFlight, retireAfter, form };
  const timed = { ...options, precision: flags.precision, withoutUpdate: flags.withoutUpdate };
  const memoryOf: MemoryOf = (each, processes, passes, shards) => {
    const kind = each === 'dynamic' ? 'dynamic' : 'static';
    const shape = { config, batch, sequence, lora, documentMask, form };
    const decoder = { ...shape, weights: kind, passes: accumulate, inFlight: passes, training: true } as const;
    const freeze = lora && frozenByAdapters(config, []);
    return memoryNeeds({ ...decoder, freeze, shards }, processes + 1);
  };
  const plans = chosen.map((each): CommandPlan => {
    const plan = planTraining({ ...timed, weights: each, classifier, weightGradients });
    return { ...plan, memory: memoryOf(each, plan.workers, plan.inFlight) };
  });
  // The products of adapters are small.
  const places = lora === undefined ? gradientPlaces(layer.blocks) : ['host'];
  const single = bestPlan(timed, {
    weights: chosen,
    classifier: flags.classifier === undefined ? ['host', 'device'] : [classifier],
    weightGradients: flags.weightGradients === undefined ? places : [weightGradients],
  });
  const strategy = { weights: single.weights, classifier: single.classifier, weightGradients: single.weightGradients };
  const inTwos = plansInTwos({ ...timed, ...strategy }, single);
  const best = shortest([single, ...inTwos]);
  const advice: Advice = {
    ...strategy,
    variants: bestVariants({ ...timed, ...strategy }),
    workers: best.workers,
    inFlight: best.inFlight,
    passes:
      inTwos.length === 0
        ? null
        : [single, ...inTwos].map(({ workers, inFlight, step }) => ({ workers, inFlight, milliseconds: step.total })),
    device: best.processor < best.step.total ? 'cpu' : 'ane',
    milliseconds: Math.min(best.processor, best.step.total),
  };
  const ranked = flags.ranks === undefined ? null : rankTable(flags, { ...timed, ...strategy }, memoryOf);
  print(
    process.stdout,
    json
      ? `${toJsonLine({ model, chip, best: advice.weights, advice, plans, ...ranked?.fields })}\n`
      : `${report(model, profile.title, plans, advice)}${ranked?.text ?? ''}`,
  );
}

/** Memory of a run with so many workers and passes in flight, of a rank where the ranks share the optimizer's state out. */
type MemoryOf = (weights: WeightStrategy, workers: number, inFlight: number, shards?: RankPlace) => MemoryNeeds;

/** The step with two passes in flight, on as many workers and on two at least; none where passes are in flight already, or a step has one. */
function plansInTwos(options: PlanOptions, { inFlight, workers }: TrainingPlan): TrainingPlan[] {
  if (inFlight > 1 || (options.accumulate ?? 1) === 1) return [];
  return [workers, Math.max(2, workers)].map((each) => planTraining({ ...options, inFlight: 2, workers: each }));
}

/** The shortest step on 1, 2, 4, … ranks up to the number that is asked for. */
function rankTable(
  { ranks = 1, link: name = 'thunderbolt5', shardOptimizer: sharded = false, ...own }: PlanFlags,
  options: PlanOptions,
  memoryOf: MemoryOf,
) {
  const { title, bandwidth, latency } = links[name];
  const speed: LinkSpeed = { bandwidth: own.bandwidth ?? bandwidth.value, latency: own.latency ?? latency.value };
  const doubled = Array.from({ length: Math.ceil(Math.log2(ranks)) }, (_, power) => 2 ** power);
  const { workers, inFlight } = planTraining(options);
  const { trained } = planStep(options);
  const plans = planRanks(options, speed, { numbers: [...doubled, ranks], sharded }).map((plan): MachinePlan => {
    const { ranks: size } = plan;
    const shards = sharded && size > 1 ? { rank: fullestRank(trained, size), size } : undefined;
    return { ...plan, memory: memoryOf(options.weights, workers, inFlight, shards) };
  });
  const rows: [string, (plan: MachinePlan) => string][] = [
    ['ranks', (plan) => count(plan.ranks)],
    ['a step', ({ total }) => ms(total)],
    [sharded ? '  sums of gradients, at their owners' : '  exchange of gradients', ({ exchange }) => ms(exchange)],
    ...(sharded
      ? [['  parameters, from their owners', ({ gather }) => ms(gather)] as [string, (plan: MachinePlan) => string]]
      : []),
    [`  not hidden by ${sharded ? 'passes' : 'the backward pass'}`, ({ exposed }) => ms(exposed)],
    [sharded ? 'sent by rank 0' : 'sent by each rank', ({ sentBytes }) => `${(sentBytes / 1e6).toFixed(0)} MB`],
    ['memory of a rank', ({ memory }) => gibibytes(memory.total)],
    ['  moments', ({ memory }) => gibibytes(memory.moments)],
    ['tokens per second', ({ tokensPerSecond }) => count(tokensPerSecond)],
    ['of perfect', ({ efficiency }) => `${(100 * efficiency).toFixed(1)}%`],
  ];
  const origin = (value: number | undefined, figure: (typeof links)[LinkName]['latency']) =>
    value === undefined ? `${figure.assumed ? 'assumed, ' : ''}${figure.source}` : 'given';
  const text = [
    '',
    `${options.weights} weights on several machines, by ${title}`,
    textTable(
      rows.map(([label, of]) => [label, ...plans.map(of)]),
      { numbers: true },
    ),
    `bandwidth ${speed.bandwidth.toFixed(2)} GB/s: ${origin(own.bandwidth, bandwidth)}`,
    `latency ${speed.latency} µs: ${origin(own.latency, latency)}`,
    '',
  ].join('\n');
  return { text, fields: { link: { name, title, ...speed }, shardOptimizer: sharded, ranks: plans } };
}

/** Several ranks, with the memory of the one that needs most, in bytes. */
interface MachinePlan extends RankPlan {
  readonly memory: MemoryNeeds;
}

/** What makes the shortest step. */
interface Advice {
  readonly weights: WeightStrategy;
  readonly classifier: Classifier;
  readonly weightGradients: string;
  readonly variants: Readonly<Record<string, string>>;
  readonly workers: number;
  readonly inFlight: number;
  /** Milliseconds of the step with one pass at a time and with two in flight, on these workers and on two; null where there is no choice. */
  readonly passes: readonly Pick<Advice, 'workers' | 'inFlight' | 'milliseconds'>[] | null;
  readonly device: 'ane' | 'cpu';
  /** Of a step on that device. */
  readonly milliseconds: number;
}

function report(model: string, title: string, plans: readonly CommandPlan[], advice: Advice): string {
  const rows: [string, (plan: CommandPlan) => string][] = [
    ['a step', ({ step }) => ms(step.total)],
    ['  kernels', ({ step }) => ms(step.kernels)],
    ['  copies', ({ step }) => ms(step.copies)],
    ['  classifier', ({ step }) => ms(step.classifier)],
    ['  norms, loss, other host math', ({ step }) => ms(step.hostMath)],
    ['  weight gradients', ({ step }) => ms(step.weightGradients)],
    ['  gradient norm, AdamW', ({ step }) => ms(step.update)],
    ['  waits', ({ step }) => ms(step.waits)],
    ['  compilations, loads', ({ step }) => ms(step.compilations)],
    ['a step on the CPU alone', ({ processor }) => ms(processor)],
    ['  dispatches', ({ counts }) => count(counts.dispatches)],
    ['  copied to and from surfaces', ({ counts }) => `${(counts.copiedBytes / 1e6).toFixed(0)} MB`],
    ['  copied beside other work', ({ counts }) => `${(counts.prefetchedBytes / 1e6).toFixed(0)} MB`],
    ['  copied on the host', ({ counts }) => `${(counts.host.copiedBytes / 1e6).toFixed(0)} MB`],
    ['  programs compiled again', ({ counts }) => count(counts.compilations)],
    ['  norms', ({ counts }) => count(counts.host.norms)],
    [
      '  losses, classifier products',
      ({ counts: { host } }) => `${count(host.losses)}, ${count(host.classifierProducts)}`,
    ],
    ['  products of weight gradients', ({ counts }) => count(counts.host.weightGradients)],
    ['  parameters updated', ({ counts }) => count(counts.host.updates)],
    ['programs', ({ programs, workers }) => `${programs} on ${workers} worker${workers === 1 ? '' : 's'}`],
    ['  of a layer, attention', ({ kernels }) => programsOf(kernels, 'attention')],
    ['  of a layer, feed-forward', ({ kernels }) => programsOf(kernels, 'feedForward')],
    ['parameters trained', ({ parameters }) => count(parameters)],
    ['memory', ({ memory }) => gibibytes(memory.total)],
    ['  parameters', ({ memory }) => gibibytes(memory.parameters)],
    ['  gradients, moments', ({ memory }) => gibibytes(memory.gradients + memory.moments)],
    ['  surfaces', ({ memory }) => gibibytes(memory.surfaces)],
    ['a compilation round', ({ compilationRound }) => ms(compilationRound.milliseconds)],
    ['a retirement', ({ retirement }) => `${ms(retirement.milliseconds)}, a step waits ${ms(retirement.stalledMs)}`],
    [
      'retirements',
      ({ retirement: { everySteps } }) => (Number.isFinite(everySteps) ? `every ${everySteps} steps` : 'none needed'),
    ],
    ['a day: steps', ({ day }) => count(day.steps)],
    ['a day: tokens', ({ day }) => count(day.tokens)],
    ['a day: compilations', ({ day }) => count(day.compilations)],
    ['a day: retirements', ({ day }) => count(day.retirements)],
  ];
  const broken = (plan: TrainingPlan) => new Set(plan.kernels.flatMap(({ brokenRules }) => brokenRules));
  const objections = plans
    .filter((plan) => broken(plan).size > 0)
    .map(
      (plan) =>
        `${plan.weights} weights: the chip would not run this right (mayfly lint: ${[...broken(plan)].join(', ')})`,
    );
  const table = [
    ['weights', ...plans.map(({ weights }) => weights)],
    ...rows.map(([label, of]) => [label, ...plans.map(of)]),
  ];
  return [
    `${model} on ${title}, ${plans[0]!.tokensPerStep} tokens a step: an estimate`,
    textTable(table, { numbers: true }),
    ...objections,
    `host products: ${productsOf(plans[0]!)}`,
    `best: ${strategyOf(advice)}, ${ms(advice.milliseconds)} a step`,
    ...passesLine(advice),
    '',
  ].join('\n');
}

/** What multiplies on the host. */
const productsOf = ({ precision }: TrainingPlan): string =>
  precision === 'blas' ? "blas, Accelerate's" : `${precision}, Mayfly's own, at an assumed rate`;

/** How long the step takes by the number of passes in flight. */
function passesLine({ passes, device }: Advice): string[] {
  if (passes === null || device === 'cpu') return [];
  const [one, two, onTwo] = passes.map(({ milliseconds }) => ms(milliseconds));
  return [`passes in flight: one ${one}, two ${two} (--in-flight 2), two on two workers ${onTwo} (--workers 2)`];
}

/** What the shortest step takes. */
function strategyOf({ device, weights, variants, workers, inFlight, ...places }: Advice): string {
  if (device === 'cpu') return 'the CPU alone (--device cpu)';
  const named = Object.entries(variants).map((each) => each.join('='));
  const placed = placesOf(places).map((place) => `${place}, `);
  return `${weights} weights, ${placed.join('')}${named.join(',')}, ${workers} worker${workers === 1 ? '' : 's'}${inFlight === 1 ? '' : `, ${inFlight} passes in flight`}`;
}

/** Forward and backward, such as `1 + 1`. */
const programsOf = (kernels: TrainingPlan['kernels'], half: string): string =>
  ['Forward', 'Backward'].map((pass) => kernels.filter(({ name }) => name.startsWith(half + pass)).length).join(' + ');

const count = (value: number): string => Math.round(value).toLocaleString('en-US');

const ms = (value: number): string => (value >= 10_000 ? `${(value / 1000).toFixed(1)} s` : `${value.toFixed(1)} ms`);
