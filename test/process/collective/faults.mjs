// A rank of two whose group ends before its work does. Arguments: the case, and a path at which one rank makes a file when the other may go on.
import { spawnSync } from 'node:child_process';
import { existsSync, lstatSync, readdirSync, readFileSync, readlinkSync, watch, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { createPool, openCollective } from '@mayfly/core';
import { Arena } from '@mayfly/core/testing';

const [, , scenario, path] = process.argv;
const tensor = new Arena(2 ** 16).tensor('fp32', [101]);
const found = [];
const wording = (error) => (error.code === undefined ? error.message : `${error.code}: ${error.message}`);
/** Notes how a call ended. */
const note = async (call) => found.push(await call.then(() => 'ended', wording));

async function fileThere() {
  const changes = watch(dirname(path));
  while (!existsSync(path)) await new Promise((resolve) => changes.once('change', resolve));
  changes.close();
}

/** The sockets and pipes of this process, by their numbers in the system. */
const channels = () =>
  readdirSync('/proc/self/fd').flatMap((fd) => {
    // The descriptor of the folder itself is closed by now.
    const file = `/proc/self/fd/${fd}`;
    return lstatSync(file, { throwIfNoEntry: false }) ? [readlinkSync(file)] : [];
  });

// To close a group takes no longer than its deadline in any case.
const timeoutMs = scenario === 'stopped' ? Infinity : 60_000;
const group = await openCollective({ timeoutMs }).catch((error) => {
  console.log(
    JSON.stringify({ rank: Number(process.env.PMI_RANK ?? process.env.OMPI_COMM_WORLD_RANK), found: [wording(error)] }),
  );
  process.exit(3);
});
const { rank } = group;

const cases = {
  async mismatch() {
    await note(group.allReduce(rank === 0 ? tensor : tensor.at(0, [100])));
    await note(group.barrier());
  },
  async closed() {
    if (rank === 1) return;
    await note(group.broadcast(tensor, 0));
    await note(group.broadcast(tensor, 0));
  },
  async cancelled() {
    if (rank === 1) {
      const controller = new AbortController();
      const call = group.barrier({ signal: controller.signal });
      controller.abort(new Error('enough'));
      await note(call);
      return note(group.barrier());
    }
    // The call that the other rank cancelled may have reached this one.
    do await note(group.barrier());
    while (found.at(-1) === 'ended');
    found.splice(0, found.length - 1);
  },
  async late() {
    if (rank === 1) {
      await note(group.allReduce(tensor, { timeoutMs: 50 }));
      await note(group.barrier());
      return writeFileSync(path, '');
    }
    await fileThere();
    await note(group.allReduce(tensor));
    await note(group.barrier());
  },
  async killed() {
    await group.barrier();
    if (rank === 1) process.kill(process.pid, 'SIGKILL');
    await note(group.barrier());
  },
  async stopped() {
    await group.barrier();
    if (rank === 1) process.kill(process.pid, 'SIGSTOP');
    await note(group.barrier({ timeoutMs: 50 }));
    process.exitCode = 5;
  },
  async aborted() {
    await group.barrier();
    if (rank === 1) group.abort(42);
    await note(group.barrier());
  },
  /** Processes that a rank starts have neither variables nor descriptors of MPI. */
  async children() {
    const pool = await createPool({ device: 'cpu', standby: 0, arenaBytes: 2 ** 20 });
    const { pid } = pool.stats().workers[0];
    const variables = readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0');
    found.push(variables.filter((name) => /^(OMPI|PMI|HYDI|MPI)/.test(name)));
    await pool.close();
    // It holds its standard streams open alone; a worker's are closed by the addon in any case.
    const shown = spawnSync('ls', ['-l', '/proc/self/fd'], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
    const own = new Set(channels());
    found.push(
      [...shown.stdout.matchAll(/(socket|pipe):\[\d+\]/g)].map(([name]) => name).filter((name) => own.has(name)),
    );
    await note(group.barrier());
  },
};

await cases[scenario]();
await group.close();
console.log(JSON.stringify({ rank, found }));
