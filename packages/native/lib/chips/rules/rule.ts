import type { MilPosition } from '../../contract.js';
import type { ChipProfile } from '../chip-profile.js';
import type { Grade } from '../figure.js';
import type { ProgramView } from '../program-view.js';

/**
 * The effect of a broken rule: an error at compilation, at loading or at evaluation, wrong data without an error, lost time, or
 * exhausted memory or slots.
 */
export type Severity = 'compile' | 'load' | 'evaluate' | 'silent data' | 'performance' | 'resource';

/** One position at which a program breaks a rule, with the remedy. */
export interface Violation {
  readonly message: string;
  readonly at: MilPosition;
}

/** A published restriction of Apple's Neural Engines that a program's text can be checked against. */
export interface Rule {
  readonly id: string;
  readonly severity: Severity;
  /** The chip's requirement, in one sentence. */
  readonly summary: string;
  /** Chips and releases on which the restriction was observed. */
  readonly known: string;
  /** Keys of the sources: see `docs/reference/lint.md`. */
  readonly sources: readonly string[];
  readonly grade: Grade;
  /** Sources that observed the opposite. Such a rule warns, except on the chips of `confirmed`. */
  readonly contradicted?: string;
  /** Chips on which a contradicted rule was measured; it is an error there. */
  readonly confirmed?: readonly string[];
  /** True if the effect depends on the data. Such a rule warns. */
  readonly onValues?: true;
  /** Wrong data of a program that breaks a rule of severity `silent data`. Default: zeros. */
  readonly effect?: 'zeros' | 'alphabetical inputs' | 'alphabetical outputs';
  /** Generations that the rule applies to, e.g. `m1`. Default: all. */
  readonly generations?: readonly string[];
  /** Chips that the rule applies to. Default: all of `generations`. */
  readonly chips?: readonly string[];
  check(program: ProgramView, profile: ChipProfile): Iterable<Violation>;
}
