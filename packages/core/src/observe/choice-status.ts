import { StatusLine } from './status-line.js';

/** Shows on stderr which programs are tried for the device, until it is disposed of. */
export class ChoiceStatus implements Disposable {
  readonly #status = new StatusLine();

  readonly onProgress = (text: string): void => this.#status.show(`choosing programs: ${text}`);

  [Symbol.dispose](): void {
    this.#status[Symbol.dispose]();
  }
}
