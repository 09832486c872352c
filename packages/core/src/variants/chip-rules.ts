import {
  type ChipProfile,
  isSimName,
  type LintFinding,
  lint,
  MayflyError,
  machineProfile,
  parseSimName,
} from '@mayfly/native';
import { mayflyCommand } from '../command-line.js';
import { type LayerPlan, strategyOf } from '../decoder/layer-plan.js';
import type { ProgramForm } from '../programs/form.js';
import { decoderLayerOf, programName } from '../programs/layer.js';
import { type LayerWeights, layerBlocks } from '../programs/layer-blocks.js';
import type { ProgramShape } from '../programs/shape.js';

/** The programs that a model is about to be run by. */
export interface PlannedPrograms {
  readonly shape: ProgramShape;
  readonly weights: LayerWeights;
  /** The definition of each layer. Default: the decoder's own, with `weights`. */
  readonly plans?: readonly LayerPlan[];
  readonly form: ProgramForm;
  /** Without the programs of the backward pass where false. */
  readonly training: boolean;
}

/** A rule that a program breaks. */
interface BrokenRule extends LintFinding {
  readonly program: string;
}

/**
 * Holds programs against the rules of the device's chip (`docs/reference/lint.md`) before anything is compiled: wrong data has no error
 * of its own. Devices without rules (`cpu`, a simulator with `no-rules`, an engine of an unknown chip) pass. With the variable
 * MAYFLY_CHIP_RULES=warn, errors count as warnings.
 *
 * @returns The warnings in one line; null if there are none.
 * @throws `ERR_CHIP_RULES` with chip, rule, program and a way out.
 */
export function checkChipRules(device: string, planned: PlannedPrograms): string | null {
  const profile = profileOf(device);
  if (profile === null) return null;
  const broken = brokenRules(profile, planned);
  const error = broken.find(({ level }) => level === 'error');
  const lenient = process.env.MAYFLY_CHIP_RULES === 'warn';
  if (error === undefined || lenient) return warning(profile, lenient ? broken : broken.filter(isWorthTelling));
  const { program, rule, severity, message } = error;
  throw new MayflyError(
    'ERR_CHIP_RULES',
    `Expected programs that ${profile.name} runs right, got ${program} of ${planned.weights} weights, which breaks ${rule} ` +
      `(${severity}: ${message}): ${wayOut(device, profile, planned)}`,
  );
}

/** The first rule of level `error` that a form's programs break on the device's chip, in a few words; null if there is none. */
export function ruleBroken(device: string, planned: PlannedPrograms): string | null {
  const profile = process.env.MAYFLY_CHIP_RULES === 'warn' ? null : profileOf(device);
  const error = profile && brokenRules(profile, planned).find(({ level }) => level === 'error');
  return error ? `${profile.name}'s rule ${error.rule}: ${error.message}` : null;
}

/** The first rule of level `error` that a program breaks on the device's chip, in a few words; null if there is none. */
export function ruleBrokenBy(device: string, text: string): string | null {
  const profile = process.env.MAYFLY_CHIP_RULES === 'warn' ? null : profileOf(device);
  const error = profile && lint(text, profile).find(({ level }) => level === 'error');
  return error ? `${profile.name}'s rule ${error.rule}: ${error.message}` : null;
}

function profileOf(device: string): ChipProfile | null {
  if (device === 'ane') return machineProfile();
  if (!isSimName(device)) return null;
  const { profile, rules } = parseSimName(device);
  return rules ? profile : null;
}

function brokenRules(profile: ChipProfile, { shape, form, training, ...planned }: PlannedPrograms): BrokenRule[] {
  const plans = planned.plans ?? [{ definition: decoderLayerOf(shape), weights: planned.weights }];
  const kinds = plans.filter(
    ({ definition, weights }, index) =>
      plans.findIndex((other) => other.definition === definition && other.weights === weights) === index,
  );
  const sources = kinds.flatMap(({ definition, weights }) => {
    const blocks = layerBlocks(weights, definition, shape, form);
    const directions = training ? (['forward', 'backward'] as const) : (['forward'] as const);
    return directions.flatMap((direction) =>
      blocks.flatMap(({ block, [direction]: programs }) =>
        programs.map((each) => ({ program: programName(block, direction, each), source: each.program })),
      ),
    );
  });
  return sources.flatMap(({ program, source }) => lint(source.text, profile).map((each) => ({ ...each, program })));
}

/** Rules on time and memory are left to `mayfly plan`. */
const isWorthTelling = ({ severity }: LintFinding): boolean => severity !== 'performance' && severity !== 'resource';

function warning({ name }: ChipProfile, broken: readonly BrokenRule[]): string | null {
  if (broken.length === 0) return null;
  const rules = [...new Set(broken.map(({ rule }) => rule))].join(', ');
  const programs = [...new Set(broken.map(({ program }) => program))].join(', ');
  return `${name} may not run ${programs} right: ${rules} (${mayflyCommand(['lint', '--rules'])} tells what is known)`;
}

function wayOut(device: string, profile: ChipProfile, planned: PlannedPrograms): string {
  const other = planned.weights === 'dynamic' ? 'static' : 'dynamic';
  const plans = planned.plans?.map(({ definition }) => ({ definition, weights: strategyOf(definition, other) }));
  const changed: PlannedPrograms = { ...planned, weights: other, ...(plans && { plans }) };
  const clean = !brokenRules(profile, changed).some(({ level }) => level === 'error');
  const change = clean
    ? `take weights: '${other}' (--weights ${other}), whose programs break none`
    : 'take another batch, seq or model';
  const anyway = device === 'ane' ? 'MAYFLY_CHIP_RULES=warn' : `${device},no-rules`;
  return `${change}, or run them anyway with ${anyway}`;
}
