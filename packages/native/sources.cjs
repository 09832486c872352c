// Lists C++ sources by folder for binding.gyp, one path a line: 'avx2' and 'avx512' are the files named so, 'base' all others
// but the addon's entry, 'emulator' the stand-in for Apple's frameworks (in the repository, not in the package).
const { existsSync, readdirSync } = require('node:fs');
const { join } = require('node:path');

const setOf = (file) => file.match(/_(avx2|avx512)\.cc$/)?.[1] ?? (file === 'addon.cc' ? 'entry' : 'base');

module.exports = (set) => {
  const folder = set === 'emulator' ? 'emulator' : 'src';
  if (!existsSync(join(__dirname, folder))) return '';
  return readdirSync(join(__dirname, folder), { recursive: true })
    .filter((file) => file.endsWith('.cc') && (set === 'emulator' || setOf(file) === set))
    .sort()
    .map((file) => join(folder, file))
    .join('\n');
};
