import { addon, invalidArgument, MayflyError, type Precision } from '@mayfly/native';
import { resolvePrecision } from '../machine/precision.js';
import { poolOptions } from '../pool/pool-options.js';

/** What a checkpoint keeps of a run's matrix products. */
export interface SavedPrecision {
  /** Missing in checkpoints of early versions, which knew `exact` alone. */
  readonly precision?: Precision;
  /** The library of `blas`. */
  readonly blas?: string;
}

export const savedPrecision = (precision: Precision): SavedPrecision =>
  precision === 'blas' ? { precision, blas: addon.blas() } : { precision };

/**
 * The precision of a run: chosen once, and the same after each resumption, unless a change is allowed.
 *
 * @param before Of the run that is resumed, if one is.
 * @throws `ERR_INVALID_ARGUMENT` for another precision, `ERR_BLAS` for another library or where there is none.
 */
export function precisionOfRun(
  given: Precision | 'auto' = 'auto',
  before: SavedPrecision | undefined,
  allowChange: boolean,
): Precision {
  if (before === undefined) return resolvePrecision(given);
  const { precision: own = 'exact', blas } = before;
  poolOptions.precision.rule.check('precision', own);
  const precision = resolvePrecision(given === 'auto' ? own : given);
  if (allowChange) return precision;
  if (precision !== own) {
    const expected = `${own} as in the run that is resumed, or --allow-changed-precision (allowChangedPrecision: true)`;
    throw invalidArgument('precision', expected, precision);
  }
  if (precision === 'blas' && blas !== undefined && blas !== addon.blas()) {
    throw new MayflyError(
      'ERR_BLAS',
      `The run used the library ${blas}, and ${addon.blas()} rounds differently. Name the right one by MAYFLY_BLAS, or go on with --allow-changed-precision (allowChangedPrecision: true)`,
    );
  }
  return precision;
}
