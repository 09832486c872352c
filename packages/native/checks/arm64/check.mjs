// Compares the arm64 vector loops, run by QEMU, with this processor's: `node check.mjs`. Exits with 1 and the differences, or
// with 69 where the tools are missing.
import { spawnSync } from 'node:child_process';
import { buildForArm64, buildForThisProcessor, has, PACKAGES } from './build.mjs';

if (!has('aarch64-linux-gnu-g++') || !has('qemu-aarch64')) {
  console.log(`skipping the arm64 loops: needs apt-get install ${PACKAGES}`);
  process.exit(69);
}

/** Name → values, of a line each. */
function results(command, args, isa) {
  // The instruction set that this process was given is not the other processor's.
  const { MAYFLY_ISA: _, ...inherited } = process.env;
  const env = { ...inherited, ...(isa && { MAYFLY_ISA: isa }) };
  const done = spawnSync(command, args, { encoding: 'utf8', maxBuffer: 1 << 28, env });
  if (done.status !== 0) throw new Error(`${command} ${args.join(' ')}: ${done.stderr}`);
  return done.stdout
    .trimEnd()
    .split('\n')
    .map((line) => line.split(' '));
}

const faults = [];

/** Bit for bit, but for sums over the lanes of a vector (marked by ~), whose order is the width's. */
function compare(title, [[, isa], ...left], [[, otherIsa], ...right]) {
  let values = 0;
  left.forEach(([name, ...ours], line) => {
    const [otherName, ...theirs] = right[line] ?? [];
    if (name !== otherName || ours.length !== theirs.length) faults.push(`${title}: ${name} is ${otherName} there`);
    values += ours.length;
    const scale = name.startsWith('~') ? Math.max(...ours.map((value) => Math.abs(Number(value)))) : 0;
    const wrong = ours.findIndex((value, i) => value !== theirs[i] && !(Math.abs(value - theirs[i]) <= 1e-6 * scale));
    if (wrong >= 0)
      faults.push(`${title}: ${name}[${wrong}] is ${ours[wrong]} on ${isa}, ${theirs[wrong]} on ${otherIsa}`);
  });
  console.log(`${title}: ${values} values of ${left.length} tensors, ${isa} and ${otherIsa}`);
}

const native = buildForThisProcessor();
const arm64 = buildForArm64();
let ours = results(native, ['math']);
// Tiles multiply parts of bf16: their sums are as exact as a vector's, and not the same.
if (ours[0][1] === 'amx') ours = results(native, ['math'], 'avx512');
const fused = ours[0][1] !== 'portable';
if (fused) compare('neon', ours, results('qemu-aarch64', [arm64, 'math']));
else console.log('skipping neon: this processor has no fused multiply-add to compare with');
compare('portable', results(native, ['math'], 'portable'), results('qemu-aarch64', [arm64, 'math'], 'portable'));
if (faults.length > 0) {
  console.error(faults.join('\n'));
  process.exit(1);
}
