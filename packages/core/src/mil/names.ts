import { expectType } from './mil-type.js';

/** Words of the grammar and its types. */
const keywords = new Set(
  (
    'program func const tensor dict buildInfo BLOBFILE true false inf nan ' +
    'string bool fp16 fp32 int8 uint8 int16 uint16 int32 uint64'
  ).split(' '),
);

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

  /**
   * Takes `<hint>_<n>` with the first n that is free. Never the bare hint: values named `add`, `mean`
   * or `x` were seen to come out as zeros on the Neural Engine.
   */
  choose(hint: string): string {
    let count = this.#next.get(hint) ?? 0;
    while (this.#taken.has(`${hint}_${count}`)) count++;
    this.#next.set(hint, count + 1);
    this.#taken.add(`${hint}_${count}`);
    return `${hint}_${count}`;
  }
}
