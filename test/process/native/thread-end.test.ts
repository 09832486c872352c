import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';

const script = fileURLToPath(new URL('../../fixtures/ending-threads.mjs', import.meta.url));
const parts = ['arena', 'queuedMath', 'connection', 'child', 'startingPool', 'idlePool', 'busyPool', 'trainer'];
const codes = { terminate: 1, exit: 3, throw: 1 };

interface Left {
  readonly code: number;
  readonly children: readonly string[];
  readonly descriptors: number;
}

// Children are looked for in /proc.
describe.runIf(process.platform === 'linux')('a thread that ends with all of this open leaves nothing', () => {
  describe.each(['loaded', 'alone'])('the main thread has Mayfly: %s', (load) => {
    test.concurrent.each(Object.entries(codes))('%s', async (how, code) => {
      const { stdout } = await promisify(execFile)(process.execPath, [script, how, load, JSON.stringify(parts)]);
      const left = JSON.parse(stdout) as Record<string, Left>;
      expect(Object.keys(left)).toEqual(parts);
      for (const [part, told] of Object.entries(left)) {
        expect({ part, ...told }).toEqual({ part, code, children: [], descriptors: expect.any(Number) });
        // A start that was on its way to JavaScript when the thread was stopped may lose its two descriptors.
        expect(told.descriptors, part).toBeLessThanOrEqual(2);
      }
    });
  });
});
