import { join } from 'node:path';
import { decoderLayer } from '@mayfly/core/layers';
import {
  Arena,
  ArenaScope,
  addon,
  type ChoiceOptions,
  chooseForm,
  difference,
  MOST_COMPILATIONS,
  type ProgramJudge,
} from '@mayfly/core/testing';
import { afterAll, afterEach, expect, test, vi } from 'vitest';
import { temporaryFolder } from '../../fixtures/temporary-folder.js';

/** Every pattern that the stand-ins know, with the numbers at which programs of some variants are refused. */
const patterns = [
  ...['cycle-path', 'shared-operand', 'softmax-backward', 'reduce-with-matmul', 'sigmoid', 'joined-slices'],
  ...['products=1', 'products=2', 'products=3', 'products=5', 'contraction=40', 'contraction=80'],
  ...['operation:softmax', 'operation:sigmoid', 'operation:slice_by_size', 'operation:reshape', 'operation:conv'],
];
const pairs = patterns.flatMap((a, index) => patterns.slice(index + 1).map((b) => `${a},${b}`));

/** All pairs, and each strategy alone: takes minutes. */
const search = process.env.MAYFLY_CHOICE_PAIRS !== undefined;

const folder = temporaryFolder();
const arena = new Arena(2 ** 28);
let caches = 0;
afterEach(() => vi.unstubAllEnvs());
afterAll(() => arena.close());

/** A simulator in this process, which refuses what the list says. */
function judge(refuse: string): ProgramJudge & { readonly asked: readonly string[] } {
  vi.stubEnv('MAYFLY_SIM_FAULTS', JSON.stringify({ refuse: refuse.split(',') }));
  vi.stubEnv('XDG_CACHE_HOME', join(folder, `cache-${caches++}`));
  const device = addon.openDevice('sim:m4,no-rules', arena.native);
  const asked: string[] = [];
  return {
    asked,
    get compilations() {
      return asked.length;
    },
    async check(given) {
      using scope = new ArenaScope(arena);
      asked.push(given.text);
      const [input, output] = [given.input, given.expected].map(({ shape }) => scope.tensor('fp16', shape));
      input!.set(given.input.values);
      const weights = Object.entries(given.weights).map(([path, bytes]) => {
        const { offset } = scope.tensor('uint8', [bytes.length]);
        arena.native.view(offset, bytes.length).set(bytes);
        return { path, offset, bytes: bytes.length };
      });
      try {
        const { program } = device.compile(given.text, weights);
        try {
          device.evaluate(program, [input!.offset, output!.offset]);
          return difference(given, output!.values());
        } finally {
          device.unload(program);
        }
      } catch (error) {
        return (error as Error).message;
      }
    },
    [Symbol.asyncDispose]: async () => device.close(),
  };
}

const options = (...weights: readonly ('dynamic' | 'static')[]): ChoiceOptions => ({
  ...{ device: 'sim:m4,no-rules', pool: {}, form: {}, training: true },
  plans: weights.map((each) => ({ definition: decoderLayer, weights: each })),
  shape: {
    ...{ dim: 32, hidden: 96, heads: 4, kvHeads: 2, headDim: 8, eps: 1e-5, ropeBase: 10_000, batch: 2, sequence: 8 },
    ropePairing: 'half',
  },
});

/** Chooses, and returns how many programs were compiled; no program twice. */
async function count(refuse: string, given: ChoiceOptions): Promise<number> {
  const device = judge(refuse);
  const found = await chooseForm(given, device).catch((error: Error & { code: string }) => error);
  if (found instanceof Error) {
    expect({ refuse, code: found.code }).toEqual({ refuse, code: 'ERR_NO_VARIANT' });
    // None was left out for lack of compilations.
    expect(found.message).not.toContain('single (not tried');
  }
  expect(new Set(device.asked).size).toBe(device.asked.length);
  return device.asked.length;
}

test.each([[['dynamic', 'static']], ...(search ? ([[['dynamic']], [['static']]] as const) : [])] as const)(
  'a choice for %s weights compiles 40 programs at most, whatever is refused',
  { timeout: 900_000 },
  async (weights) => {
    const counts: Record<string, number> = {};
    for (const refuse of search ? [...patterns, ...pairs] : patterns)
      counts[refuse] = await count(refuse, options(...weights));
    const most = Object.entries(counts).reduce((a, b) => (b[1] > a[1] ? b : a));
    console.log(`${weights}: ${most[1]} compilations at most (${most[0]}), of ${Object.keys(counts).length} machines`);
    expect(most[1]).toBeLessThanOrEqual(MOST_COMPILATIONS);
  },
);
