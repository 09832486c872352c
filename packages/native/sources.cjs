// Lists the C++ sources of one instruction set ('base', 'avx2', 'avx512') for binding.gyp, one path a line.
const { readdirSync } = require('node:fs');
const { join } = require('node:path');

module.exports = (set) =>
  readdirSync(join(__dirname, 'src'), { recursive: true })
    .filter((file) => file.endsWith('.cc'))
    .filter((file) => (file.match(/_(avx2|avx512)\.cc$/)?.[1] ?? 'base') === set)
    .sort()
    .map((file) => join('src', file))
    .join('\n');
