import cliCursor from 'cli-cursor';

const HOME = '\r';
const ERASE_BELOW = '\u001B[J';
const ERASE_REST = '\u001B[K';
const up = (rows: number): string => (rows === 0 ? '' : `\u001B[${rows}A`);
/** Without wrapping, a line is one row also where the terminal has become narrower and has not told so yet. */
const NO_WRAP = '\u001B[?7l';
const WRAP = '\u001B[?7h';

/**
 * Lines at the end of a terminal that are redrawn. In between the cursor rests, hidden, at the beginning of the first: when a terminal becomes
 * narrower it may wrap the lines anew, or cut them, but the cursor stays where they begin, so that erasing all below it erases them. Only rows that
 * the terminal pushes out above stay in its history.
 */
export class LiveLines implements Disposable {
  readonly #stream: NodeJS.WriteStream;
  #drawn = '';
  #columns = 0;
  #rows = 0;

  constructor(stream: NodeJS.WriteStream) {
    this.#stream = stream;
  }

  /** Shows lines in place of those that are shown: as many as the terminal has rows, none wider than it. */
  show(text: string): void {
    const { columns, rows } = this.#stream;
    const isResized = columns !== this.#columns || rows !== this.#rows;
    if (text === this.#drawn && !isResized) return;
    if (this.#drawn === '') cliCursor.hide(this.#stream);
    this.#stream.write(`${HOME}${isResized ? ERASE_BELOW : ''}${this.#frame(text)}`);
    this.#drawn = text;
    this.#columns = columns;
    this.#rows = rows;
  }

  /** Writes a text above the lines. */
  writeAbove(text: string): void {
    const ended = text.endsWith('\n') ? text : `${text}\n`;
    const isDrawn = this.#drawn !== '';
    this.#stream.write(isDrawn ? `${HOME}${ERASE_BELOW}${ended}${this.#frame(this.#drawn)}` : ended);
  }

  clear(): void {
    if (this.#drawn === '') return;
    this.#stream.write(`${HOME}${ERASE_BELOW}`);
    this.#end();
  }

  /** Leaves the lines where they are, and the cursor below them. Idempotent. */
  [Symbol.dispose](): void {
    if (this.#drawn === '') return;
    const lines = this.#fitting(this.#drawn);
    this.#stream.write(`${HOME}${ERASE_BELOW}${NO_WRAP}${lines.join('\n')}${WRAP}\n`);
    this.#end();
  }

  #end(): void {
    this.#drawn = '';
    cliCursor.show(this.#stream);
  }

  #frame(text: string): string {
    const lines = this.#fitting(text);
    const drawn = lines.map((line) => `${line}${ERASE_REST}`).join('\n');
    return `${NO_WRAP}${drawn}${ERASE_BELOW}${HOME}${up(lines.length - 1)}${WRAP}`;
  }

  #fitting(text: string): string[] {
    return text.split('\n').slice(0, this.#stream.rows);
  }
}
