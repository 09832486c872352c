// Cross-compiles the addon for macOS and reads the result as its loader would, and executes what can be: `node check.mjs
// [arm64] [x86_64] [execution] [execution-arm64]`, all by default.
// Exits with 1 and the reasons if anything is not as intended, with 69 where the tools are missing.
import { deploymentTarget, root } from '../../packages/native/checks/binding.mjs';
import { crossBuild } from './cross-build.mjs';
import { execute, hindrance } from './execution/execute.mjs';
import { inspectBundle } from './inspect-bundle.mjs';
import { messageCalls } from './message-calls.mjs';
import { MESSAGES } from './messages.mjs';
import { findToolchain, PACKAGES } from './toolchain.mjs';

const faults = [];
const expectAll = (what, things, wanted) => {
  for (const thing of things) if (!wanted(thing)) faults.push(`${what}: ${JSON.stringify(thing)}`);
};

// What a bundle of code and data for dyld consists of; no search path, no framework, no initializer by name.
const COMMANDS =
  /^LC_(SEGMENT_64|SYMTAB|DYSYMTAB|DYLD_INFO_ONLY|DYLD_CHAINED_FIXUPS|DYLD_EXPORTS_TRIE|LOAD_DYLIB|UUID|BUILD_VERSION|FUNCTION_STARTS|DATA_IN_CODE|CODE_SIGNATURE)$/;
const LIBRARIES = ['/usr/lib/libSystem.B.dylib', '/usr/lib/libc++.1.dylib'];
const EXPORTS = ['_napi_register_module_v1', '_node_api_module_get_api_version_v1'];

function checkBundle(toolchain, arch) {
  const { commands, libraries, minimum, imports, exports } = inspectBundle(toolchain, crossBuild(toolchain, arch));
  expectAll(`${arch} load command`, commands, (command) => COMMANDS.test(command));
  expectAll(`${arch} library`, libraries, (library) => LIBRARIES.includes(library));
  expectAll(`${arch} oldest macOS`, [minimum], (version) => version === deploymentTarget);
  // Node itself gives the addon Node-API and libuv; all else comes from a library that is named.
  expectAll(`${arch} import`, imports, ({ name, library }) => library !== 'flat' || /^_(napi|uv)_/.test(name));
  // Types of libc++'s templates are unified by name on x86-64.
  expectAll(`${arch} export`, exports, (name) => EXPORTS.includes(name) || /^__ZT[IS]NSt3__1/.test(name));
  if (!exports.includes(EXPORTS[0])) faults.push(`${arch} export: no ${EXPORTS[0]}`);
  // dyld kills what is not signed on arm64; the linker signs ad hoc.
  if (arch === 'arm64' && !commands.includes('LC_CODE_SIGNATURE')) faults.push('arm64: not signed');
  const count = (wanted) => imports.filter(({ library }) => library === wanted).length;
  return `${arch}: ${imports.length} imports (${count('libSystem')} libSystem, ${count('libc++')} libc++, ${count('flat')} Node's), ${commands.length} kinds of load commands`;
}

function checkMessages(toolchain) {
  const { sent, variadic } = messageCalls(toolchain, root);
  expectAll('message', sent, ({ selector, kinds }) => String(MESSAGES[selector]) === String(kinds));
  expectAll('variadic call through a pointer', variadic, () => false);
  const selectors = new Set(sent.map(({ selector }) => selector));
  for (const selector of Object.keys(MESSAGES)) if (!selectors.has(selector)) faults.push(`never sent: ${selector}`);
  return `arm64: ${sent.length} sends of ${selectors.size} messages with the kinds of arguments that their methods have`;
}

function checkExecution(toolchain, arch) {
  const reason = hindrance(arch);
  if (reason !== undefined) return `${arch}, not executed: ${reason}`;
  const executed = execute(toolchain, arch);
  faults.push(...executed.faults);
  return executed.report;
}

const CHECKS = {
  arm64: (toolchain) => `${checkBundle(toolchain, 'arm64')}\n${checkMessages(toolchain)}`,
  x86_64: (toolchain) => checkBundle(toolchain, 'x86_64'),
  execution: (toolchain) => checkExecution(toolchain, 'x86_64'),
  'execution-arm64': (toolchain) => checkExecution(toolchain, 'arm64'),
};

const toolchain = findToolchain();
if (toolchain === undefined) {
  console.log(`skipping tier T3, the build for macOS: needs apt-get install ${PACKAGES}`);
  process.exit(69);
}
const asked = process.argv.slice(2);
for (const name of asked.length > 0 ? asked : Object.keys(CHECKS)) console.log(CHECKS[name](toolchain));
if (faults.length > 0) {
  console.error(faults.join('\n'));
  process.exit(1);
}
