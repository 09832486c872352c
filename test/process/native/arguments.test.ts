import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { addon } from '@mayfly/native';
import { describe, expect, test } from 'vitest';

const cwd = fileURLToPath(new URL('../..', import.meta.url));
const arena = addon.createArena(65_536);
const handlers = { onCompletion: () => {}, onControl: () => {}, onClose: () => {} };

/** Runs in a process of its own: what went wrong here ended it. */
async function printed(script: string): Promise<string> {
  const text = `
    import { addon } from '@mayfly/native';
    const arena = addon.createArena(65_536);
    /** Two elements; who reads the first makes it 100,000. */
    const growing = (element) => {
      const list = [element, element];
      Object.defineProperty(list, 0, { get() { while (list.length < 100_000) list.push(element); return element; } });
      return list;
    };
    const [near] = addon.socketPair();
    const handlers = { onCompletion() {}, onControl() {}, onClose() {} };
    const connection = addon.connect(near, handlers);
    for (let i = 0; i < 4; i++) { ${script} }
    console.log('whole');
    process.exit();`;
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', text], { cwd });
  return stdout;
}

describe('a list that grows while it is read', () => {
  test('offsets of a dispatch', async () => {
    expect(await printed('connection.dispatchPorts(i, 0, growing(0));')).toBe('whole\n');
  });

  test('products', async () => {
    const product = `{ m: 1, n: 1, k: 1, a: 0, aType: 'fp32', aStride: 1, b: 0, bType: 'fp32', bStride: 1, c: 0 }`;
    expect(await printed(`addon.math.outerProducts(arena, growing(${product}));`)).toBe('whole\n');
  });
});

test('a list without elements takes no memory, whatever its length', () => {
  const connection = addon.connect(addon.socketPair()[0], handlers);
  const before = process.resourceUsage().maxRSS;
  expect(() => connection.dispatchPorts(0, 0, new Array(2 ** 30))).toThrow(/^Expected offset to be a whole number/);
  expect(() => addon.math.outerProducts(arena, new Array(2 ** 30))).toThrow(/^Expected options to be an object/);
  expect(process.resourceUsage().maxRSS - before).toBeLessThan(2 ** 20);
  connection.close();
});

test.runIf('transfer' in ArrayBuffer.prototype)('an arena outlives the transfer of the memory of a view', () => {
  const own = addon.createArena(4096);
  const view = own.view(0, 8).fill(7);
  const { buffer } = view as unknown as { buffer: { transfer(): ArrayBuffer } };
  const taken = new Uint8Array(buffer.transfer());
  expect(view.byteLength).toBe(0);
  expect([...own.view(0, 8)]).toEqual(Array(8).fill(7));
  own.close();
  expect(taken[0]).toBe(7);
});

test.each([undefined, null, 1, {}, Symbol('cpu')])('no device has the name %o', (name) => {
  expect(() => addon.openDevice(name as string, arena)).toThrow(
    expect.objectContaining({ code: 'ERR_INVALID_ARGUMENT' }),
  );
});
