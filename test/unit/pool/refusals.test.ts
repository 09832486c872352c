import { runInNewContext } from 'node:vm';
import { ArenaScope, Tensor } from '@mayfly/core/testing';
import { expect, test } from 'vitest';
import { outcome, SimulatedPool } from '../../fixtures/simulated-pool.js';

const OPTIONS = { attempts: 2 };

/** Calls that are refused, each with nothing but a code. */
const refused: Record<string, (under: SimulatedPool, kernel: Awaited<ReturnType<SimulatedPool['kernel']>>) => unknown> =
  {
    'no input': ({ tensor }, kernel) => kernel.run(null as never, tensor),
    'no output': ({ tensor }, kernel) => kernel.run(tensor, undefined as never),
    'an input that is a number': ({ tensor }, kernel) => kernel.run(7 as never, tensor),
    'two inputs': ({ tensor }, kernel) => kernel.run([tensor, tensor], tensor),
    'a list of nothing': ({ tensor }, kernel) => kernel.run([null] as never, tensor),
    'an offset that is no number': ({ tensor }, kernel) => kernel.run(changed(tensor, { offset: Number.NaN }), tensor),
    'half an offset': ({ tensor }, kernel) => kernel.run(tensor, changed(tensor, { offset: 0.5 })),
    'a negative offset': ({ tensor }, kernel) => kernel.run(tensor, changed(tensor, { offset: -4 })),
    'an offset behind the arena': ({ tensor }, kernel) => kernel.run(tensor, changed(tensor, { offset: 2 ** 40 })),
    'another shape': ({ pool, tensor }, kernel) => kernel.run(pool.arena.tensor('fp32', [2]), tensor),
    'another type': ({ pool, tensor }, kernel) => kernel.run(pool.arena.tensor('int32', [1]), tensor),
    'a freed tensor': ({ pool, tensor }, kernel) => {
      const scope = new ArenaScope(pool.arena);
      const [freed, part] = [scope.tensor('fp32', [1]), scope.tensor('fp32', [4]).at(2, [1])];
      scope.free();
      expect(() => freed.array()).toThrow(/got `one that was freed`/);
      return Promise.allSettled([kernel.run(freed, tensor)]).then(() => kernel.run(tensor, part));
    },
    'reuse of generation -1': ({ tensor }, kernel) =>
      kernel.run(tensor, tensor, { reuse: { generation: -1, freshColumns: 0 } }),
    'reuse that is no object': ({ tensor }, kernel) => kernel.run(tensor, tensor, { reuse: null as never }),
    'reuse without numbers': ({ tensor }, kernel) => kernel.run(tensor, tensor, { reuse: {} as never }),
    'a signal that is none': ({ tensor }, kernel) => kernel.run(tensor, tensor, { signal: {} as never }),
    'an update with nothing': (_, kernel) => kernel.update(null as never),
    'an update whose weights are nothing': (_, kernel) => kernel.update({ w: null as never }),
    'an update without bytes': (_, kernel) => kernel.update({ w: {} as never }),
    'an update outside the arena': (_, kernel) => kernel.update({ w: { offset: 2 ** 40, bytes: 1 } }),
    'an update of too many files': (_, kernel) =>
      kernel.update(Object.fromEntries(Array.from({ length: 2 ** 15 + 1 }, (__, n) => [n, { offset: 0, bytes: 1 }]))),
    'an update whose signal is none': (_, kernel) => kernel.update(undefined, { signal: 7 as never }),
    'no program': ({ pool }) => pool.compile(null as never),
    'no text': ({ pool }) => pool.compile({} as never),
    'a text that is none': ({ pool }) => pool.compile({ text: Symbol('x') as never }),
    'a text that is an object': ({ pool }) => pool.compile({ text: {} as never }),
    'a name that is none': ({ pool }) => pool.compile({ text: '', name: 7 as never }),
    'weights that are nothing': ({ pool }) => pool.compile({ text: '', weights: null as never }),
    'a text that no message holds': ({ pool }) => pool.compile({ text: ' '.repeat(2 ** 28) }),
    'a compilation whose signal is none': ({ pool }) => pool.compile({ text: '' }, { signal: 'no' as never }),
  };
const changed = (tensor: Tensor, fields: object): Tensor =>
  Object.assign(new Tensor(tensor.arena, 0, 'fp32', [1]), fields);

