import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus';
import type { JumpableRandomGenerator } from 'pure-rand/types/JumpableRandomGenerator';

const purposes = ['initialization', 'windows', 'sampling', 'check-layer', 'dropout', 'adapters'] as const;

/**
 * A generator of its own for each purpose of a seed, 2^64 draws apart. The same everywhere and for ever: runs are repeated
 * by their seed. At least one jump also gets away from xoroshiro's first draws, which are close for close seeds.
 *
 * @param seed A whole number; its low 32 bits count.
 */
export function seededRandom(seed: number, purpose: (typeof purposes)[number]): JumpableRandomGenerator {
  const random = xoroshiro128plus(seed);
  for (let jumps = purposes.indexOf(purpose); jumps >= 0; jumps--) random.jump();
  return random;
}
