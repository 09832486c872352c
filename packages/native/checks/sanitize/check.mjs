// The native code under AddressSanitizer, UndefinedBehaviorSanitizer, LeakSanitizer and ThreadSanitizer: `node check.mjs [--quick]`.
// The addon runs its tests in Node with the sanitizers' library preloaded; the thread pool and the lane run in a program.
import { spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { isAbsolute, join } from 'node:path';
import { LOOPS } from '../arm64/build.mjs';
import { root } from '../binding.mjs';
import { run } from '../make.mjs';
import { buildAddon, buildProgram } from './build.mjs';

const TESTS = [
  ...['unit/mil/', 'unit/math/', 'contract/device.test', 'contract/ops.test', 'contract/sim'],
  ...['process/native/', 'process/ane/device', 'process/ane/faults', 'process/ane/paths'],
];
const QUICK_TESTS = ['unit/mil/weight-blob', 'unit/mil/types', 'process/native/frames', 'process/ane/device'];
// T2: GNUstep's runtime keeps what it allocates. One wants a worker to be slower than its parent, and sanitizers slow both; in one, Node itself ends with threads that still
// hold memory. Limits of memory leave no room for the sanitizers' own. No suppression for that: the stacks of our own allocations have V8's functions in them, too.
const NOT_NAMED =
  '^(?!.*(T2|messages of any size go both ways|a thread may end with a connection open|what the system refuses))';
const UNDEFINED = { UBSAN_OPTIONS: 'print_stacktrace=1' };

/** Runs a command; ends this process with its output if it fails. */
function expectSilence(title, command, args, env) {
  const done = spawnSync(command, args, {
    ...{ encoding: 'utf8', maxBuffer: 1 << 28, cwd: root },
    env: { ...process.env, ...UNDEFINED, ...env },
  });
  const output = done.stdout + done.stderr;
  if (done.status !== 0 || /ERROR: \w+Sanitizer|WARNING: ThreadSanitizer|runtime error:/.test(done.stderr)) {
    console.error(`${title}: exit ${done.status ?? done.signal}\n${output}`);
    process.exit(1);
  }
  console.log(`${title}: silent${output.match(/ +Tests +.*/)?.[0].replace(/ +/g, ' ') ?? ''}`);
}

const asan = run('gcc', ['-print-file-name=libasan.so']).trim();
if (!isAbsolute(asan)) {
  console.log('skipping the sanitizers: needs gcc with libasan');
  process.exit(69);
}
const quick = process.argv.includes('--quick');
expectSilence(
  'ThreadSanitizer, lane and thread pool',
  buildProgram('tsan', 'checks/sanitize/lane_main.cc', 'lane'),
  [],
);
expectSilence('ThreadSanitizer, host math', buildProgram('tsan', LOOPS, 'loops'), ['math']);
const addon = buildAddon();
const vitest = join(createRequire(import.meta.url).resolve('vitest/package.json'), '..', 'vitest.mjs');
const tests = [
  'run',
  '--root',
  join(root, '..', '..', 'test'),
  '--reporter=default',
  '--no-color',
  ...['-t', NOT_NAMED],
  ...(quick ? QUICK_TESTS : TESTS),
];
expectSilence('AddressSanitizer, UndefinedBehaviorSanitizer, LeakSanitizer', process.execPath, [vitest, ...tests], {
  LD_PRELOAD: asan,
  ASAN_OPTIONS: 'detect_leaks=1:handle_segv=1',
  LSAN_OPTIONS: `suppressions=${join(root, 'checks', 'sanitize', 'lsan.supp')}:print_suppressions=0`,
  MAYFLY_ADDON: addon,
});
