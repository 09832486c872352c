import { type Progress, progressChannel } from '../files/progress.js';
import { StatusLine } from './status-line.js';
import { formatBytes, formatCount } from './text.js';

const verbs: Readonly<Record<Progress['task'], string>> = {
  tokenize: 'tokenizing',
  hash: 'hashing',
  export: 'writing',
  evaluate: 'evaluating',
};

/** Shows on stderr how a command starts, until it is disposed of: bytes that are read, and programs that are tried for the device. */
export class StartStatus implements Disposable {
  readonly #status = new StatusLine();

  constructor() {
    progressChannel.subscribe(this.#onBytes);
  }

  /** The option `onProgress` of train, eval and generate. */
  readonly onProgress = (text: string): void => this.#status.show(`choosing programs: ${text}`);

  [Symbol.dispose](): void {
    progressChannel.unsubscribe(this.#onBytes);
    this.#status[Symbol.dispose]();
  }

  readonly #onBytes = (message: unknown): void => {
    const { task, source, done, total } = message as Progress;
    const format = task === 'evaluate' ? formatCount : formatBytes;
    this.#status.show(`${verbs[task]} ${source}: ${format(done)} of ${format(total)}`);
  };
}
