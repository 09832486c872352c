import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { temporaryFolder } from '../../fixtures/temporary-folder.js';

const folder = temporaryFolder();
const LOCALE = 'de_DE.UTF-8';

/** Writes numbers with a comma from the start of the process on, as any library of a process may set it to. */
const shim = `
#include <locale.h>
#include <stdio.h>
__attribute__((constructor)) static void comma(void) {
  char text[8];
  setlocale(LC_ALL, "${LOCALE}");
  snprintf(text, sizeof text, "%.1f", 0.5);
  if (text[1] != ',') fprintf(stderr, "no comma: %s\\n", text);
}
`;

/** What is missing for a process that writes a comma, or null. */
function prepare(): string | null {
  if (process.platform !== 'linux') return 'Linux';
  writeFileSync(join(folder, 'comma.c'), shim);
  const cc = spawnSync('cc', ['-shared', '-fPIC', '-o', join(folder, 'comma.so'), join(folder, 'comma.c')]);
  if (cc.status !== 0) return 'cc';
  const made = spawnSync('localedef', ['-i', 'de_DE', '-f', 'UTF-8', join(folder, LOCALE)]);
  // 1: warnings.
  return made.status === 0 || made.status === 1 ? null : 'localedef and its sources';
}

const missing = prepare();

test.skipIf(missing !== null)(
  `numbers of MIL text have a point, whatever the locale${missing === null ? '' : ` (needs ${missing})`}`,
  () => {
    const script = `
      import { addon } from '@mayfly/native';
      const arena = addon.createArena(4096);
      const device = addon.openDevice('cpu', arena);
      const program = (body) => \`program(1.3)\\n{ func main<ios18>(tensor<fp32, [4]> x) {\\n\${body}\\n} -> (y); }\`;
      const type = 'tensor<fp32, [4]>';
      const text = program(\`\${type} y = const()[val = \${type}([0.5, 0x1.8p-3, 1.25e-1, -2.5])];\`);
      const { program: id } = device.compile(text, []);
      device.evaluate(id, [0, 64]);
      const view = arena.view(64, 16);
      const values = [...new Float32Array(view.buffer, view.byteOffset, 4)];
      const inspected = addon.inspectMil(text).operations[0].attributes[0].values[0].elements;
      const messageOf = (body) => {
        try {
          body();
        } catch (error) {
          return error.message;
        }
      };
      const clip = messageOf(() => device.compile(program(\`\${type} y = clip(x = x, alpha = fp32(2.5), beta = fp32(-0.5));\`), []));
      const dimension = messageOf(() => addon.math.rope(arena, { heads: 1.5 }));
      console.log(JSON.stringify({ values, inspected, clip, dimension }));`;
    const run = spawnSync(process.execPath, ['--input-type=module', '-e', script], {
      cwd: new URL('../..', import.meta.url),
      env: { ...process.env, LD_PRELOAD: join(folder, 'comma.so'), LOCPATH: folder, LC_ALL: LOCALE },
      encoding: 'utf8',
    });
    expect(run.stderr).toBe('');
    expect(JSON.parse(run.stdout)).toEqual({
      values: [0.5, 0.1875, 0.125, -2.5],
      inspected: [0.5, 0.1875, 0.125, -2.5],
      clip: expect.stringContaining('at least alpha, 2.5, got -0.5'),
      dimension: expect.stringContaining('got 1.5 (number)'),
    });
  },
);
