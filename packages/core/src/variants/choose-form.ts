import { createHash } from 'node:crypto';
import { release } from 'node:os';
import { isSimName, MayflyError, refusedPatterns } from '@mayfly/native';
import { mayflyCommand } from '../command-line.js';
import type { LayerPlan } from '../decoder/layer-plan.js';
import { chooseAneApi, limitsKey } from '../machine/ane-api.js';
import { type ChoiceQuestion, type Refusals, type StoredChoice, storedChoices } from '../machine/choices.js';
import type { MilOptions } from '../mil/graph.js';
import { type ClassifierShape, classifierPrograms } from '../programs/classifier.js';
import type { ProgramForm } from '../programs/form.js';
import type { Block } from '../programs/layer-graph.js';
import type { ProgramShape } from '../programs/shape.js';
import { blockFlow } from '../programs/stages.js';
import { gradientPart, gradientPrograms, matrixGradients } from '../programs/weight-gradients.js';
import { axisCanary, type Canary, classifierCanary, gradientCanary, halfCanary, slides } from './canaries.js';
import { CanaryDevice, type CanaryOptions, MOST_COMPILATIONS, type ProgramJudge } from './canary-device.js';
import { type CanaryProgram, CanaryReference, canaryPrograms, type ProgramCase } from './canary-programs.js';
import { ruleBroken, ruleBrokenBy } from './chip-rules.js';
import { type Axis, type AxisValue, axes, axisNames, forcedForm, forcedVariants } from './variant-option.js';

/** The device and the layers that a choice is made for. */
export interface ChoiceOptions extends CanaryOptions {
  /** Dialect and weight files of the device. */
  readonly form: MilOptions;
  readonly shape: ProgramShape;
  readonly plans: readonly LayerPlan[];
  /** Whether backward passes have to run, too. Without them, the answers for training serve where they are known. */
  readonly training: boolean;
  /** The sizes of a classifier whose products should run on the device; undefined where they stay on the host. */
  readonly classifier?: ClassifierShape | undefined;
  /** Names of blocks whose weight gradients should be made on the device, where the decoder is trained. Default: none. */
  readonly weightGradients?: readonly string[] | undefined;
  /** The option `variant`. */
  readonly variant?: string | undefined;
  /** Variants of each half, and values of each axis, that failed in use, with the reasons. */
  readonly failed?: Readonly<Record<string, Refusals>> | undefined;
  /** Those that are not taken, whatever the device says. */
  readonly excluded?: Exclusions | undefined;
  /** Whether to find the answers that are kept anew. Default: false. */
  readonly again?: boolean | undefined;
  /** Called before each candidate is tried, with its name. */
  readonly onProgress?: ((text: string) => void) | undefined;
}

/** By part, candidates that are not taken, since the device of another rank refuses them: the numbers of variants differ. */
export type Exclusions = Readonly<Record<string, readonly string[]>>;

/** By part, all candidates in the order in which they are tried, and the one that was chosen. */
export type Choices = Readonly<Record<string, { readonly candidates: readonly string[]; readonly chosen: string }>>;

/** How the programs are written, and why so. */
export interface ChosenForm {
  readonly form: ProgramForm;
  /** Of what was not forced. */
  readonly choices: Choices;
  /** A line for each half or axis whose first choice was refused. */
  readonly notes: readonly string[];
  /** Programs that canaries sent to the compiler; 0 if every answer was known. */
  readonly compilations: number;
}

/** Whether a device may refuse programs, so that canaries have to tell. */
export const needsCanaries = (device: string): boolean =>
  device === 'ane' || (isSimName(device) && refusedPatterns(device).length > 0);

/**
 * Chooses how the programs of layers are written for a device: of each half the first variant, and of each axis the first value, whose
 * programs break no rule of the chip and whose canary, a small layer of the same class, gives the results of the cpu device. Answers are
 * kept on the machine. Canaries are for the Neural Engine, and for simulators that refuse programs.
 *
 * @param judge Default: the device, in a process of its own.
 * @throws `ERR_NO_VARIANT` with a reason for each variant of a half; `ERR_INVALID_ARGUMENT` for a forced variant that no layer has; the
 * signal's reason.
 */
