import { createPool, isMayflyError, type Pool } from '@mayfly/core';
import { dynamicPrograms, fillWeightFile } from '@mayfly/core/testing';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { onEachRuntime } from '../../fixtures/ane-emulator.js';
import { smallShape } from '../../fixtures/sim-bench.js';
import { temporaryFolder } from '../../fixtures/temporary-folder.js';

const folder = temporaryFolder();
afterEach(() => vi.unstubAllEnvs());

const shape = { ...smallShape, kvHeads: 4 };
const programs = Object.entries(dynamicPrograms(shape));

/** What becomes of each program of a layer: `ok`, `zeros`, or the code of its error and, of the words, those in `telling`. */
async function fates(pool: Pool, telling: RegExp): Promise<Record<string, string>> {
  const told: Record<string, string> = {};
  for (const [name, { program, constants }] of programs) {
    const weights = Object.fromEntries(
      program.weightFiles.map((file) => {
        const bytes = new Uint8Array(file.bytes);
        fillWeightFile(file, constants, bytes);
        return [file.path, bytes];
      }),
    );
    const tensors = [...program.inputs, ...program.outputs].map((port) => pool.arena.tensor('fp16', port.shape));
    tensors[0]!.set(0.25);
    try {
      const kernel = await pool.compile({ name, text: program.text, weights });
      await kernel.run(tensors[0]!, tensors[1]!);
      told[name] = tensors[1]!.values().some((value) => value !== 0) ? 'ok' : 'zeros';
    } catch (error) {
      if (!isMayflyError(error)) throw error;
      told[name] = telling.exec(error.message)?.[0] ?? error.message;
    }
  }
  return told;
}

const all = (fate: string) => Object.fromEntries(programs.map(([name]) => [name, fate]));

const cases: readonly [refuse: string, telling: RegExp, refused: Record<string, string>][] = [
  ['cycle-path', /Graph has a cycle path/, { attentionBackward: 'Graph has a cycle path' }],
  ['softmax-backward@load', /0x20004/, { attentionBackward: '0x20004' }],
  ['products=4@evaluate', /status=0x1d/, { attentionForward: 'status=0x1d', attentionBackward: 'status=0x1d' }],
  ['operation:sigmoid@zeros', /./, { feedForwardForward: 'zeros', feedForwardBackward: 'zeros' }],
  [
    'contraction=100',
    /sums 160 products/,
    { feedForwardForward: 'sums 160 products', feedForwardBackward: 'sums 160 products' },
  ],
  ['cycle-path/10000000', /./, {}],
];

function onDevice(device: string, refuseBy: (list: string) => void): void {
  test.each(cases)(`${device} refuses %s`, async (refuse, telling, refused) => {
    refuseBy(refuse);
    const pacing = { failureMs: 0, settleMs: 0 };
    await using pool = await createPool({ device, standby: 0, attempts: 1, arenaBytes: 2 ** 24, pacing });
    expect(await fates(pool, telling)).toEqual({ ...all('ok'), ...refused });
  });
}

onEachRuntime((_tier, runtime) => {
  onDevice('ane', (list) => {
    vi.stubEnv('MAYFLY_ANE_RUNTIME', runtime);
    vi.stubEnv('MAYFLY_EMULATOR_TEMPORARY', folder);
    vi.stubEnv('MAYFLY_EMULATOR_REFUSE', list);
  });
});

describe('sim', () => {
  onDevice('sim:m4,no-rules', (list) => vi.stubEnv('MAYFLY_SIM_FAULTS', JSON.stringify({ refuse: list.split(',') })));

  test.each(['cycle-path=3', 'inputs/'])('does not start with %s', async (entry) => {
    vi.stubEnv('MAYFLY_SIM_FAULTS', JSON.stringify({ refuse: [entry] }));
    await expect(createPool({ device: 'sim:m4', standby: 0 })).rejects.toThrow(/Expected a pattern to refuse/);
  });
});
