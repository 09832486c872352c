import { type Progress, progressChannel } from '../files/progress.js';
import { StatusLine } from './status-line.js';
import { formatBytes } from './text.js';

const verbs: Readonly<Record<Progress['task'], string>> = { tokenize: 'tokenizing', hash: 'hashing' };

/** Shows on stderr how far the reading of a command's inputs is, until it is disposed of. */
export class InputStatus implements Disposable {
  readonly #status = new StatusLine();

  constructor() {
    progressChannel.subscribe(this.#show);
  }

  [Symbol.dispose](): void {
    progressChannel.unsubscribe(this.#show);
    this.#status[Symbol.dispose]();
  }

  readonly #show = (message: unknown): void => {
    const { task, source, done, total } = message as Progress;
    this.#status.show(`${verbs[task]} ${source}: ${formatBytes(done)} of ${formatBytes(total)}`);
  };
}