export async function chooseForm(
  options: ChoiceOptions,
  judge: ProgramJudge | null = needsCanaries(options.device) ? new CanaryDevice(options) : null,
): Promise<ChosenForm> {
  await using choice = new Choice(options, judge);
  return await choice.make();
}

/** A half, an axis, or what the host may compute instead of the device, of which one candidate is chosen. */
interface Part {
  readonly name: string;
  /** In the order in which they are tried. */
  readonly candidates: readonly string[];
  /** Why the chip's rules forbid a candidate; null if they do not. */
  readonly rule: (candidate: string, form: ProgramForm) => string | null;
  /** The canaries that have to pass. */
  readonly canaries: readonly Canary[];
  readonly with: (candidate: string, form: ProgramForm) => ProgramForm;
  /** How a candidate runs. Default: as its name, and which of the candidates it is. */
  readonly how?: (candidate: string) => string;
}

/**
 * Asks a device about programs one by one, the candidates' most demanding first, and never twice about programs of one structure. At
 * any time enough compilations are left to prove the last candidate of every part that is not decided yet: the last asks least of a device.
 */
class Choice implements AsyncDisposable {
  readonly #options: ChoiceOptions;
  readonly #device: ProgramJudge | null;
  readonly #reference: CanaryReference;
  /** By the structure of a program: why the device does not run it; null if it does. */
  readonly #verdicts = new Map<string, string | null>();
  /** Programs of canaries by their form: many questions are about the same ones. */
  readonly #written = new Map<Canary, Map<string, readonly CanaryProgram[]>>();
  readonly #notes: string[] = [];

  constructor(options: ChoiceOptions, device: ProgramJudge | null) {
    this.#options = options;
    this.#device = device;
    this.#reference = new CanaryReference();
  }

