import { createHash } from 'node:crypto';
import { isSimName, MayflyError, refusedPatterns } from '@mayfly/native';
import { chooseAneApi, limitsKey } from '../machine/ane-api.js';
import { type ChoiceQuestion, type Refusals, type StoredChoice, storedChoices } from '../machine/choices.js';
import type { MilOptions } from '../mil/graph.js';
import type { ProgramForm } from '../programs/form.js';
import { layerBlocks } from '../programs/layer-blocks.js';
import type { Block } from '../programs/layer-graph.js';
import type { ProgramShape } from '../programs/shape.js';
import { axisCanary, type Canary, canaryCase, difference, halfCanary } from './canaries.js';
import { CanaryDevice, type CanaryOptions } from './canary-device.js';
import { ruleBroken } from './chip-rules.js';
import type { LayerPlan } from './layer-plan.js';
import { type Axis, type AxisValue, axes, axisNames, forcedForm, forcedVariants } from './variant-option.js';

/** The device and the layers that a choice is made for. */
export interface ChoiceOptions extends CanaryOptions {
  /** Dialect and weight files of the device. */
  readonly form: MilOptions;
  readonly shape: ProgramShape;
  readonly plans: readonly LayerPlan[];
  /** Whether backward passes have to run, too. Without them, the answers for training serve where they are known. */
  readonly training: boolean;
  /** The option `variant`. */
  readonly variant?: string | undefined;
  /** Variants of each half that failed in use, with the reasons. */
  readonly failed?: Readonly<Record<string, Refusals>> | undefined;
  /** Called before each canary, with its name. */
  readonly onProgress?: ((text: string) => void) | undefined;
}

/** How the programs are written, and why so. */
export interface ChosenForm {
  readonly form: ProgramForm;
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
 * @throws `ERR_NO_VARIANT` with a reason for each variant of a half; `ERR_INVALID_ARGUMENT` for a forced variant that no layer has; the
 * signal's reason.
 */
export async function chooseForm(options: ChoiceOptions): Promise<ChosenForm> {
  await using choice = new Choice(options);
  return await choice.make();
}

interface Candidates {
  readonly part: string;
  /** In the order in which they are tried. */
  readonly names: readonly string[];
  readonly failed?: Refusals | undefined;
  /** Why the chip's rules forbid it; null if they do not. */
  readonly rule: (name: string) => string | null;
  /** The canaries that have to pass. */
  readonly canaries: readonly Canary[];
  readonly formOf: (name: string) => ProgramForm;
}

class Choice implements AsyncDisposable {
  readonly #options: ChoiceOptions;
  readonly #device: CanaryDevice | null;
  readonly #cpu: CanaryDevice;
  readonly #expected = new Map<Canary, Record<string, Float32Array>>();
  readonly #notes: string[] = [];

  constructor(options: ChoiceOptions) {
    this.#options = options;
    this.#device = needsCanaries(options.device) ? new CanaryDevice(options) : null;
    this.#cpu = new CanaryDevice({ device: 'cpu', pool: {}, signal: options.signal });
  }

  async make(): Promise<ChosenForm> {
    const { plans, shape, device, failed = {} } = this.#options;
    const forced = forcedForm(this.#options.variant);
    const blocks = plans.flatMap(({ definition }) => definition.blocks);
    const variants = forcedVariants(forced, blocks);
    let form: ProgramForm = { ...this.#options.form, ...firstAxes(device), ...forced.axes };
    for (const axis of this.#device === null ? [] : axisNames) {
      if (axis in forced.axes || !this.#matters(axis)) continue;
      const value = await this.#chooseAxis(axis, form);
      form = { ...form, [axis]: value };
    }
    for (const name of new Set(blocks.map((block) => block.name))) {
      if (name in variants) continue;
      const kinds = this.#kindsOf(name);
      const ladder = (kinds[0]!.block.variants ?? []).map((variant) => variant.name);
      if (ladder.length === 0) continue;
      variants[name] = await this.#choose({
        part: name,
        names: ladder,
        failed: failed[name],
        rule: (variant) => this.#rule(kinds, { ...form, variants: { [name]: variant } }),
        canaries: kinds.map(({ plan, block }) => halfCanary(plan, block, shape)),
        formOf: (variant) => ({ ...form, variants: { [name]: variant } }),
      });
    }
    return { form: { ...form, variants }, notes: this.#notes, compilations: this.#device?.compilations ?? 0 };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([this.#device?.[Symbol.asyncDispose](), this.#cpu[Symbol.asyncDispose]()]);
  }

  async #chooseAxis(axis: Axis, form: ProgramForm): Promise<AxisValue> {
    const { plans, shape, device } = this.#options;
    const first = firstAxes(device)[axis] ?? axes[axis][0];
    const values: readonly AxisValue[] = [first, ...axes[axis].filter((value) => value !== first)];
    const byName = (name: string) => values.find((value) => String(value) === name)!;
    const kinds = plans.filter(({ weights }, index) => plans.findIndex((each) => each.weights === weights) === index);
    const chosen = await this.#choose({
      part: axis,
      names: values.map(String),
      rule: () => null,
      canaries: kinds.map((plan) => axisCanary(axis, plan, shape)),
      formOf: (name) => ({ ...form, [axis]: byName(name) }),
    });
    return byName(chosen);
  }

