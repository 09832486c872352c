// The sources of the addon and the flags that it is built with, from binding.gyp and sources.cjs, for builds that check it.
import { execSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const require = createRequire(import.meta.url);
/** packages/native, which all paths of sources start from. */
export const root = join(dirname(fileURLToPath(import.meta.url)), '..');

// A Python literal; with the comments gone also one of JavaScript.
const text = readFileSync(join(root, 'binding.gyp'), 'utf8').replace(/^\s*#.*$/gm, '');
const binding = new Function(`return ${text}`)();
const defaults = binding.target_defaults;
const xcode = defaults.xcode_settings;

const list = require('../sources.cjs');
const setsOfX64 = ['avx2', 'avx512', 'avx512bf16', 'amx'];
const knowsNode = (file) =>
  /\b(?:napi|uv)\.h|_binding\.h|napi_\w+\.h|math_(?:function|options)\.h|connection\.h|event_loop\.h|reaper\.h|exports\.h/.test(
    readFileSync(join(root, file), 'utf8'),
  );
export const sources = {
  /** The whole addon for a processor of the family x86-64, or for another. */
  addon: (x64) => [
    'src/addon.cc',
    ...['base', ...(x64 ? setsOfX64 : [])].flatMap((set) => list('sources', set).split('\n')),
  ],
  /** What knows nothing of Node: the MIL front end, the cpu device, host math, shared memory and frames. */
  plain: (x64) =>
    sources
      .addon(x64)
      .filter(
        (file) =>
          /^src\/(?:(?:cpu|math|mil|parallel|shm|ipc)\/|device\/session|number_text|owned_fd)/.test(file) &&
          !knowsNode(file),
      ),
  /** Device ane and the MIL front end that it asks first. */
  ane: (x64) =>
    sources
      .addon(x64)
      .filter(
        (file) => /^src\/(?:(?:ane|mil)\/|math\/simd\/half\.cc$|number_text|owned_fd)/.test(file) && !knowsNode(file),
      ),
};

/** The archives of the addon that node-gyp built for this system, without those that model another. */
export function archives() {
  const release = join(root, 'build', 'Release');
  return readdirSync(release)
    .filter((name) => /^mayfly_.*\.a$/.test(name) && !/_model\.a$/.test(name))
    .map((name) => join(release, name));
}

/** Flags with gyp's variables and commands in them expanded. */
function expand(flags = []) {
  return flags.flatMap((flag) => {
    const variable = flag.match(/^<@\((\w+)\)$/)?.[1];
    if (variable !== undefined) return expand(binding.variables[variable]);
    const command = flag.match(/^<!@\((.*)\)$/s)?.[1];
    if (command === undefined) return [flag];
    return execSync(command, { cwd: root, encoding: 'utf8' }).split(/\s+/).filter(Boolean);
  });
}

/** Of files that are compiled with an instruction set of their own. */
function vectorTarget(file) {
  const set = file.match(/_(avx2|avx512|avx512bf16|amx)\.cc$/)?.[1];
  const targets = binding.conditions.flatMap((condition) => condition[1].targets);
  return targets.find(({ target_name: name }) => name === `mayfly_${set}`);
}

const common = ['-Isrc', ...defaults.defines.map((define) => `-D${define}`)];

export function gccFlags(file) {
  return [...defaults.cflags_cc, ...common, ...expand(vectorTarget(file)?.cflags_cc)];
}

export const deploymentTarget = xcode.MACOSX_DEPLOYMENT_TARGET;

/** What Xcode's tools get from binding.gyp and from Node's own settings for macOS. */
export function xcodeFlags(file) {
  return [
    `-std=${xcode.CLANG_CXX_LANGUAGE_STANDARD}`,
    `-O${xcode.GCC_OPTIMIZATION_LEVEL}`,
    ...(xcode.GCC_ENABLE_CPP_EXCEPTIONS === 'YES' ? [] : ['-fno-exceptions']),
    ...(xcode.GCC_ENABLE_CPP_RTTI === 'YES' ? [] : ['-fno-rtti']),
    ...(xcode.GCC_TREAT_WARNINGS_AS_ERRORS === 'YES' ? ['-Werror'] : []),
    ...['-Wall', '-Wextra', '-Wno-unused-parameter'],
    ...xcode.OTHER_CPLUSPLUSFLAGS,
    ...common,
    ...expand(vectorTarget(file)?.xcode_settings?.OTHER_CPLUSPLUSFLAGS),
  ];
}

/** Where napi.h is, and the headers of Node that node-gyp found for this system's addon. */
export function nodeIncludes() {
  const config = readFileSync(join(root, 'build', 'config.gypi'), 'utf8').replace(/^#.*$/m, '');
  const node = join(JSON.parse(config).variables.nodedir, 'include', 'node');
  return ['-isystem', node, '-isystem', dirname(require.resolve('node-addon-api/napi.h'))];
}
