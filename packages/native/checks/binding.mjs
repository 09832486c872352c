// The sources of the addon and the flags that it is built with, for builds that check it.
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const require = createRequire(import.meta.url);
/** packages/native, which all paths of sources start from. */
export const root = join(dirname(fileURLToPath(import.meta.url)), '..');

const defaults = JSON.parse(readFileSync(join(root, 'flags.gypi'), 'utf8')).target_defaults;
const xcode = defaults.xcode_settings;

/** The headers that a file includes, be it by way of others; own ones with their path in src. */
function includes(file, found = new Set()) {
  for (const [, name] of readFileSync(join(root, file), 'utf8').matchAll(/^#include ["<](.*)[">]/gm)) {
    const own = join('src', name);
    if (!found.has(name) && found.add(name) && existsSync(join(root, own))) includes(own, found);
  }
  return found;
}
const without = (pattern) => (file) =>
  ![file.replace('src/', ''), ...includes(file)].some((name) => pattern.test(name));

const addon = require('../sources.cjs')('src');
export const sources = {
  addon,
  /** Everything that does without Node, but device ane: the MIL front end, the cpu device, host math, memory and frames. */
  plain: addon.filter(without(/^(?:napi|uv)\.h$|^(?:ane|sim)\//)),
  /** Device ane and the MIL front end that it asks first. */
  ane: addon
    .filter((file) => /^src\/(?:ane\/|mil\/|number_text|owned_fd)/.test(file))
    .filter(without(/^(?:napi|uv)\.h$/)),
};

/** The addon without its entry, as node-gyp built it for this system. */
export const archive = join(root, 'build', 'Release', 'mayfly_base.a');

const common = ['-Isrc', ...defaults.defines.map((define) => `-D${define}`)];

export const gccFlags = [...defaults.cflags_cc, ...common];

export const deploymentTarget = xcode.MACOSX_DEPLOYMENT_TARGET;

/** What Xcode's tools get from flags.gypi and from Node's own settings for macOS. */
export const xcodeFlags = [
  `-std=${xcode.CLANG_CXX_LANGUAGE_STANDARD}`,
  `-O${xcode.GCC_OPTIMIZATION_LEVEL}`,
  ...(xcode.GCC_ENABLE_CPP_EXCEPTIONS === 'YES' ? [] : ['-fno-exceptions']),
  ...(xcode.GCC_ENABLE_CPP_RTTI === 'YES' ? [] : ['-fno-rtti']),
  ...(xcode.GCC_TREAT_WARNINGS_AS_ERRORS === 'YES' ? ['-Werror'] : []),
  ...['-Wall', '-Wextra', '-Wno-unused-parameter'],
  ...xcode.OTHER_CPLUSPLUSFLAGS,
  ...common,
];

/** Where napi.h is, and the headers of Node that node-gyp found for this system's addon. */
export function nodeIncludes() {
  const config = readFileSync(join(root, 'build', 'config.gypi'), 'utf8').replace(/^#.*$/m, '');
  const node = join(JSON.parse(config).variables.nodedir, 'include', 'node');
  return ['-isystem', node, '-isystem', dirname(require.resolve('node-addon-api/napi.h'))];
}
