import { loadProfile } from '@mayfly/native';
import type { PublishedFigure } from './published-figure.js';
import { publishedFigures } from './published-figures.js';
import { secondFigures } from './second-figures.js';

/** A published figure and the model's prediction. */
export interface Comparison extends Omit<PublishedFigure, 'predict'> {
  /** 1: known when the profiles were fitted; 2: found afterwards. */
  readonly round: 1 | 2;
  /** The model's figure, in `unit`. */
  readonly predicted: number;
  /** (predicted − published) / published, 0 within a published range's middle. */
  readonly error: number;
}

/** Errors of a group of figures, as fractions of the published values. */
export interface ErrorSummary {
  /** Figures in the group. */
  readonly figures: number;
  /** Figures whose error is 0.15 at most in magnitude. */
  readonly within15: number;
  /** Median of the errors' magnitudes. */
  readonly median: number;
  /** Largest magnitude of an error. */
  readonly worst: number;
}

/** Compares all published figures that are known with the simulator's model of the same program on the same chip. Runs no device. */
export const compareFigures = (): readonly Comparison[] =>
  ([publishedFigures, secondFigures] as const).flatMap((figures, index) =>
    figures.map(({ predict, ...figure }) => {
      const predicted = predict(loadProfile(figure.chip));
      const round = index === 0 ? 1 : 2;
      return { ...figure, round, predicted, error: predicted / middle(figure.published) - 1 } as const;
    }),
  );

/** Counts figures and sums up the errors of `compareFigures`, or of a part of it. Of no comparisons, every number is 0. */
export function summarizeErrors(comparisons: readonly Comparison[]): ErrorSummary {
  const errors = comparisons.map(({ error }) => Math.abs(error)).sort((a, b) => a - b);
  const { length } = errors;
  return {
    figures: length,
    within15: errors.filter((error) => error <= 0.15).length,
    median: length === 0 ? 0 : (errors[(length - 1) >> 1]! + errors[length >> 1]!) / 2,
    worst: errors.at(-1) ?? 0,
  };
}

const middle = (published: PublishedFigure['published']): number =>
  typeof published === 'number' ? published : (published[0] + published[1]) / 2;
