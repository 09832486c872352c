// `npm run example -- <name> [options]`: runs one of the folders beside this file.
import { readdirSync } from 'node:fs';

const built = new URL('./dist/', import.meta.url);
const names = readdirSync(built, { withFileTypes: true }).filter((entry) => entry.isDirectory());
const [name] = process.argv.splice(2, 1);
if (names.some((entry) => entry.name === name)) await import(new URL(`${name}/index.js`, built));
else {
  const expected = names.map((entry) => entry.name).join(', ');
  process.stderr.write(`Expected an example (${expected}), got ${name === undefined ? 'none' : `\`${name}\``}\n`);
  process.exitCode = 2;
}
