import { loadProfile } from '@mayfly/native';
import type { PublishedFigure } from './published-figure.js';
import { publishedFigures } from './published-figures.js';
import { secondFigures } from './second-figures.js';

/** A published figure beside the model's. */
export interface Comparison extends Omit<PublishedFigure, 'predict'> {
  /** 1: known when the profiles were fitted; 2: found afterwards. */
  readonly round: 1 | 2;
  readonly predicted: number;
  /** (predicted − published) / published, 0 within a published range's middle. */
  readonly error: number;
}

/** What is left of the errors of a group of figures. */
export interface ErrorSummary {
  readonly figures: number;
  readonly within15: number;
  /** Of the errors' magnitudes. */
  readonly median: number;
  readonly worst: number;
}

export const compareFigures = (): readonly Comparison[] =>
  ([publishedFigures, secondFigures] as const).flatMap((figures, index) =>
    figures.map(({ predict, ...figure }) => {
      const predicted = predict(loadProfile(figure.chip));
      const round = index === 0 ? 1 : 2;
      return { ...figure, round, predicted, error: predicted / middle(figure.published) - 1 } as const;
    }),
  );

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
