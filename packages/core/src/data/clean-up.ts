/** The spaces that transformers takes off where `clean_up_tokenization_spaces` is set, in its order. */
const replacements: readonly (readonly [pattern: string, replacement: string])[] = [
  [' .', '.'],
  [' ?', '?'],
  [' !', '!'],
  [' ,', ','],
  [" ' ", "'"],
  [" n't", "n't"],
  [" 'm", "'m"],
  [" 's", "'s"],
  [" 've", "'ve"],
  [" 're", "'re"],
];

export function cleanUp(text: string): string {
  return replacements.reduce((cleaned, [pattern, replacement]) => cleaned.replaceAll(pattern, replacement), text);
}

/** The characters of the patterns. */
const inPatterns: ReadonlySet<string> = new Set(replacements.flatMap(([pattern]) => [...pattern]));

/**
 * How much of a text may be cleaned up by itself, whatever follows: up to the last place that no pattern can reach over, nor
 * comes to reach over when spaces around it are taken off. Such a place is behind a character of no pattern, or before a space
 * that does not follow a space, an apostrophe (" ' ") or an n ("n 't").
 */
export function cleanableLength(text: string): number {
  for (let place = text.length; place > 0; place--) {
    const before = text[place - 1]!;
    if (!inPatterns.has(before) || (text[place] === ' ' && !" 'n".includes(before))) return place;
  }
  return 0;
}
