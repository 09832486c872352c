import { spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const root = fileURLToPath(new URL('../../', import.meta.url));
const turbo = createRequire(import.meta.url).resolve('turbo/bin/turbo');

interface Task {
  readonly taskId: string;
  readonly resolvedTaskDefinition: { readonly cache: boolean };
}

interface Plan {
  readonly tasks: readonly Task[];
  readonly globalCacheInputs: { readonly environmentVariables: { readonly specified: { readonly env: string[] } } };
}

/** What turbo would do for `npm test`, without doing it. */
function plan(): Plan {
  const { stdout, stderr } = spawnSync(process.execPath, [turbo, 'run', 'lint', 'check', 'test', '--dry=json'], {
    cwd: root,
    encoding: 'utf8',
    maxBuffer: 1 << 28,
    env: { ...process.env, TURBO_TELEMETRY_DISABLED: '1' },
  });
  if (!stdout.includes('{')) throw new Error(stderr);
  return JSON.parse(stdout.slice(stdout.indexOf('{'))) as Plan;
}

const { tasks, globalCacheInputs } = plan();

test('no result of a check, and no machine code, comes from a cache: their inputs lie all over the repository and the system', () => {
  for (const name of ['//#lint', '//#check', '@mayfly/test#test', '@mayfly/native#build']) {
    expect(tasks.find(({ taskId }) => taskId === name)?.resolvedTaskDefinition.cache, name).toBe(false);
  }
});

test('the variables that select compiler and flags reach the build and are part of every cache key', () => {
  const { env } = globalCacheInputs.environmentVariables.specified;
  expect(env).toEqual(expect.arrayContaining(['CC', 'CXX', 'AR', 'LINK', 'CFLAGS', 'CXXFLAGS', 'LDFLAGS']));
});
