import { execFile } from 'node:child_process';
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { type AneCanary, MayflyError, type NativeEnergyMeter } from '@mayfly/native';

/** The counters of energy and memory that gave a readable change in a few milliseconds. */
export type EnergyCounters = Pick<NativeEnergyMeter, 'dies' | 'memorySource'>;

/** Answers of `addon.ane` that may end the process that asks. */
export interface AneAnswers {
  readonly canaries: readonly AneCanary[];
  readonly dialect: 'ios18' | 'ios16';
  readonly openEnergyMeter: EnergyCounters;
}

/** Many times the duration of a dozen tiny compilations: a service that has not answered by then is stuck. */
const DEADLINE_MS = 120_000;

/**
 * Asks `addon.ane` from a separate process: compilations count towards the limit of a process, and may crash it.
 *
 * @throws `ERR_ANE_PROBE`, with the process's error message.
 */
export async function askAne<Question extends keyof AneAnswers>(
  question: Question,
  signal?: AbortSignal,
): Promise<AneAnswers[Question]> {
  const addon = pathToFileURL(createRequire(import.meta.url).resolve('@mayfly/native')).href;
  const script = `import { addon } from '${addon}'; process.stdout.write(JSON.stringify(addon.ane.${question}()));`;
  const options = { timeout: DEADLINE_MS, killSignal: 'SIGKILL', ...(signal === undefined ? {} : { signal }) } as const;
  try {
    const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '--eval', script], options);
    return JSON.parse(stdout) as AneAnswers[Question];
  } catch (cause) {
    signal?.throwIfAborted();
    const { stderr = '', message } = cause as Error & { stderr?: string };
    const reason = /^(?:MayflyError|Error): (.*)$/m.exec(stderr)?.[1] ?? message.split('\n')[0];
    throw new MayflyError('ERR_ANE_PROBE', `Cannot run canaries on the Neural Engine: ${reason}`, { cause });
  }
}
