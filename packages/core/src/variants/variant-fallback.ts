import { isDeepStrictEqual } from 'node:util';
import { isMayflyError, MayflyError } from '@mayfly/native';
import type { Decoder } from '../decoder/decoder.js';
import { planLayers } from '../decoder/layer-plan.js';
import type { KernelCompiler } from '../decoder/timed-kernel.js';
import type { ArenaScope } from '../memory/scope.js';
import { isQuarantine } from '../pool/errors.js';
import type { Pool } from '../pool/pool.js';
import type { PoolOptions } from '../pool/pool-options.js';
import type { ProgramForm } from '../programs/form.js';
import { layerBlocks } from '../programs/layer-blocks.js';
import { blockOfGradients, gradientPart } from '../programs/weight-gradients.js';
import type { Exclusions } from './choose-form.js';
import { type PlannedDecoder, planDecoder, programRefusal } from './decoder-pool.js';
import { type Axis, axes, axisNames, forcedForm } from './variant-option.js';

/** A half or an axis whose programs the device refused, and the variant or value in which it goes on. */
export interface VariantMove {
  readonly part: string;
  readonly from: string;
  readonly to: string;
  readonly reason: string;
}

interface Found {
  readonly plan: PlannedDecoder;
  readonly move: VariantMove;
}

/** Words of an engine about the operations that an axis writes. */
const operationsOf: Readonly<Record<Axis, RegExp>> = {
  silu: /sigmoid|silu/,
  rope: /concat|slice|joins/,
  split: /sums \d+ products/,
};
/** Words about how the operations of a program hang together, which no axis changes. */
const isOfWhole = /cycle path|feeds|products in one program/;

const isOfClassifier = /^classifier(Forward|Backward)$/;

/** Moves a decoder's layers to the next form when the device refuses a program of the one in use. */
export class VariantFallback {
  readonly #decoder: Decoder;
  readonly #compiler: KernelCompiler;
  readonly #place: Pool | PoolOptions;
  readonly #failed: Record<string, Record<string, string>> = {};
  #plan: PlannedDecoder;
  #layersSource: ArenaScope;

  /**
   * @param place What the plan was made for.
   * @param compiler What stands between the pool and the decoder. Default: nothing.
   * @param layersSource That of the decoder's layers.
   */
  constructor(
    decoder: Decoder,
    plan: PlannedDecoder,
    place: Pool | PoolOptions,
    {
      pool,
      compiler = pool,
      layersSource,
    }: { readonly pool: Pool; readonly compiler?: KernelCompiler; readonly layersSource: ArenaScope },
  ) {
    this.#decoder = decoder;
    this.#plan = plan;
    this.#place = place;
    this.#compiler = compiler;
    this.#layersSource = layersSource;
  }

  /** How the decoder's programs are written now. */
  get plan(): PlannedDecoder {
    return this.#plan;
  }

  /** Compiles the decoder's kernels, in the next variant where the device refuses one. */
  async load(): Promise<void> {
    try {
      await this.#decoder.load(this.#compiler);
    } catch (error) {
      await this.moveFrom(error);
    }
  }

  /**
   * Writes and compiles the layers anew: with another value of the axis that the device names, or under which it takes the program, else
   * with the next variant of the half whose kernel failed. The classifier's products and weight gradients move to the host. Parameters, moments and everything else stay as they are. Nothing may run.
   *
   * @param error Of a kernel that the pool gave up on.
   * @throws The same error where it is of another kind, or all of it was forced; `ERR_NO_VARIANT` where none is left.
   */
  async moveFrom(error: unknown): Promise<VariantMove> {
    const found = await this.#next(error);
    if (found === null) throw error;
    const { plan, move } = found;
    const { reason } = move;
    this.#failed[move.part] = { ...this.#failed[move.part], [move.from]: `in use: ${reason}` };
    await this.#rewrite(plan);
    process.emitWarning(`${move.part} moves from ${move.from} to ${move.to}: ${reason}`, {
      type: 'MayflyWarning',
      code: 'MAYFLY_VARIANT',
    });
    try {
      await this.#decoder.load(this.#compiler);
    } catch (next) {
      const last = await this.moveFrom(next);
      return last.part === move.part ? { ...move, to: last.to } : last;
    }
    return move;
  }

