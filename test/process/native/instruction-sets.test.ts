import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const native = fileURLToPath(new URL('../../../packages/native/', import.meta.url));
const objects = join(native, 'build', 'Release', 'obj.target', 'mayfly_base');

/** Sources with code for an instruction set, for this processor. */
const sources = readdirSync(join(native, 'src'), { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.cc'))
  .map((file) => ({ file, text: readFileSync(join(native, 'src', file), 'utf8') }))
  .filter(({ text }) => text.includes('MAYFLY_BEGIN_TARGET('));

/** The weak symbols of an object; undefined without nm. Of several of one name the linker keeps any, for all. */
function weakSymbols(object: string): string[] | undefined {
  const { status, stdout } = spawnSync('nm', ['--demangle', '--defined-only', object], { encoding: 'utf8' });
  if (status !== 0) return undefined;
  return [...stdout.matchAll(/^[0-9a-f]* ?[WVu] (.*)$/gm)]
    .map((match) => match[1]!)
    .filter((name) => !name.startsWith('DW.ref.'));
}

test.for(sources)('the linker cannot take code of $file for other code', ({ file, text }, { skip }) => {
  const object = join(objects, 'src', file.replace(/\.cc$/, '.o'));
  if (process.platform !== 'linux' || process.arch !== 'x64' || !existsSync(object))
    return skip('needs the addon built on Linux x64');
  const weak = weakSymbols(object);
  if (weak === undefined) return skip('needs nm');
  const own = [...text.matchAll(/^namespace mayfly::(\w+) /gm)].map((match) => `mayfly::${match[1]}::`);
  expect(own.length).toBeGreaterThan(0);
  expect(weak.filter((name) => !own.some((namespace) => name.includes(namespace)))).toEqual([]);
});
