import { expectType } from './mil-type.js';

/** Words of the grammar and its types: never a name. */
const keywords = new Set(
  'program func const tensor dict buildInfo BLOBFILE true false string bool fp16 fp32 int8 uint8 int16 uint16 int32 uint64 inf nan'.split(
    ' ',
  ),
);
/** Names reported to give zeros or a failed compilation on the Neural Engine; chosen for nothing but ports that ask for them. */
const avoided = new Set('var diff mean std eps x y mul add sub c name val path offset main'.split(' '));

/** Hands out SSA names, each once. */
export class Names {
  readonly #taken = new Set<string>();
  readonly #next = new Map<string, number>();

  /** Takes exactly `name`, for a port. */
  reserve(name: string): string {
    const valid = /^[A-Za-z_][A-Za-z0-9_]*$/.test(name) && !keywords.has(name);
    expectType(valid, 'a port name of letters, digits and underscores that is no MIL keyword', `\`${name}\``);
    expectType(!this.#taken.has(name), 'port names that differ', `\`${name}\` twice`);
    this.#taken.add(name);
    return name;
  }

  /** Takes `hint`, or `hint_<n>` with the first n that is free. */
  choose(hint: string): string {
    let name = hint;
    let count = this.#next.get(hint) ?? 0;
    while (this.#taken.has(name) || keywords.has(name) || avoided.has(name)) name = `${hint}_${count++}`;
    this.#next.set(hint, count);
    this.#taken.add(name);
    return name;
  }
}
