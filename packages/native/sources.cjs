// What binding.gyp asks of the file system and the compiler, one item a line.
const { spawnSync } = require('node:child_process');
const { existsSync, readdirSync } = require('node:fs');
const { join } = require('node:path');

const sourcesIn = (folder) =>
  existsSync(join(__dirname, folder))
    ? readdirSync(join(__dirname, folder), { recursive: true })
        .filter((file) => file.endsWith('.cc'))
        .sort()
        .map((file) => join(folder, file))
    : [];

// Files of an instruction set are named for it: 'gemm_amx.cc'.
const setOf = (file) =>
  file.match(/_(avx2|avx512|avx512bf16|amx)\.cc$/)?.[1] ?? (file === join('src', 'addon.cc') ? 'entry' : 'base');

const sources = (set) => sourcesIn('src').filter((file) => setOf(file) === set);

// In the repository, not in the package: stand-ins for what a machine lacks, for tests.
const emulator = (part) =>
  sourcesIn('emulator').filter((file) => file.startsWith(join('emulator', 'tiles')) === (part === 'tiles'));

// An instruction of each set that is younger than some compilers and assemblers.
const instructions = {
  '-mavx512bf16': 'vdpbf16ps %zmm2, %zmm1, %zmm0',
  '-mamx-tile': 'tilerelease',
  '-mamx-bf16': 'tdpbf16ps %tmm2, %tmm1, %tmm0',
  '-mamx-fp16': 'tdpfp16ps %tmm2, %tmm1, %tmm0',
};

/** Those of the flags that this compiler can build for; kernels of the others are left out. */
const known = (...flags) =>
  flags.filter((flag) => {
    const [compiler, ...args] = (process.env.CXX || 'c++').split(' ');
    const input = `__asm__("${instructions[flag]}");`;
    return spawnSync(compiler, [...args, flag, '-x', 'c++', '-c', '-o', '/dev/null', '-'], { input }).status === 0;
  });

module.exports = (what, ...rest) => ({ sources, emulator, known })[what](...rest).join('\n');