  /**
   * Goes on without what the devices of other ranks refuse. Nothing may run.
   *
   * @throws As `moveFrom`.
   */
  async exclude(excluded: Exclusions): Promise<void> {
    const before = this.#plan;
    const plan = await planDecoder({ ...before, excluded }, this.#place, this.#failed);
    if (isDeepStrictEqual(plan.form, before.form)) {
      this.#plan = plan;
      return;
    }
    await this.#rewrite(plan);
    await this.load();
  }

  /**
   * What a refusal amid a run of several ranks means, whose numbers would differ if one of them went on with other programs: an error that
   * says how to go on. The refusal is kept on this machine, so that all ranks begin without the program. Another error as it is.
   */
  async whereRanksAgree(error: unknown): Promise<unknown> {
    const found = await this.#next(error);
    if (found === null) return error;
    const { part, from, to, reason } = found.move;
    return new MayflyError(
      'ERR_VARIANT_REFUSED',
      `Expected the device to run ${part} as ${from} on, got ${reason}. All ranks have to change together: resume the run, and they take ${to}`,
      { cause: error },
    );
  }

  /** The plan without what the device refused; null where the error is of another kind, or nothing else is left to be chosen. */
  async #next(error: unknown): Promise<Found | null> {
    const part = this.#partOf(error);
    if (part === null) return null;
    const { cause, message, kernel } = error as Error & { readonly kernel: string };
    const reason = (cause instanceof Error ? cause.message : message).split('\n')[0]!.replace(/; its last words:$/, '');
    const isHalf = part in (this.#plan.form.variants ?? {});
    return (isHalf ? await this.#otherAxis(part, kernel, reason) : null) ?? (await this.#otherVariant(part, reason));
  }

  async #rewrite(plan: PlannedDecoder): Promise<void> {
    this.#plan = plan;
    await this.#decoder.clearLayers();
    this.#layersSource.free();
    this.#decoder.writeLayers(this.#layersSource, plan.form);
  }

  /** A form with another value of an axis, in which the device takes the program that it refused, at its real size. */
  async #otherAxis(half: string, kernel: string, reason: string): Promise<Found | null> {
    const { config, batch, sequence, weights, layers, lora, documentMask, variant } = this.#plan;
    const forced = forcedForm(variant).axes;
    const shape = { ...config, batch, sequence };
    const [, pass, stage = ''] = /\.(forward|backward)(?:\.(.*))?$/.exec(kernel) ?? [];
    const programOf = (form: ProgramForm) =>
      planLayers({ ...config, documentMask }, weights, layers, lora)
        .flatMap((plan) => layerBlocks(plan.weights, plan.definition, shape, form))
        .filter(({ block }) => block.name === half)
        .flatMap(({ [pass as 'forward' | 'backward']: programs }) => programs)
        .find((program) => program.stage === stage)?.program;
    const before = programOf(this.#plan.form)?.text;
    const named = axisNames.filter((axis) => operationsOf[axis].test(reason));
    if (isOfWhole.test(reason)) return null;
    for (const axis of named.length > 0 ? named : axisNames) {
      const from = this.#plan.form[axis] ?? axes[axis][0];
      if (axis in forced) continue;
      const failed: Record<string, string> = { ...this.#failed[axis], [String(from)]: `in use: ${reason}` };
      for (const value of axes[axis]) {
        if (String(value) in failed) continue;
        const changed = programOf({ ...this.#plan.form, [axis]: value });
        if (changed === undefined || changed.text === before) continue;
        const refusal = await programRefusal(changed, this.#place, this.#plan.onProgress);
        if (refusal !== null) {
          failed[String(value)] = `in use: ${refusal}`;
          continue;
        }
        const plan = await planDecoder(this.#plan, this.#place, { ...this.#failed, [axis]: failed });
        const to = plan.form[axis];
        if (to === value) return { plan, move: { part: axis, from: String(from), to: String(to), reason } };
      }
    }
    return null;
  }

  async #otherVariant(part: string, reason: string): Promise<Found | null> {
    const from = candidateOf(this.#plan.form, part);
    if (from === undefined) return null;
    const failed = { ...this.#failed[part], [from]: `in use: ${reason}` };
    const plan = await planDecoder(this.#plan, this.#place, { ...this.#failed, [part]: failed });
    const to = candidateOf(plan.form, part)!;
    return to === from ? null : { plan, move: { part, from, to, reason } };
  }

  /** The half whose kernel the pool gave up on, or `classifier`, or a half's weight gradients; null for other errors. */
  #partOf(error: unknown): string | null {
    if (!isMayflyError(error) || !isQuarantine(error) || !('kernel' in error)) return null;
    const parts = String(error.kernel).split('.');
    if (isOfClassifier.test(String(error.kernel))) return 'classifier';
    const gradients = blockOfGradients(String(error.kernel));
    if (gradients !== null) return gradientPart(gradients);
    return Object.keys(this.#plan.form.variants ?? {}).find((half) => parts.includes(half)) ?? null;
  }
}

/** What a form says of a part. */
function candidateOf(form: ProgramForm, part: string): string | undefined {
  const block = blockOfGradients(part);
  if (block !== null) return form.weightGradients?.[block];
  return part === 'classifier' ? form.classifier : form.variants?.[part];
}
