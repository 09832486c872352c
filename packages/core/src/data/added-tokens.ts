import { isRecord } from '../files/read-file.js';

/** A token beside the model's own, which stands for its name wherever a text has it. */
export interface AddedToken {
  readonly id: number;
  readonly content: string;
  /** Takes the white space before it away. */
  readonly lstrip: boolean;
  readonly rstrip: boolean;
  /** It is looked for in the normalized text. */
  readonly normalized: boolean;
}

/** The `added_tokens` of a `tokenizer.json`. */
export function addedTokens(list: unknown): AddedToken[] {
  const tokens = Array.isArray(list) ? list.filter(isRecord) : [];
  return tokens.map(({ id, content, lstrip, rstrip, special, normalized }) => ({
    ...{ id: Number(id), content: String(content), lstrip: lstrip === true, rstrip: rstrip === true },
    normalized: normalized === undefined || normalized === null ? special !== true : normalized === true,
  }));
}

/** A part of a text: text, or a token that was cut out of it. */
export type Section = string | AddedToken;

/** Cuts the names of tokens out of texts: at each place the longest. */
export class AddedTokenSplitter {
  /** By first character, the longest name first. */
  readonly #names = new Map<string, (readonly [name: string, token: AddedToken])[]>();
  readonly #firsts: RegExp | null;

  constructor(names: readonly (readonly [name: string, token: AddedToken])[]) {
    // Of equal names the last counts.
    for (const [name, token] of new Map(names)) {
      if (name === '') continue;
      const first = name[0]!;
      this.#names.set(first, [...(this.#names.get(first) ?? []), [name, token]]);
    }
    for (const list of this.#names.values()) list.sort(([a], [b]) => b.length - a.length);
    const codes = [...this.#names.keys()].map((first) => `\\u${first.charCodeAt(0).toString(16).padStart(4, '0')}`);
    this.#firsts = codes.length === 0 ? null : new RegExp(`[${codes.join('')}]`, 'g');
  }

  split(text: string): Section[] {
    if (this.#firsts === null) return [text];
    const sections: Section[] = [];
    let start = 0;
    this.#firsts.lastIndex = 0;
    for (let found = this.#firsts.exec(text); found !== null; found = this.#firsts.exec(text)) {
      const { index } = found;
      const match = this.#names.get(found[0])!.find(([name]) => text.startsWith(name, index));
      if (match === undefined) continue;
      const [name, token] = match;
      sections.push(text.slice(start, index), token);
      start = index + name.length;
      this.#firsts.lastIndex = start;
    }
    sections.push(text.slice(start));
    return sections.map((section, index) => {
      if (typeof section !== 'string') return section;
      const [before, after] = [sections[index - 1], sections[index + 1]];
      const trimmed = typeof after === 'object' && after.lstrip ? section.trimEnd() : section;
      return typeof before === 'object' && before.rstrip ? trimmed.trimStart() : trimmed;
    });
  }
}
