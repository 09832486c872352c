import { isRecord } from '../files/read-file.js';
import { MachineAnswers } from './answers.js';

/** Reasons why a device does not run a variant, by the variant's name. */
export type Refusals = Readonly<Record<string, string>>;

/** An answer that is kept: the variant of a half, or the value of an axis. */
export interface StoredChoice {
  /** Null where none of them runs. */
  readonly chosen: string | null;
  readonly refused: Refusals;
  /** ISO 8601. */
  readonly found: string;
}

/** What an answer is kept for. */
export interface ChoiceQuestion {
  readonly device: string;
  /** The name of a half, or an axis. */
  readonly part: string;
  /** Sizes, as powers of two at least as large. */
  readonly class: string;
  /** Of the texts of all programs that could be chosen, for a small shape. */
  readonly programs: string;
}

/** The choices that are kept on this machine. */
export const storedChoices = new MachineAnswers<StoredChoice>(
  'variant',
  (value) =>
    isRecord(value) &&
    (typeof value.chosen === 'string' || value.chosen === null) &&
    isRecord(value.refused) &&
    Object.values(value.refused).every((reason) => typeof reason === 'string') &&
    typeof value.found === 'string',
);
