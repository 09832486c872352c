import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { readCheckpointHeader } from '@mayfly/core/checkpoint';
import { beforeAll, expect, test } from 'vitest';
import {
  type CommandOptions,
  type Ended,
  eventsOf,
  type JsonEvent,
  lastEvent,
  mayfly,
} from '../../fixtures/command.js';
import { fullProduct } from '../../fixtures/full-product.js';
import { isAlive } from '../../fixtures/is-alive.js';
import { describeLaunchers, type Launcher, launchers } from '../../fixtures/mpirun.js';
import { smallStream } from '../../fixtures/small-run.js';
import { temporaryFolder } from '../../fixtures/temporary-folder.js';

const STEPS = 8;
const folder = temporaryFolder();
const tokens = smallStream(folder);
const common = [
  ...[
    'train',
    '--data',
    tokens,
    '--batch',
    '1',
    '--seq',
    '16',
    '--steps',
    `${STEPS}`,
    '--lr',
    '3e-3',
    '--checkpoint-every',
    '2',
  ],
  ...['--device', 'cpu', '--threads', '1', '--host-threads', '0', '--standby', '0', '--json'],
];
/** So many that only a fault or a signal ends the run. */
const forever = ['--steps', '1000000'];

interface Fault {
  readonly rank: number;
  /** After which the signal is sent. */
  readonly step: number;
  readonly signal: NodeJS.Signals;
  readonly target?: 'rank' | 'worker';
}

interface Job {
  /** Of the run. */
  readonly out: string;
  /** Options of `mayfly launch`. */
  readonly launch?: readonly string[];
  /** Options of `mayfly train`. */
  readonly train?: readonly string[];
  readonly fault?: Fault;
  readonly onLine?: CommandOptions['onLine'];
}

interface JobEnd extends Ended {
  /** Processes of the job: `mayfly launch`, `mpirun`, the ranks and their workers. */
  readonly pids: readonly number[];
}

/** As `--mpi` takes it. */
const nameOf = ({ name }: Launcher): string => (name === 'MPICH' ? 'mpich' : 'openmpi');

/** Of each test and launcher, another. */
const pathOf = ({ name }: Launcher, title: string): string => join(folder, `${name.replace(' ', '-')}-${title}`);

/** Runs a job of two ranks. `json` says that `launch` writes JSON, too. */
async function launch(launcher: Launcher, job: Job): Promise<JobEnd> {
  const notes = `${job.out}-notes-${count++}`;
  mkdirSync(notes);
  const ended = await mayfly(
    [
      ...['launch', '-n', '2', '--mpi', nameOf(launcher), ...(job.launch ?? []), '--'],
      ...[...common, '--out', job.out, ...(job.train ?? [])],
    ],
    {
      env: {
        NODE_OPTIONS: `--import ${new URL('../../fixtures/rank-fault.mjs', import.meta.url)}`,
        MAYFLY_TEST_RANK_FAULT: JSON.stringify({ folder: notes, ...job.fault }),
      },
      ...(job.onLine && { onLine: job.onLine }),
    },
  );
  const pids = readdirSync(notes)
    .filter((file) => file !== 'struck')
    .map(Number);
  return { ...ended, pids };
}
let count = 0;

/** Waits until no process of the job is left. */
async function expectNoneLeft({ pids }: JobEnd): Promise<void> {
  // At least launch, mpirun, and for each rank the process that passes on its lines, its own and a worker.
  expect(pids.length).toBeGreaterThanOrEqual(8);
  await expect.poll(() => pids.filter(isAlive)).toEqual([]);
}

const hashes = ({ last_step, losses_sha256, params_sha256 }: JsonEvent) => ({
  last_step,
  losses_sha256,
  params_sha256,
});
const doneOf = (ended: Ended) => {
  expect(ended.code, ended.stderr).toBe(0);
  return hashes(lastEvent(ended, 'done'));
};

/** One process with as many passes. */
let whole: ReturnType<typeof hashes>;
beforeAll(async () => {
  if (launchers.some(({ absent }) => absent === null))
    whole = doneOf(await mayfly([...common, '--accumulate', '2', '--out', join(folder, 'whole')]));
});

