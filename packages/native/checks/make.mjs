// Compiles and links by make, which knows what is up to date and how many processors there are.
import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';
import { root } from './binding.mjs';

/** Runs a command to its end and gives what it printed. Throws what it said if it fails. */
export function run(command, args, options = {}) {
  const done = spawnSync(command, args, { encoding: 'utf8', maxBuffer: 1 << 28, ...options });
  if (done.status === 0) return done.stdout;
  throw new Error(`${command} ${args.join(' ')}\n${done.error?.message ?? done.stdout + done.stderr}`);
}

/**
 * Makes `folder/name` of `sources`, paths from packages/native: each with `compile(file)`, a command to which `-c FILE -o OBJECT`
 * is added, all with `link(objects)`, to which `-o RESULT` is added. Commands are arrays; `parts` are files that the result
 * also depends on. Returns its path.
 */
export function make({ folder, name, sources, compile, link, parts = [] }) {
  const result = join(folder, name);
  const objects = sources.map((file) => join(folder, file.replaceAll('../', '').replace(/\.cc$/, '.o')));
  for (const object of objects) mkdirSync(dirname(object), { recursive: true });
  const rules = [
    `${result}: ${objects.join(' ')} ${parts.join(' ')}`,
    `\t${link(objects).join(' ')} -o $@`,
    ...sources.map((file, i) => `${objects[i]}: ${file}\n\t${compile(file).join(' ')} -MD -MP -c $< -o $@`),
    `-include ${objects.map((object) => object.replace(/\.o$/, '.d')).join(' ')}`,
  ];
  const makefile = join(folder, 'Makefile');
  writeFileSync(makefile, `${rules.join('\n')}\n`);
  run('make', ['-s', '-C', root, '-f', makefile, '-j', String(availableParallelism()), result]);
  return result;
}
