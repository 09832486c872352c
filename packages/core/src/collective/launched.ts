import { findLaunch } from './launcher.js';

/** Has, as JSON, the words in front of `train` in the command that started the ranks. */
const NAME = 'MAYFLY_LAUNCHED';

/** Variables by which ranks know that `mayfly launch` started them, and with which words, the last of which is `--`. */
export const launchVariables = (words: readonly string[]): Readonly<Record<string, string>> => ({
  [NAME]: JSON.stringify(words),
});

/** Those words, such as `launch --ranks 2 --`; null where `mayfly launch` did not start this process. It then reads what the process writes and how it ends. */
export function launchedBy(env: Readonly<Record<string, string | undefined>>): readonly string[] | null {
  const text = env[NAME];
  return text === undefined ? null : (JSON.parse(text) as string[]);
}

/** The words in front of `train` by which as many ranks train again: those of `mayfly launch`, also where `mpirun` itself started them. */
export function launchWords(env: Readonly<Record<string, string | undefined>>, ranks: number): readonly string[] {
  const words = launchedBy(env);
  if (words !== null || ranks === 1) return words ?? [];
  const mpi = findLaunch(env)?.library === 'MPICH' ? 'mpich' : 'openmpi';
  return ['launch', '--ranks', `${ranks}`, '--mpi', mpi, '--'];
}
