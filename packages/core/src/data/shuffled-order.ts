/** Rounds of the permutation. Four make any pair of places as likely as any other (Luby & Rackoff 1988). */
const ROUNDS = 4;

/**
 * Where number `index` of `count` goes in a random order of them: a permutation that needs no memory, made of a Feistel network on the
 * next power of four, in which numbers beyond `count` are sent on until they come out below it (Black & Rogaway 2002).
 *
 * @param key Which permutation: any two whole numbers, such as a seed and an epoch.
 */
export function shuffledIndex(index: number, count: number, [seed, epoch]: readonly [number, number]): number {
  let half = 1;
  while (4 ** half < count) half += 1;
  const size = 2 ** half;
  let place = index;
  do {
    let [left, right] = [Math.floor(place / size), place % size];
    for (let round = 0; round < ROUNDS; round++) {
      const mixed = mix(right ^ mix(seed ^ mix(epoch ^ mix(round + 1)))) % size;
      [left, right] = [right, (left ^ mixed) >>> 0];
    }
    place = left * size + right;
  } while (place >= count);
  return place;
}

/** The finalizer of MurmurHash3: a bijection of 32-bit numbers in which every bit depends on all. */
function mix(value: number): number {
  let hash = value | 0;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