describeLaunchers('mayfly launch', (launcher) => {
  const isMpich = launcher.name === 'MPICH';
  // The cases of which npm test takes one launcher each; the others run with the full product.
  const byMpich = test.runIf(fullProduct || isMpich);
  const byOpenMpi = test.runIf(fullProduct || !isMpich);
  const byBoth = test.runIf(fullProduct);

  byOpenMpi('gives the bits of one process though a worker of a rank is killed', async () => {
    const fault = { rank: 1, step: 3, signal: 'SIGKILL', target: 'worker' } as const;
    const ended = await launch(launcher, { out: pathOf(launcher, 'worker'), fault });
    expect(doneOf(ended)).toEqual(whole);
    await expectNoneLeft(ended);
  });

  byMpich('ends the job when a rank is killed, names rank and signal, and keeps the last checkpoint', async () => {
    const out = pathOf(launcher, 'killed');
    const fault = { rank: 1, step: 3, signal: 'SIGKILL' } as const;
    const ended = await launch(launcher, { out, train: forever, fault });
    expect(ended.code).toBe(1);
    expect(ended.stderr.split('\n')).toEqual([
      expect.stringMatching(/^mayfly: 2 ranks by /),
      expect.stringMatching(
        /^mayfly: Rank 1 \(process \d+ on .+\) ended by SIGKILL, and the job with it \[ERR_RANK\]$/,
      ),
      `The last checkpoint is ${join(out, 'step-00000002.mayfly')}`,
      expect.stringMatching(`^resume  .* launch --ranks 2 --mpi ${nameOf(launcher)} -- train --resume ${out} `),
      '',
    ]);
    await expectNoneLeft(ended);
    await expect(readCheckpointHeader(out)).resolves.toMatchObject({ header: { step: 2 } });
  });

  byBoth('takes a file of hosts', async () => {
    const hosts = `${pathOf(launcher, 'hosts')}.txt`;
    const mlx = { hosts: [{ ssh: 'localhost' }, { ssh: 'localhost' }], envs: ['MAYFLY_TEST_UNUSED=1'] };
    writeFileSync(hosts, isMpich ? JSON.stringify(mlx) : 'localhost slots=2\n');
    const ended = await launch(launcher, { out: pathOf(launcher, 'hosts'), launch: ['--hosts', hosts] });
    expect(doneOf(ended)).toEqual(whole);
  });

  byBoth.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
    ['SIGUSR1', 138],
  ] as const)('%s saves, and names the command that goes on', async (signal, code) => {
    const out = pathOf(launcher, signal);
    let isSent = false;
    const ended = await launch(launcher, {
      ...{ out, train: forever },
      onLine: (line, child) => {
        if (isSent || !line.startsWith('{"event":"step"')) return;
        isSent = true;
        child.kill(signal);
      },
    });
    expect(ended.code, ended.stderr).toBe(code);
    await expectNoneLeft(ended);
    const { last_step, reason, resume_command } = lastEvent(ended, 'done');
    expect(reason).toBe('aborted');
    expect(resume_command).toMatch(` launch --ranks 2 --mpi ${nameOf(launcher)} -- train --resume ${out} `);
    await expect(readCheckpointHeader(out)).resolves.toMatchObject({ header: { step: last_step } });
  });

  byBoth('ends the ranks at once on a second signal', async () => {
    const ended = await launch(launcher, {
      ...{ out: pathOf(launcher, 'twice'), launch: ['--json'], train: forever },
      fault: { rank: 1, step: 2, signal: 'SIGSTOP' },
      onLine: (line, child) => {
        if (line.startsWith('{"event":"step","step":2,') || line.startsWith('{"event":"interrupt"'))
          child.kill('SIGINT');
      },
    });
    expect(ended.code, ended.stderr).toBe(130);
    await expectNoneLeft(ended);
  });

  byBoth('goes on from the last checkpoint after a rank was killed, and ends as an unbroken run', async () => {
    const out = pathOf(launcher, 'restarted');
    const fault = { rank: 1, step: 5, signal: 'SIGKILL' } as const;
    const again = ['--auto-resume'];
    const ended = await launch(launcher, { out, launch: ['--restarts', '1', '--json'], train: again, fault });
    expect(doneOf(ended)).toEqual(whole);
    const restarts = eventsOf(ended).filter(({ event }) => event === 'restart');
    expect(restarts).toMatchObject([
      { rank: 1, signal: 'SIGKILL', restart: 1, checkpoint: join(out, 'step-00000004.mayfly') },
    ]);
    await expectNoneLeft(ended);

    const over = await launch(launcher, { out, train: again });
    expect(over.code, over.stderr).toBe(0);
    expect(lastEvent(over, 'finished')).toMatchObject({ step: STEPS, reason: 'finished' });
  });

  byBoth('ends the job when a rank hangs for longer than --rank-timeout', async () => {
    const ended = await launch(launcher, {
      ...{ out: pathOf(launcher, 'hung'), train: [...forever, '--rank-timeout', '10000'] },
      fault: { rank: 1, step: 3, signal: 'SIGSTOP' },
    });
    expect(ended.code, ended.stderr).toBe(1);
    expect(ended.stderr).toMatch(/^rank 0: .*has not ended within 10000 ms/m);
    expect(ended.stderr).toMatch(/^mayfly: Rank 0 .* ended with exit code 1/m);
    await expectNoneLeft(ended);
  });
});
