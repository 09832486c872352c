import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** Runs a program that prints JSON last, and gives what it printed. Rejects with its last words. */
export async function runForJson<T>(
  file: string,
  args: readonly string[],
  timeoutMs = 120_000,
  env: Readonly<Record<string, string>> = {},
): Promise<T> {
  try {
    const { stdout } = await run(file, args, {
      timeout: timeoutMs,
      killSignal: 'SIGKILL',
      maxBuffer: 1 << 24,
      env: { ...process.env, ...env },
    });
    return JSON.parse(stdout.trimEnd().split('\n').at(-1)!) as T;
  } catch (error) {
    const { killed, stderr, message } = error as Error & { killed?: boolean; stderr?: string };
    const lastWords = stderr?.split('\n').find((line) => line.includes('Error')) ?? message.split('\n')[0]!;
    throw new Error(killed ? `no result in ${timeoutMs / 1000} s` : lastWords.trim());
  }
}

/** The same for a script of this package. */
export const runScript = <T>(
  name: string,
  task: object,
  timeoutMs?: number,
  env?: Readonly<Record<string, string>>,
): Promise<T> =>
  runForJson<T>(
    process.execPath,
    [new URL(`./${name}.js`, import.meta.url).pathname, JSON.stringify(task)],
    timeoutMs,
    env,
  );