  /** The first candidate that nothing speaks against, kept or found. */
  async #choose(candidates: Candidates): Promise<string> {
    const { part, names, failed = {}, rule, canaries, formOf } = candidates;
    const { training } = this.#options;
    const question = this.#device === null ? null : this.#question(candidates, training);
    const known = question === null ? null : this.#known(candidates, question);
    const refused: Record<string, string> = { ...known?.refused, ...failed };
    const broken = new Set<string>();
    for (const name of names) {
      if (name in refused) continue;
      const forbidden = rule(name);
      if (forbidden !== null) {
        broken.add(name);
        refused[name] = forbidden;
        continue;
      }
      if (question !== null && known?.chosen !== name) {
        const wrong = await this.#try(`${part} ${name}`, canaries, formOf(name));
        if (wrong !== null) {
          refused[name] = wrong;
          continue;
        }
      }
      const found = new Date().toISOString();
      const isNews = known === null || known.chosen !== name;
      // A rule holds for a shape; the answer, for all shapes of a class.
      const tried = Object.fromEntries(Object.entries(refused).filter(([each]) => !broken.has(each)));
      if (question !== null && isNews) storedChoices.tryWrite(question, { chosen: name, refused: tried, found });
      if (name !== names[0]) this.#notes.push(note(candidates, name, refused));
      return name;
    }
    // The caller has an error for that, which says what to do.
    if (broken.size === names.length) return names[0]!;
    throw new MayflyError(
      'ERR_NO_VARIANT',
      `Expected device ${this.#options.device} to run ${part} in one of ${names.length} variants, got none: ` +
        names.map((name) => `${name} (${refused[name]})`).join('; '),
    );
  }

  /** What is wrong with a form's results; null if they are those of the cpu device. */
  async #try(what: string, canaries: readonly Canary[], form: ProgramForm): Promise<string | null> {
    this.#options.onProgress?.(what);
    for (const canary of canaries) {
      const got = await this.#device!.run(canary.plan, canaryCase(canary, form, this.#options.training));
      if (typeof got === 'string') return got;
      const wrong = difference(got, await this.#expectedOf(canary), canary.tolerance);
      if (wrong !== null) return wrong;
    }
    return null;
  }

  async #expectedOf(canary: Canary): Promise<Record<string, Float32Array>> {
    const known = this.#expected.get(canary);
    if (known !== undefined) return known;
    const found = await this.#cpu.run(canary.plan, canaryCase(canary, {}, this.#options.training));
    if (typeof found === 'string')
      throw new MayflyError('ERR_NO_VARIANT', `Cannot run a canary on device cpu: ${found}`);
    this.#expected.set(canary, found);
    return found;
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
        const texts = axes[axis].map((value) => textsOf(canary, { ...form, [axis]: value }, true).join());
        return new Set(texts).size > 1;
      }),
    );
  }

  /** The answer for the passes that run; else that for training, where both passes ran. */
  #known(candidates: Candidates, question: string): StoredChoice | null {
    return storedChoices.read(question) ?? storedChoices.read(this.#question(candidates, true));
  }

  #question({ part, names, canaries, formOf }: Candidates, training: boolean): string {
    const { device, shape, pool } = this.#options;
    const hash = createHash('sha256');
    for (const canary of canaries) {
      for (const name of names)
        for (const text of textsOf(canary, formOf(name), training)) hash.update(`${text.length} ${text}`);
    }
    const path = pathOf(device, pool.env ?? process.env);
    const question: ChoiceQuestion = { device: path, part, class: classOf(shape), programs: hash.digest('hex') };
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

const classOf = ({ dim, hidden, batch, sequence }: ProgramShape): string => {
  const power = (size: number) => 2 ** Math.ceil(Math.log2(size));
  return `dim ${power(dim)}, hidden ${power(hidden)}, ${power(batch)} × ${power(sequence)} tokens`;
};

function textsOf({ plan: { definition, weights }, shape }: Canary, form: ProgramForm, training: boolean): string[] {
  return layerBlocks(weights, definition, shape, form).flatMap(({ forward, backward }) =>
    (training ? [...forward, ...backward] : forward).map(({ program }) => program.text),
  );
}

/** Which one is taken, and why not the one before it. */
function note({ part, names }: Candidates, chosen: string, refused: Refusals): string {
  const before = names[names.indexOf(chosen) - 1]!;
  return `${part} runs as ${chosen}, number ${names.indexOf(chosen) + 1} of ${names.length}: ${before} failed (${refused[before]})`;
}
