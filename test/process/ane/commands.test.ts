import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { type AneReport, aneEnvironment, onEachRuntime } from '../../fixtures/ane-emulator.js';
import { mayfly } from '../../fixtures/command.js';
import { fullProduct } from '../../fixtures/full-product.js';
import { temporaryFolder } from '../../fixtures/temporary-folder.js';

/** Ways through device ane: a name, and the environment that chooses it. Each gives the numbers of device cpu. */
const ways: readonly (readonly [name: string, environment: Record<string, string>])[] = [
  ['API in-memory', { MAYFLY_ANE_API: 'in-memory' }],
  ['API client', { MAYFLY_ANE_API: 'client' }],
];

const root = temporaryFolder();
const data = join(root, 'text.txt');

interface Results {
  readonly losses: string;
  readonly parameters: string;
  readonly crossEntropy: number;
  readonly text: string;
}

/** What the commands give on a device. They share a run in the folder `out`. */
async function commands(device: string, out: string, env: Record<string, string> = {}): Promise<Results> {
  const json = async (...args: readonly string[]) => {
    const { code, lines, stderr } = await mayfly([...args, '--device', device, '--json'], { env });
    // A slow machine also shows the progress of choosing programs, and device ane has no cache of keys and values.
    const errors = stderr
      .split('\n')
      .filter((line) => line !== '' && !/^choosing programs: |every token runs the whole window/.test(line));
    expect({ code, errors }).toEqual({ code: 0, errors: [] });
    return JSON.parse(lines.at(-1)!) as Record<string, never>;
  };
  const form = ['--model', 'tiny', '--batch', '2', '--seq', '16', '--weights', 'static', '--steps', '8'];
  const trained = await json('train', '--data', data, '--out', out, ...form);
  const evaluated = await json('eval', '--model', out, '--data', data);
  const generated = await json('generate', '--model', out, '--prompt', 'It', '--max-tokens', '8', '--temperature', '0');
  return {
    ...{ losses: trained.losses_sha256!, parameters: trained.params_sha256! },
    ...{ crossEntropy: evaluated.cross_entropy!, text: generated.text! },
  };
}

let expected: Results;
beforeAll(async () => {
  writeFileSync(data, 'It was a dark and stormy night; the rain fell in torrents. '.repeat(12));
  expected = await commands('cpu', join(root, 'cpu'));
}, 60_000);

onEachRuntime((tier, runtime) => {
  const some = fullProduct ? ways : ways.slice(1);
  test.each(some)('train, eval, generate and doctor by %s', async (name, way) => {
    const [staged, reports] = ['staged', 'reports'].map((what) => join(root, `${tier} ${name} ${what}`));
    for (const folder of [staged!, reports!]) mkdirSync(folder);
    const env = {
      ...aneEnvironment(runtime, staged!, way),
      MAYFLY_EMULATOR_REPORT: join(reports!, '%p.json'),
      XDG_CACHE_HOME: join(root, `${tier} ${name} cache`),
    } as Record<string, string>;
    expect(await commands('ane', join(root, `${tier} ${name}`), env)).toEqual(expected);
    const { code, lines } = await mayfly(['doctor', '--json'], { env });
    const { devices } = JSON.parse(lines.join('\n')) as { devices: { device: string }[] };
    expect({ code, ane: devices.find(({ device }) => device === 'ane') }).toMatchObject({
      code: 0,
      ane: { usable: true, api: way.MAYFLY_ANE_API, round_trip: { ok: true, error: 0 } },
    });

    // Every process kept to the limits and released what it held; nothing is left.
    const ended = readdirSync(reports!).map(
      (file) => JSON.parse(readFileSync(join(reports!, file), 'utf8')) as AneReport,
    );
    expect(ended.length).toBeGreaterThan(4);
    for (const { live, compilations } of ended) {
      expect(live).toEqual({ models: 0, loaded: 0, surfaces: 0 });
      if (way.MAYFLY_ANE_API === 'in-memory') expect(compilations).toBeLessThan(119);
    }
    expect(readdirSync(staged!).filter((file) => !file.startsWith('.'))).toEqual([]);
  });
});
