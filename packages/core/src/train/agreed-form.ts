import { isDeepStrictEqual } from 'node:util';
import { MayflyError } from '@mayfly/native';
import type { Choices, Exclusions } from '../variants/choose-form.js';
import type { Ranks } from './ranks.js';

/**
 * Lets all ranks write their programs in one form, since the numbers of variants differ: of each half, axis and the classifier the first candidate
 * that no rank's device refuses.
 *
 * @param own What this rank has chosen.
 * @param without Chooses again, without some candidates.
 * @returns What all have chosen in the end.
 * @throws `ERR_RANKS_DIFFER` where the devices do not have the same to choose; the errors of `without`, of any rank.
 */
export async function agreeOnForm(
  ranks: Ranks,
  own: Choices,
  without: (excluded: Exclusions) => Promise<Choices>,
): Promise<Choices> {
  let choices = own;
  if (ranks.size === 1) return choices;
  for (let excluded: Exclusions = {}; ; ) {
    const all = await ranks.gather(choices);
    const more = refusedBySome(all);
    if (Object.keys(more).length === 0) return choices;
    const agreed = { ...excluded, ...more };
    if (isDeepStrictEqual(agreed, excluded)) {
      throw new MayflyError(
        'ERR_RANKS_DIFFER',
        `Expected the devices of all ranks to run the same ${Object.keys(more).join(', ')}, got none that all run: force one by --variant`,
      );
    }
    excluded = agreed;
    choices = await ranks.throughout(() => without(agreed));
  }
}

/** By part in which the choices differ, all candidates before the last one that a rank has chosen. */
export function refusedBySome(all: readonly Choices[]): Exclusions {
  const [first, ...others] = all;
  const namesOf = (choices: Choices) => Object.keys(choices).sort().join(', ');
  for (const [index, other] of others.entries()) {
    if (namesOf(other) === namesOf(first!)) continue;
    throw new MayflyError(
      'ERR_RANKS_DIFFER',
      `Expected the devices of all ranks to leave the same to be chosen, got ${namesOf(first!) || 'nothing'} on rank 0 and ${namesOf(other) || 'nothing'} on rank ${index + 1}: give all ranks the same --device`,
    );
  }
  const differing = Object.entries(first!).filter(([name, { chosen }]) =>
    others.some((other) => other[name]!.chosen !== chosen),
  );
  return Object.fromEntries(
    differing.map(([name, { candidates }]) => {
      const last = Math.max(...all.map((choices) => candidates.indexOf(choices[name]!.chosen)));
      return [name, candidates.slice(0, last)];
    }),
  );
}
