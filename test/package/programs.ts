import core from '../../packages/core/package.json' with { type: 'json' };

// Programs of users. Each prints `works` at its end.

const body = `
async function main() {
  const pool = await createPool({ device: 'cpu', workers: 1, standby: 0 });
  try {
    const mil = new MilBuilder();
    const x = mil.input('x', 'fp32', [1, 4]);
    mil.output('y', mil.mul(x, x));
    const kernel = await pool.compile(mil.build());
    const [input, output] = [pool.arena.tensor('fp32', [1, 4]), pool.arena.tensor('fp32', [1, 4])];
    input.array().set([1, 2, 3, 4]);
    await kernel.run(input, output);
    if (output.array().join() !== '1,4,9,16') throw new Error(output.array().join());
  } finally {
    await pool.close();
  }
  const trainer = await createTrainer({ model: 'tiny', data: 'book.txt', steps: 2, seq: 32, batch: 1, pool: { device: 'cpu' } });
  try {
    for await (const { loss } of trainer.steps()) if (!(loss > 0)) throw new Error(String(loss));
  } finally {
    await trainer.close();
  }
  console.log('works');
}
`;
const end = `main().catch((error) => { console.error(error); process.exit(1); });\n`;

const names = '{ createPool, createTrainer, MilBuilder }';
export const esModule = `import ${names} from '@mayfly/core';\n${body}await main();\n`;
export const commonJs = `const ${names} = require('@mayfly/core');\n${body}${end}`;
/** The parts of @mayfly/core that programs import, as package.json names them, but for the one that needs an optional peer. */
const notImported = ['./package.json', './opentelemetry'];
const entries = Object.keys(core.exports).filter((entry) => !notImported.includes(entry));
const everyEntry = entries.map(
  (entry, index) => `export * as entry${index} from '${entry.replace('.', '@mayfly/core')}';\n`,
);
/** Of TypeScript, in a module, with the types of every entry, and in a file of CommonJS. */
export const typed = `${everyEntry.join('')}import ${names} from '@mayfly/core';\nimport type { Pool } from '@mayfly/core';\nimport { chipNames } from '@mayfly/core/chips';\nexport const names: readonly string[] = chipNames();\nexport type Own = Pool;\n${body}${end}`;
export const typedCommonJs = `import core = require('@mayfly/core');\nimport native = require('@mayfly/native');\nconst ${names} = core;\nexport const devices: readonly string[] = native.addon.deviceNames();\n${body}${end}`;

/** Opens the page of `mayfly watch`, and all that it names. */
export const watcher = `import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
const watch = spawn('mayfly', ['watch', '--json'], { stdio: ['ignore', 'pipe', 'inherit'] });
for await (const line of createInterface({ input: watch.stdout })) {
  const { url, runs } = JSON.parse(line);
  const entry = await fetch(url, { redirect: 'manual' });
  const headers = { cookie: entry.headers.get('set-cookie').split(';')[0] };
  const get = async (path) => {
    const response = await fetch(new URL(path, url), { headers });
    if (!response.ok) throw new Error(path + ': ' + response.status);
    return response.text();
  };
  const assets = [...(await get('/')).matchAll(/(?:src|href)="(.+?)"/g)].map(([, path]) => path);
  const sizes = await Promise.all(assets.map(async (path) => (await get(path)).length));
  if (!/\\.js,.*\\.css$/.test(assets.join()) || sizes.includes(0)) throw new Error(assets.join());
  const [run] = JSON.parse(await get('/api/runs'));
  if (runs !== 1 || run.name !== 'book') throw new Error(JSON.stringify(run));
  watch.kill('SIGINT');
}
console.log('works');
`;