test.each(Object.keys(refused))('%s is refused, and nobody else notices', async (name) => {
  const under = await SimulatedPool.open(OPTIONS);
  const kernel = await under.kernel();
  const [posts, used] = [under.simulated.posts, under.pool.arena.usedBytes];
  const before = under.run(kernel);
  const refusal = await outcome(refused[name]!(under, kernel) as Promise<unknown>);
  expect(refusal).toBe('ERR_INVALID_ARGUMENT');
  const after = under.run(kernel);
  await under.settle();
  expect([await before, await after]).toEqual(['ok', 'ok']);
  expect(under.simulated.posts - posts, 'nothing but the two runs was sent').toBe(2);
  expect(under.pool.stats()).toMatchObject({ pending: 0, deaths: 0, kernels: [{}] });
  expect(under.pool.arena.usedBytes - used).toBeLessThanOrEqual(256);
  under.worker(1).die(null, 'SIGKILL');
  expect(await under.ran(kernel)).toBe('ok');
  await under.close();
});

test('a tensor of another pool is refused', async () => {
  const [under, other] = [await SimulatedPool.open(OPTIONS), await SimulatedPool.open(OPTIONS)];
  const kernel = await under.kernel();
  await expect(kernel.run(under.tensor, other.tensor)).rejects.toThrow(/a tensor of this pool's arena/);
  await other.close();
  await expect(kernel.run(other.tensor, under.tensor)).rejects.toMatchObject({ code: 'ERR_INVALID_ARGUMENT' });
  await under.close();
});

test('weights of another realm are bytes, and those of a transferred array are none', async () => {
  const under = await SimulatedPool.open(OPTIONS);
  const kernel = await under.kernel();
  const gone = new Uint8Array(8);
  structuredClone(gone.buffer, { transfer: [gone.buffer] });
  for (const w of [runInNewContext('new Uint8Array([1, 2])'), gone]) {
    const update = outcome(kernel.update({ w }));
    await under.settle();
    expect(await update).toBe('ok');
  }
  await under.close();
});

test('what the addon refuses at the last moment is that call’s alone, and nothing is waited for', async () => {
  const under = await SimulatedPool.open(OPTIONS);
  const kernel = await under.kernel();
  under.simulated.onDispatch = () => {
    under.simulated.onDispatch = () => {};
    throw Object.assign(new Error('refused'), { code: 'ERR_TEST' });
  };
  const runs = [under.run(kernel), under.run(kernel), under.run(kernel)];
  await under.settle();
  expect(await Promise.all(runs)).toEqual(['ERR_TEST', 'ok', 'ok']);
  expect(under.pool.stats()).toMatchObject({ pending: 0, deaths: 0, dispatches: 2 });
  await under.close();
});

test.each([
  ['from nowhere', (tensor: Tensor) => tensor.at(Number.NaN, [1])],
  ['from between two elements', (tensor: Tensor) => tensor.at(0.5, [1])],
  ['from before the first', (tensor: Tensor) => tensor.at(-1, [1])],
  ['beyond the last', (tensor: Tensor) => tensor.at(3, [2])],
  ['of negative sizes', (tensor: Tensor) => tensor.at(0, [-1, -2])],
  ['of half a size', (tensor: Tensor) => tensor.at(0, [0.5, 2])],
  ['from a symbol', (tensor: Tensor) => tensor.at(Symbol('0') as never, [1])],
  ['of a size that is a BigInt', (tensor: Tensor) => tensor.at(0, [1n] as never)],
  ['of a size that is a symbol', (tensor: Tensor) => tensor.at(0, [Symbol('1')] as never)],
])('a part %s is refused', async (_, part) => {
  const under = await SimulatedPool.open(OPTIONS);
  const { arena } = under.pool;
  const tensor = arena.tensor('fp32', [4]);
  expect(() => part(tensor)).toThrow(expect.objectContaining({ code: 'ERR_INVALID_ARGUMENT' }));
  await under.close();
});

test('a tensor that is refused takes nothing of the arena', async () => {
  const under = await SimulatedPool.open(OPTIONS);
  const { arena } = under.pool;
  const used = arena.usedBytes;
  for (const make of [
    () => arena.tensor('fp32', [-1, -4]),
    () => arena.tensor('fp64' as never, [1]),
    () => arena.tensor('fp32', [2 ** 30, 2 ** 30]),
    () => new ArenaScope(arena).tensor('fp32', [Number.NaN]),
    () => new ArenaScope(arena).tensor('fp32', 4 as never),
  ])
    expect(make).toThrow(expect.objectContaining({ code: 'ERR_INVALID_ARGUMENT' }));
  expect(arena.usedBytes).toBe(used);
  await under.close();
});
