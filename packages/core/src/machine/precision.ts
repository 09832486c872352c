import { addon, type Precision } from '@mayfly/native';

/**
 * The method of matrix products that an option means here: `auto` is `blas` on a Mac whose Accelerate can be used, else `exact`.
 *
 * @throws `ERR_BLAS` for `blas` without a library.
 */
export function resolvePrecision(word: Precision | 'auto'): Precision {
  if (word === 'auto') return process.platform === 'darwin' && hasBlas() ? 'blas' : 'exact';
  if (word === 'blas') addon.blas();
  return word;
}

function hasBlas(): boolean {
  try {
    addon.blas();
    return true;
  } catch {
    return false;
  }
}
