import { readdirSync, readFileSync } from 'node:fs';
import { posix } from 'node:path';
import { expect, test } from 'vitest';

const root = new URL('../../packages/core/src/', import.meta.url);
const files = readdirSync(root, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ts'));

/** The files of core that each file imports, types included. */
const imports = new Map(
  files.map((file) => {
    const names = readFileSync(new URL(file, root), 'utf8').matchAll(
      /^(?:import|export) .*?from '(\.[^']+)\.js';$|^\} from '(\.[^']+)\.js';$/gm,
    );
    const paths = [...names].map(([, whole, end]) => posix.join(posix.dirname(file), `${whole ?? end}.ts`));
    return [file, paths] as const;
  }),
);

/** A chain of imports from the file back to itself; null if there is none. */
function circle(from: string, at = from, seen = new Set<string>()): string[] | null {
  for (const next of imports.get(at) ?? []) {
    if (next === from) return [at, next];
    if (seen.has(next)) continue;
    seen.add(next);
    const rest = circle(from, next, seen);
    if (rest !== null) return [at, ...rest];
  }
  return null;
}

test('every import that is found names a file that is there', () => {
  expect([...imports.values()].flat().filter((file) => !imports.has(file))).toEqual([]);
  expect([...imports.values()].flat().length).toBeGreaterThan(files.length);
});

test('no file of core is on a circle of imports', () => {
  expect(files.map((file) => circle(file)).filter((found) => found !== null)).toEqual([]);
});

test('within the pool, imports go from pool to fleet, kernel, worker, run', () => {
  const order = ['pool/pool.ts', 'pool/fleet/', 'pool/kernel/', 'pool/worker/', 'pool/worker/run.ts'];
  const rank = (file: string) => order.findLastIndex((start) => file.startsWith(start));
  const upward = [...imports].flatMap(([from, targets]) =>
    targets.filter((to) => rank(from) > rank(to) && rank(to) >= 0).map((to) => `${from} → ${to}`),
  );
  expect(upward).toEqual([]);
  expect(imports.get('pool/worker/run.ts')).toEqual([]);
});
