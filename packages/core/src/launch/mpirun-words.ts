/** Lines at the begin and at the end that are kept: `mpirun` says first what is wrong, and later what followed. */
const MOST_FIRST = 8;
const MOST_LAST = 12;

/** What `ssh` says where it does not get to a host. */
const unreachable =
  /^ssh: |Permission denied \(|Host key verification failed|Connection (?:closed|refused|reset|timed out)/;

/** What `mpirun` itself wrote. */
export class MpirunWords {
  readonly #first: string[] = [];
  readonly #last: string[] = [];
  #left = 0;
  #unreachable: string | null = null;

  /** The line by which `ssh` said that it cannot reach a host. */
  get unreachable(): string | null {
    return this.#unreachable;
  }

  /** Its first and its last lines. */
  get lines(): readonly string[] {
    return [...this.#first, ...(this.#left === 0 ? [] : [`… ${this.#left} more lines …`]), ...this.#last];
  }

  add(line: string): void {
    if (line.trim() === '') return;
    if (unreachable.test(line)) this.#unreachable ??= line;
    if (this.#first.length < MOST_FIRST) {
      this.#first.push(line);
      return;
    }
    this.#last.push(line);
    if (this.#last.length <= MOST_LAST) return;
    this.#last.shift();
    this.#left++;
  }
}
