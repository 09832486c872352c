import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { constants, setPriority } from 'node:os';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { MayflyError } from '@mayfly/native';

/**
 * `mayfly watch` for one run, in a process of its own, so that the page's requests take no time from the run's main thread. It ends with this
 * object, or with this process, however that ends.
 */
export class WatchPage implements Disposable {
  readonly url: string;
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess, url: string) {
    this.#child = child;
    this.url = url;
  }

  /** @throws `ERR_WATCH_PORT` if the server did not start. */
  static async open(folder: string): Promise<WatchPage> {
    const command = fileURLToPath(new URL('./cli.js', import.meta.url));
    // In a group of its own: Ctrl-C lets the run finish its step, and the page shows that. It ends when the channel closes.
    const child = spawn(process.execPath, [command, 'watch', folder, '--json'], {
      ...{ stdio: ['ignore', 'pipe', 'ignore', 'ipc'], detached: true },
    });
    const lines = createInterface({ input: child.stdout! });
    const [line] = await Promise.race([once(lines, 'line'), once(child, 'exit').then(() => [null])]);
    if (line === null) {
      throw new MayflyError(
        'ERR_WATCH_PORT',
        `Cannot show the run in a page: mayfly watch ended with ${child.exitCode}`,
      );
    }
    lowerPriority(child.pid!);
    lines.close();
    child.stdout!.destroy();
    child.unref();
    child.channel?.unref();
    return new WatchPage(child, (JSON.parse(line as string) as { url: string }).url);
  }

  [Symbol.dispose](): void {
    if (this.#child.connected) this.#child.disconnect();
  }
}

/** Lets the run's processes go first where there are more threads than cores. */
function lowerPriority(pid: number): void {
  try {
    setPriority(pid, constants.priority.PRIORITY_BELOW_NORMAL);
  } catch {
    // It has ended in the meantime, or the system does not allow it: neither concerns the run.
  }
}
