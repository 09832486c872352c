// Loaded before everything (NODE_OPTIONS=--require): the sanitized addon in place of the one in build/Release.
const { basename, join } = require('node:path');

const load = process.dlopen;
process.dlopen = (module, file, ...rest) =>
  load(
    module,
    basename(file) === 'mayfly.node' ? join(__dirname, '..', '..', 'build', 'asan', 'mayfly.node') : file,
    ...rest,
  );
