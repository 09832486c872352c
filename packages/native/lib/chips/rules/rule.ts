import type { MilPosition } from '../../contract.js';
import type { ChipProfile } from '../chip-profile.js';
import type { Grade } from '../figure.js';
import type { ProgramView } from '../program-view.js';

/**
 * When a broken rule shows: at compilation, at loading, at evaluation as an error, as wrong data without an error, as time, or
 * as memory or slots used up.
 */
export type Severity = 'compile' | 'load' | 'evaluate' | 'silent data' | 'performance' | 'resource';

/** One place where a program breaks a rule, and what to change. */
export interface Violation {
  readonly message: string;
  readonly at: MilPosition;
}

/** Something known of Apple's Neural Engines that can be decided from a program. */
export interface Rule {
  readonly id: string;
  readonly severity: Severity;
  /** One sentence: what the chip wants. */
  readonly summary: string;
  /** Chips and releases it was seen on. */
  readonly known: string;
  /** Keys of the sources: see `docs/lint.md`. */
  readonly sources: readonly string[];
  readonly grade: Grade;
  /** Who saw the opposite. Such a rule warns, except on the chips of `confirmed`. */
  readonly contradicted?: string;
  /** Chips on which a contradicted rule was measured all the same: there it is an error. */
  readonly confirmed?: readonly string[];
  /** It depends on the data whether anything goes wrong. Such a rule warns. */
  readonly onValues?: true;
  /** What a program that breaks it does on the device, where that is not an error: default zeros. */
  readonly effect?: 'zeros' | 'alphabetical inputs' | 'alphabetical outputs';
  /** Generations it holds for, e.g. `m1`. Default: all. */
  readonly generations?: readonly string[];
  /** Chips it holds for. Default: all of `generations`. */
  readonly chips?: readonly string[];
  check(program: ProgramView, profile: ChipProfile): Iterable<Violation>;
}
