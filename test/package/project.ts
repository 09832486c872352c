import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';

export interface Ended {
  readonly code: number | null;
  /** Both of its streams. */
  readonly output: string;
}

/** A folder of a user's, outside of the repository. */
export class Project {
  readonly folder = mkdtempSync(join(tmpdir(), 'mayfly-package-'));

  /** Its packages of the scope @mayfly come from `registry`, all others from where npm is told to get them. */
  constructor(registry: string, files: Readonly<Record<string, string>> = {}) {
    this.write({ '.npmrc': `@mayfly:registry=${registry}\naudit=false\nfund=false\nignore-scripts=true\n` });
    this.write({
      'package.json': '{ "name": "app", "private": true }',
      'book.txt': 'It was the best of times. '.repeat(400),
    });
    this.write(files);
  }

  write(files: Readonly<Record<string, string>>): void {
    for (const [name, text] of Object.entries(files)) {
      mkdirSync(dirname(join(this.folder, name)), { recursive: true });
      writeFileSync(join(this.folder, name), text);
    }
  }

  /** Runs a command in a folder of it, with the binaries of `node` first in PATH. */
  run(command: readonly string[], { node = process.execPath, within = '.', env = {} } = {}): Promise<Ended> {
    // What vitest and npm tell their children is not the user's; the certificates by which this machine reaches npm are.
    const inherited = Object.entries(process.env).filter(
      ([name]) => !/^(npm_|VITEST|NODE_(?!EXTRA_CA_CERTS)|MAYFLY_|XDG_CACHE)/.test(name),
    );
    const path = [dirname(node), join(this.folder, within, 'node_modules', '.bin'), process.env.PATH].join(delimiter);
    const [file = '', ...args] = command;
    return new Promise((resolve, reject) => {
      const child = spawn(file === 'node' ? node : file, args, {
        cwd: join(this.folder, within),
        env: { ...Object.fromEntries(inherited), PATH: path, XDG_CACHE_HOME: join(this.folder, 'cache'), ...env },
        stdio: ['ignore', 'pipe', 'pipe'],
      });
      let output = '';
      for (const stream of [child.stdout, child.stderr])
        stream.setEncoding('utf8').on('data', (text) => (output += text));
      child.on('error', reject);
      child.on('close', (code) => resolve({ code, output }));
    });
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}
