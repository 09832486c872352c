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
/** Of TypeScript, in a module and in a file of CommonJS. */
export const typed = `import ${names} from '@mayfly/core';\nimport type { Pool } from '@mayfly/core';\nimport { chipNames } from '@mayfly/core/chips';\nexport const names: readonly string[] = chipNames();\nexport type Own = Pool;\n${body}${end}`;
export const typedCommonJs = `import core = require('@mayfly/core');\nimport native = require('@mayfly/native');\nconst ${names} = core;\nexport const devices: readonly string[] = native.addon.deviceNames();\n${body}${end}`;