  async make(): Promise<ChosenForm> {
    const { plans, device } = this.#options;
    const forced = forcedForm(this.#options.variant);
    const blocks = plans.flatMap(({ definition }) => definition.blocks);
    const variants = forcedVariants(forced, blocks);
    let form: ProgramForm = { ...this.#options.form, ...firstAxes(device), ...forced.axes, variants };
    const names = [...new Set(blocks.map(({ name }) => name))].filter((name) => !(name in variants));
    const { classifier, training, weightGradients = [] } = this.#options;
    const parts = [
      ...(this.#device === null ? [] : axisNames)
        .filter((axis) => !(axis in forced.axes) && this.#matters(axis))
        .map((axis) => this.#axisPart(axis)),
      ...(classifier === undefined ? [] : [this.#classifierPart(classifier)]),
      ...(training ? weightGradients : []).flatMap((name) => this.#gradientsPart(name)),
      ...names.map((name) => this.#halfPart(name)).filter(({ candidates }) => candidates.length > 0),
    ];
    const choices: Record<string, Choices[string]> = {};
    for (const [index, part] of parts.entries()) {
      const chosen = await this.#choose(part, form, parts.slice(index + 1));
      choices[part.name] = { candidates: part.candidates, chosen };
      form = part.with(chosen, form);
    }
    return { form, choices, notes: this.#notes, compilations: this.#device?.compilations ?? 0 };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#reference[Symbol.dispose]();
    await this.#device?.[Symbol.asyncDispose]();
  }

  #axisPart(axis: Axis): Part {
    const { plans, shape, device } = this.#options;
    const first = firstAxes(device)[axis] ?? axes[axis][0];
    const values: readonly AxisValue[] = [first, ...axes[axis].filter((value) => value !== first)];
    // Only products differ by the strategy of their weights.
    const kinds = plans.filter(({ weights }, index) =>
      axis === 'split' ? plans.findIndex((each) => each.weights === weights) === index : index === 0,
    );
    return {
      name: axis,
      candidates: values.map(String),
      rule: () => null,
      canaries: kinds.map((plan) => axisCanary(axis, plan, shape)),
      with: (candidate, form) => ({ ...form, [axis]: values.find((value) => String(value) === candidate)! }),
    };
  }

  #halfPart(name: string): Part {
    const kinds = this.#kindsOf(name);
    const withVariant = (variant: string, form: ProgramForm) => ({
      ...form,
      variants: { ...form.variants, [name]: variant },
    });
    return {
      name,
      candidates: (kinds[0]!.block.variants ?? []).map((variant) => variant.name),
      rule: (variant, form) => this.#rule(kinds, withVariant(variant, form)),
      canaries: kinds.map(({ plan, block }) => halfCanary(plan, block, this.#options.shape)),
      with: withVariant,
    };
  }

  /** The host is its last candidate, which asks nothing of a device. */
  #classifierPart(shape: ClassifierShape): Part {
    const { device, training } = this.#options;
    const places = ['device', 'host'] as const;
    return {
      name: 'classifier',
      candidates: places,
      rule: (place, form) => {
        if (place === 'host') return null;
        const { forward, backward } = classifierPrograms(shape, form);
        for (const { program } of training ? [forward, backward] : [forward]) {
          const broken = ruleBrokenBy(device, program.text);
          if (broken !== null) return broken;
        }
        return null;
      },
      canaries: [classifierCanary(shape)],
      with: (place, form) => ({ ...form, classifier: places.find((each) => each === place)! }),
      how: (place) => `on the ${place}`,
    };
  }

  /** As `#classifierPart`; none where a block has no matrices. */
  #gradientsPart(name: string): Part[] {
    const { device, shape } = this.#options;
    const places = ['device', 'host'] as const;
    const kinds = this.#kindsOf(name).filter(({ block }) => matrixGradients(blockFlow(block).parameters).length > 0);
    if (kinds.length === 0) return [];
    const rule = (place: string, form: ProgramForm) => {
      if (place === 'host') return null;
      const programs = kinds.flatMap(({ plan: { definition }, block }) =>
        gradientPrograms(blockFlow(block).parameters, definition.parameters(shape), shape.batch * shape.sequence, form),
      );
      return (
        programs.map(({ program }) => ruleBrokenBy(device, program.text)).find((broken) => broken !== null) ?? null
      );
    };
    return [
      {
        ...{ name: gradientPart(name), candidates: places, rule },
        canaries: kinds.map(({ plan: { definition }, block }) => gradientCanary(definition, block, shape)),
        with: (place, form) => ({
          ...form,
          weightGradients: { ...form.weightGradients, [name]: places.find((each) => each === place)! },
        }),
        how: (place) => `on the ${place}`,
      },
    ];
  }

  /** The first candidate that nothing speaks against, kept or found. Answers without some candidates are kept by themselves. */
  async #choose(whole: Part, form: ProgramForm, later: readonly Part[]): Promise<string> {
    const { name: what } = whole;
    const excluded = this.#options.excluded?.[what] ?? [];
    const candidates = whole.candidates.filter((candidate) => !excluded.includes(candidate));
    const part = { ...whole, candidates };
    const failed = this.#options.failed?.[what] ?? {};
    const question = this.#device === null ? null : this.#question(part, form, this.#options.training);
    const known = question === null ? null : this.#known(part, form, question);
    if (known?.chosen === null && Object.keys(failed).length === 0)
      throw this.#nothing(part, known.refused, known.found);
    const refused: Record<string, string> = { ...known?.refused, ...failed };
    const found = new Date().toISOString();
    const broken = new Set<string>();
    const keep = (chosen: string | null) => {
      // A rule holds for a shape; the answer, for all shapes of a class.
      const tried = Object.fromEntries(Object.entries(refused).filter(([each]) => !broken.has(each)));
      if (question !== null) storedChoices.tryWrite(question, { chosen, refused: tried, found });
    };
    for (const candidate of candidates) {
      if (candidate in refused) continue;
      const forbidden = part.rule(candidate, form);
      if (forbidden !== null) {
        broken.add(candidate);
        refused[candidate] = forbidden;
        continue;
      }
      if (question !== null && known?.chosen !== candidate) {
        this.#options.onProgress?.(`${what} ${candidate}`);
        const last = candidates.findLast((each) => !(each in refused))!;
        const wrong = await this.#try(part, part.with(candidate, form), [
          ...this.#programs(part, part.with(last, form)),
          ...later.flatMap((each) => this.#programs(each, each.with(each.candidates.at(-1)!, form))),
        ]);
        if (wrong !== null) {
          refused[candidate] = wrong;
          continue;
        }
      }
      if (known?.chosen !== candidate) keep(candidate);
      if (candidate !== whole.candidates[0]) {
        const elsewhere = excluded.map((each) => [each, 'on the device of another rank'] as const);
        this.#notes.push(note(whole, candidate, { ...Object.fromEntries(elsewhere), ...refused }));
      }
      return candidate;
    }
    // The caller has an error for that, which says what to do.
    if (broken.size === candidates.length) return candidates[0]!;
    if (broken.size === 0) keep(null);
    throw this.#nothing(part, refused, null);
  }

  /**
   * Why a form does not run, or wrong; null if all of its programs give the results of the cpu device.
   *
   * @param reserved Programs that there have to be compilations for afterwards.
   */
  async #try(part: Part, form: ProgramForm, reserved: readonly CanaryProgram[]): Promise<string | null> {
    const { training } = this.#options;
    const asked = part.canaries.flatMap((canary) =>
      this.#programsOf(canary, form, training).map((program) => ({ canary, program })),
    );
    const known = asked
      .map(({ program }) => this.#verdicts.get(program.key))
      .find((verdict) => typeof verdict === 'string');
    if (known !== undefined) return known!;
    const cases = new Map<Canary, ReadonlyMap<string, ProgramCase>>();
    for (const { canary, program } of asked.toSorted((a, b) => b.program.text.length - a.program.text.length)) {
      if (this.#verdicts.has(program.key)) continue;
      const unknown = new Set(reserved.map(({ key }) => key).filter((key) => !this.#verdicts.has(key)));
      unknown.add(program.key);
      if (this.#device!.compilations + unknown.size > MOST_COMPILATIONS)
        return `not tried: a choice compiles ${MOST_COMPILATIONS} programs at most`;
      if (!cases.has(canary)) cases.set(canary, await this.#reference.cases(canary, form, training));
      const verdict = await this.#device!.check(cases.get(canary)!.get(program.text)!);
      this.#verdicts.set(program.key, verdict);
      if (verdict !== null) return verdict;
    }
    return null;
  }

  #programs({ canaries }: Part, form: ProgramForm): CanaryProgram[] {
    return canaries.flatMap((canary) => this.#programsOf(canary, form, this.#options.training));
  }

  #programsOf(canary: Canary, form: ProgramForm, training: boolean): readonly CanaryProgram[] {
    const known = this.#written.get(canary) ?? new Map<string, readonly CanaryProgram[]>();
    this.#written.set(canary, known);
    const key = JSON.stringify([form, training]);
    const programs = known.get(key) ?? canaryPrograms(canary, form, training);
    known.set(key, programs);
    return programs;
  }

  #nothing({ name, candidates }: Part, refused: Refusals, found: string | null): MayflyError {
    const { device } = this.#options;
    const again =
      found === null
        ? ''
        : ` Found ${found} on system ${release()}; ${mayflyCommand(['doctor', '--choose'])} asks again.`;
    const reasons = [...new Set(Object.values(refused))].map(
      (reason) => `${candidates.filter((each) => refused[each] === reason).join(', ')} (${reason})`,
    );
    return new MayflyError(
      'ERR_NO_VARIANT',
      `Expected device ${device} to run ${name} in one of ${candidates.length} variants, got none: ${reasons.join('; ')}.${again}`,
    );
  }

  /** Each way in which layers have a half of this name: definition and weight strategy. */
  #kindsOf(name: string): { readonly plan: LayerPlan; readonly block: Block }[] {
    const all = this.#options.plans.flatMap((plan) =>
      plan.definition.blocks.filter((block) => block.name === name).map((block) => ({ plan, block })),
    );
    return all.filter(
      ({ plan, block }, index) =>
        all.findIndex((other) => other.block === block && other.plan.weights === plan.weights) === index,
    );
  }

  #rule(kinds: readonly { readonly plan: LayerPlan; readonly block: Block }[], form: ProgramForm): string | null {
    const { device, shape, training } = this.#options;
    for (const { plan, block } of kinds) {
      const half = { definition: { ...plan.definition, blocks: [block] }, weights: plan.weights };
      const broken = ruleBroken(device, { shape, weights: plan.weights, plans: [half], form, training });
      if (broken !== null) return broken;
    }
    return null;
  }

  /** Whether the programs of any half depend on an axis. */
  #matters(axis: Axis): boolean {
    const { plans, shape, form } = this.#options;
    return plans.some((plan) =>
      plan.definition.blocks.some((block) => {
        const canary = halfCanary(plan, block, shape);
        const texts = axes[axis].map((value) =>
          canaryPrograms(canary, { ...form, [axis]: value }, true)
            .map(({ text }) => text)
            .join(),
        );
        return new Set(texts).size > 1;
      }),
    );
  }

  /** The answer for the passes that run; else that for training, where both passes ran. */
  #known(part: Part, form: ProgramForm, question: string): StoredChoice | null {
    const { again = false, training } = this.#options;
    if (again) return null;
    const own = storedChoices.read(question);
    if (own !== null || training) return own;
    const trained = storedChoices.read(this.#question(part, form, true));
    return trained?.chosen === null ? null : trained;
  }

  #question(part: Part, form: ProgramForm, training: boolean): string {
    const { device, shape, pool } = this.#options;
    const hash = createHash('sha256');
    for (const canary of part.canaries) {
      for (const candidate of part.candidates)
        for (const { text } of this.#programsOf(canary, part.with(candidate, form), training))
          hash.update(`${text.length} ${text}`);
    }
    const path = pathOf(device, pool.env ?? process.env);
    const question: ChoiceQuestion = {
      ...{ device: path, part: part.name, class: classOf(shape), programs: hash.digest('hex') },
    };
    return JSON.stringify(question);
  }
}

/** Values of axes that a device begins with where they differ from those of other devices. */
const firstAxes = (device: string): Pick<ProgramForm, Axis> => (device === 'ane' ? { silu: 'exp' } : {});

/** The device, and what decides how its programs are compiled and evaluated. */
function pathOf(device: string, env: Readonly<Record<string, string | undefined>>): string {
  const key = limitsKey(device, chooseAneApi(device, env).api);
  const { MAYFLY_ANE_EVALUATE: evaluate = '' } = env;
  return device !== 'ane' || evaluate === '' ? key : `${key} ${evaluate}`;
}

/** Biases and norms are in the texts of the programs, a sliding window only in their constants. */
const classOf = (shape: ProgramShape): string => {
  const { dim, hidden, batch, sequence } = shape;
  const power = (size: number) => 2 ** Math.ceil(Math.log2(size));
  return `dim ${power(dim)}, hidden ${power(hidden)}, ${power(batch)} × ${power(sequence)} tokens${slides(shape) ? ', sliding' : ''}`;
};

/** Which one is taken, and why not the one before it. */
function note({ name, candidates, how }: Part, chosen: string, refused: Refusals): string {
  const index = candidates.indexOf(chosen);
  const before = candidates[index - 1]!;
  const runs = how?.(chosen) ?? `as ${chosen}, number ${index + 1} of ${candidates.length}`;
  return `${name} runs ${runs}: ${before} failed (${refused[before]})`;
}
