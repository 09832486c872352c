// Executes device ane as it was compiled for macOS, over the emulator, and compares what it says and does with the same
// sources compiled for Linux.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { has, PACKAGES } from '../../../packages/native/checks/arm64/build.mjs';
import { root } from '../../../packages/native/checks/binding.mjs';
import {
  ARM64_ROOT,
  arm64Libraries,
  buildEmulatorForArm64,
  buildLoader,
  buildLoaderForArm64,
  buildNative,
  buildRoundTrip,
  buildRoundTripForArm64,
} from './build.mjs';

const emulator = join(root, 'build', 'Release', 'ane_emulator.node');

/** Why code of an architecture cannot be executed here; undefined if it can. */
export function hindrance(arch) {
  if (process.platform !== 'linux' || process.arch !== 'x64' || !existsSync(emulator)) {
    return 'needs Linux on x86-64 with the addon built';
  }
  if (arch === 'x86_64') return undefined;
  if (!has('aarch64-linux-gnu-g++') || !has('qemu-aarch64')) return `needs apt-get install ${PACKAGES}`;
  return existsSync(join(arm64Libraries, 'libc++.so.1'))
    ? undefined
    : `needs LLVM's libc++ for arm64 in ${arm64Libraries}, which fetch-libcxx.sh downloads`;
}

/** The command that runs a bundle, with the bundle and the emulator as its arguments. */
const RUNNERS = {
  x86_64: (toolchain) => ({ command: buildLoader(toolchain), args: [buildRoundTrip(toolchain), emulator] }),
  arm64: (toolchain) => ({
    command: 'qemu-aarch64',
    args: [
      ...['-L', ARM64_ROOT, buildLoaderForArm64(toolchain)],
      ...[buildRoundTripForArm64(toolchain), buildEmulatorForArm64()],
    ],
  }),
};

const FAULTS = 'MAYFLY_EMULATOR_FAULTS';
/** Environments by what they bring about; `file` is no folder. */
const CASES = ({ file }) => ({
  'nothing asked': {},
  'errors of the framework': {
    [FAULTS]: 'compile@2=error:4,load@4=error:0x20004,load@5=error:0x20004,evaluate@10=error:0x1d,unload@3=error:1',
  },
  'errors without NSError': { [FAULTS]: 'compile@10=error:nil,evaluate@2=error:nil' },
  exceptions: { [FAULTS]: 'evaluate@1=exception,evaluate@10=exception' },
  'zeros for results': { [FAULTS]: 'evaluate@1=zeros,evaluate@10=zeros' },
  'one dialect, ports in order': { MAYFLY_EMULATOR_DIALECT: 'ios16', MAYFLY_EMULATOR_PORTS: 'declared' },
  reload: { MAYFLY_ANE_RELOAD: 'on', MAYFLY_EMULATOR_RELOAD: 'files' },
  'the other API': { MAYFLY_ANE_API: 'client' },
  'another path': { MAYFLY_ANE_EVALUATE: 'direct', MAYFLY_ANE_QOS: '33' },
  'a setting that is none': { MAYFLY_ANE_EVALUATE: 'sideways' },
  'the limit of compilations': { MAYFLY_EMULATOR_COMPILE_LIMIT: '9' },
  'a wider argument': { MAYFLY_EMULATOR_WIDE: 'loadWithQoS:options:error:' },
  'no engine': { MAYFLY_EMULATOR_CHIP: 'none' },
  'a directory that cannot be written': { MAYFLY_EMULATOR_TEMPORARY: join(file, 'temporary') },
});

/** What a program says, how it ends, and what the emulator counted in it. */
function outcome(program, args, makeEnvironment) {
  const scratch = mkdtempSync(join(tmpdir(), 'mayfly-macos-'));
  const [folder, file, report] = ['folder', 'file', 'report'].map((name) => join(scratch, name));
  try {
    mkdirSync(folder);
    writeFileSync(file, '');
    const own = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^MAYFLY_/.test(name)));
    const env = {
      ...own,
      MAYFLY_EMULATOR_TEMPORARY: folder,
      MAYFLY_EMULATOR_REPORT: report,
      ...makeEnvironment({ file }),
    };
    const options = { env, encoding: 'utf8', timeout: 60_000 };
    const { status, signal, stdout, stderr } = spawnSync(program, args, options);
    const counts = existsSync(report) ? readFileSync(report, 'utf8').trim() : 'no report';
    const text = `${stdout}${stderr}ended with ${signal ?? status}\n${counts}`;
    // Time differs from run to run, as do the folder and the identifier of a canary, whose text is unique to its process.
    return text
      .replaceAll(scratch, 'SCRATCH')
      .replaceAll(/\b[0-9A-F]{64}(?:_[0-9A-F]{64})+/g, 'IDENTIFIER')
      .replace(/\d+(?= (?:ns|nanoseconds)\b)/g, 'N')
      .split('\n');
  } finally {
    rmSync(scratch, { recursive: true });
  }
}

// Only on macOS is the class of an exception known: `#ifdef __APPLE__`.
const asOnMac = (line) => line.replace(/ to return, got an exception$/, ' to return, got NSException');

/** `{ report, faults }`: a line on what was executed, and each line that differs. */
export function execute(toolchain, arch) {
  const { command, args } = RUNNERS[arch](toolchain);
  const native = buildNative();
  const faults = [];
  let compared = 0;
  let errors = 0;
  let loaded;
  const names = Object.keys(CASES({ file: '' }));
  for (const name of names) {
    const here = outcome(native, [], (paths) => ({ MAYFLY_ANE_RUNTIME: emulator, ...CASES(paths)[name] })).map(asOnMac);
    const [first, ...there] = outcome(command, args, (paths) => CASES(paths)[name]);
    loaded = first;
    for (let i = 0; i < Math.max(here.length, there.length); i++) {
      if (here[i] !== there[i]) faults.push(`${name}, line ${i + 1}: expected ${here[i]}, got ${there[i]}`);
    }
    compared += here.length;
    errors += here.filter((line) => /\bERR_[A-Z_]+/.test(line)).length;
  }
  return {
    faults,
    report: `${arch}, executed: ${loaded}; ${names.length} runs, ${compared} lines compared, ${errors} of them errors`,
  };
}
