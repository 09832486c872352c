import { MayflyError } from '../errors.js';

/** When a fault strikes: evaluations (compilations, …) are counted from 1 in each process. One of the four is given. */
export interface FaultTrigger {
  /** These. */
  readonly at?: readonly number[];
  /** Every n-th. */
  readonly every?: number;
  /** This one and all after it. */
  readonly from?: number;
  /** Each with this probability. */
  readonly probability?: number;
}

/**
 * `hang` never answers; `crash` ends the process with SIGSEGV, `abort` with SIGABRT, `exit` with `code`; `zeros` succeeds with zeros
 * as results; `error` fails an evaluation with 0x1d, a compilation as the compiler does; `load` fails a compilation with 0x20004;
 * `leak` keeps 256 KiB for good at an evaluation.
 */
export type FaultKind = 'hang' | 'crash' | 'abort' | 'exit' | 'zeros' | 'error' | 'load' | 'leak';

export interface Fault extends FaultTrigger {
  readonly fault: FaultKind;
  /** Exit code of the fault `exit`. Default 0. */
  readonly code?: number;
}

/** Faults of a simulated device. */
export interface FaultPlan {
  /** When the device is opened: the worker is starting. */
  readonly open: readonly Fault[];
  readonly compile: readonly Fault[];
  readonly evaluate: readonly Fault[];
  /** When a program is unloaded. */
  readonly unload: readonly Fault[];
  /** Programs to refuse by their form, `pattern[=N][@phase][/elements]`: docs/topics/variants.md. */
  readonly refuse: readonly string[];
  /** Duration of unloading a program, in milliseconds. */
  readonly teardownMs: number;
  /** Seed of the probabilities: processes with the same seed have the same faults. Absent: each process draws its own seed. */
  readonly seed?: number;
}

export const noFaults: FaultPlan = { open: [], compile: [], evaluate: [], unload: [], refuse: [], teardownMs: 0 };

const endings = ['hang', 'crash', 'abort', 'exit'] as const;
const kinds = {
  open: endings,
  compile: [...endings, 'error', 'load'],
  evaluate: [...endings, 'zeros', 'error', 'leak'],
  unload: endings,
} as const satisfies Record<string, readonly FaultKind[]>;
type Phase = keyof typeof kinds;

/** Checks a plan as a profile or `MAYFLY_SIM_FAULTS` gives it; `where` names it in errors. Errors: `ERR_CHIP_PROFILE`. */
export function parseFaultPlan(given: unknown, where: string): FaultPlan {
  const plan = object(given, where);
  onlyKeys(plan, [...Object.keys(kinds), 'refuse', 'teardownMs', 'seed'], where);
  return {
    open: faults(plan.open, 'open', where),
    compile: faults(plan.compile, 'compile', where),
    evaluate: faults(plan.evaluate, 'evaluate', where),
    unload: faults(plan.unload, 'unload', where),
    refuse: patterns(plan.refuse, `${where}.refuse`),
    teardownMs: plan.teardownMs === undefined ? 0 : whole(plan.teardownMs, `${where}.teardownMs`, 0),
    ...(plan.seed === undefined ? {} : { seed: whole(plan.seed, `${where}.seed`, 0) }),
  };
}

function faults(given: unknown, phase: Phase, where: string): readonly Fault[] {
  if (given === undefined) return [];
  if (!Array.isArray(given)) throw unexpected(`${where}.${phase}`, 'a list of faults', given);
  return given.map((each: unknown, index) => fault(each, phase, `${where}.${phase}[${index}]`));
}

function fault(given: unknown, phase: Phase, where: string): Fault {
  const entry = object(given, where);
  onlyKeys(entry, ['fault', 'code', 'at', 'every', 'from', 'probability'], where);
  const kind = kinds[phase].find((each) => each === entry.fault);
  if (kind === undefined) throw unexpected(`${where}.fault`, kinds[phase].join(', '), entry.fault);
  const code = entry.code === undefined ? {} : { code: whole(entry.code, `${where}.code`, 0) };
  const triggers = (['at', 'every', 'from', 'probability'] as const).filter((name) => entry[name] !== undefined);
  if (triggers.length !== 1) throw unexpected(where, 'one of at, every, from, probability', triggers.join(', '));
  switch (triggers[0]!) {
    case 'at': {
      const at: unknown[] = Array.isArray(entry.at) ? entry.at : [entry.at];
      return { fault: kind, ...code, at: at.map((each) => whole(each, `${where}.at`, 1)) };
    }
    case 'every':
      return { fault: kind, ...code, every: whole(entry.every, `${where}.every`, 1) };
    case 'from':
      return { fault: kind, ...code, from: whole(entry.from, `${where}.from`, 1) };
    case 'probability': {
      const { probability } = entry;
      if (typeof probability === 'number' && probability >= 0 && probability <= 1)
        return { fault: kind, ...code, probability };
      throw unexpected(`${where}.probability`, 'a number from 0 to 1', probability);
    }
  }
}

/** The addon checks the patterns themselves, when a worker opens the device. */
function patterns(given: unknown, where: string): readonly string[] {
  if (given === undefined) return [];
  if (Array.isArray(given) && given.every((each) => typeof each === 'string')) return given;
  throw unexpected(where, 'a list of patterns', given);
}

export function object(given: unknown, where: string): Record<string, unknown> {
  if (typeof given === 'object' && given !== null && !Array.isArray(given)) return given as Record<string, unknown>;
  throw unexpected(where, 'an object', given);
}

export function onlyKeys(given: Record<string, unknown>, known: readonly string[], where: string): void {
  const unknown = Object.keys(given).find((key) => !known.includes(key));
  if (unknown !== undefined) throw unexpected(where, `an object with ${known.join(', ')}`, `\`${unknown}\``);
}

function whole(given: unknown, where: string, least: number): number {
  if (Number.isSafeInteger(given) && (given as number) >= least) return given as number;
  throw unexpected(where, `a whole number from ${least} up`, given);
}

export function unexpected(where: string, expected: string, given: unknown): MayflyError {
  const shown = typeof given === 'string' ? given : (JSON.stringify(given) ?? 'nothing');
  return new MayflyError('ERR_CHIP_PROFILE', `Expected ${where} to be ${expected}, got ${shown}`);
}
