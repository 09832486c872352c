// What macOS's loader will find in a bundle: read with llvm-objdump and llvm-nm.
import { run } from '../../packages/native/checks/make.mjs';

/** The load commands, the libraries, the oldest macOS, every import with the library it is bound to, every export. */
export function inspectBundle({ nm, objdump }, bundle) {
  const headers = run(objdump, ['--macho', '--private-headers', bundle]);
  const all = (text, pattern) => [...text.matchAll(pattern)].map((match) => match[1]);
  const undefinedSymbols = run(nm, ['-m', '--undefined-only', bundle]);
  const imports = [...undefinedSymbols.matchAll(/external (\S+) \((?:from (\S+)|dynamically looked up)\)/g)];
  return {
    commands: [...new Set(all(headers, /\bcmd (LC_\w+)/g))].sort(),
    libraries: all(headers, /\bname (\/\S+) \(offset/g),
    minimum: all(headers, /\bminos (\S+)/g)[0],
    imports: imports.map(([, name, library]) => ({ name, library: library ?? 'flat' })),
    exports: all(run(nm, ['-m', '--defined-only', '--extern-only', bundle]), /\) (?:weak )?external (\S+)/g).sort(),
  };
}
