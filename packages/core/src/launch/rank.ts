// One rank of `mayfly launch`: runs `mayfly` with the given words, passes on its lines, and says how it ended, which MPICH does not.
import { spawn } from 'node:child_process';
import { constants, hostname } from 'node:os';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { findLaunch } from '../collective/launcher.js';
import { encodeRankLine, type RankLine } from './rank-lines.js';

const { PMI_FD, HYDI_CONTROL_FD } = process.env;
const rank = findLaunch(process.env)?.rank ?? 0;
const send = (line: RankLine): void => void process.stdout.write(encodeRankLine(line));

// Children get no descriptors from Node but those that it is told of. By these MPICH's runtime is reached.
const inherited = [PMI_FD, HYDI_CONTROL_FD].flatMap((fd) => (fd === undefined ? [] : [Number(fd)]));
const stdio = Array.from({ length: Math.max(2, ...inherited) + 1 }, (_, fd) => {
  if (fd === 1 || fd === 2) return 'pipe';
  return inherited.includes(fd) ? fd : 'ignore';
});

/** How long the pipes of a process that has ended are read. */
const LINGER_MS = 1000;

const command = fileURLToPath(new URL('../bin/mayfly.js', import.meta.url));
const child = spawn(process.execPath, [...process.execArgv, command, ...process.argv.slice(2)], { stdio });

// The launchers signal whole process groups: the child gets each signal itself.
const seen = new Set<number>();
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGUSR1'] as const) {
  process.on(signal, () => seen.add(128 + constants.signals[signal]));
}
// Where `mpirun` is gone, the end of this process follows.
process.stdout.on('error', () => {});

// `mayfly launch` keeps the stdin of `mpirun` open, and rank 0 gets its end: then nobody reads what ranks write, or could stop them.
if (rank === 0) process.stdin.on('end', () => child.kill('SIGTERM')).resume();

for (const [kind, stream] of [
  ['out', child.stdout],
  ['err', child.stderr],
] as const) {
  createInterface(stream!).on('line', (text) => send({ kind, rank, text }));
}

child.once('error', ({ message }) => send({ kind: 'err', rank, text: `Cannot start ${process.execPath}: ${message}` }));

if (child.pid !== undefined) send({ kind: 'begin', process: { rank, pid: child.pid, host: hostname() } });

let isOver = false;
function end(code: number | null, signal: NodeJS.Signals | null): void {
  if (isOver) return;
  isOver = true;
  send({ kind: 'end', end: { rank, pid: child.pid ?? 0, host: hostname(), code, signal } });
  // A rank that was asked to stop, and has saved, is no failure for which `mpirun` would kill the others.
  const own = code ?? 128 + constants.signals[signal!];
  process.stdout.write('', () => process.exit(seen.has(own) ? 0 : own));
}
child.once('close', end);
// Its last lines are read before, unless a process that it has left behind keeps its pipes open.
child.once('exit', (code, signal) => void setTimeout(end, LINGER_MS, code, signal));
