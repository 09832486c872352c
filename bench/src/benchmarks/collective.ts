import { findMpirun, mpirunCommand } from '@mayfly/core/testing';
import { alternate } from '../harness/alternate.js';
import { compileC } from '../harness/compile-c.js';
import type { Benchmark, Figure, Target } from '../harness/report.js';
import { target } from '../harness/report.js';
import { runForJson } from '../harness/run-script.js';
import { ratio } from '../harness/targets.js';
import type { CollectiveTask } from '../scripts/collective-run.js';

const MIB = 2 ** 20;
const script = new URL('./collective-run.js', import.meta.url).pathname;

interface Sample extends Record<string, number> {
  readonly p50: number;
  readonly p99: number;
}

export const collective: Benchmark = {
  name: 'collective',
  measures: 'The sum of 32 MiB over the ranks, all on this machine, beside MPI_Allreduce in place from C.',
  async measure({ quick, repetitions }) {
    const task: CollectiveTask = { bytes: (quick ? 1 : 32) * MIB, warmup: quick ? 1 : 5, count: quick ? 2 : 40 };
    const cases = (['openmpi', 'mpich'] as const).flatMap((mpi) =>
      [2, 4].map((ranks) => ({ mpi, ranks, name: `${mpi}, ${ranks} ranks` })),
    );
    const onRanks = async (mpi: (typeof cases)[number]['mpi'], ranks: number, program: () => string[]) => {
      const mpirun = await findMpirun(mpi);
      const [file, ...args] = mpirunCommand(mpirun, { ranks, hosts: [], env: { NO_COLOR: '1' }, program: program() });
      return runForJson<Sample>(file!, args);
    };
    const { samples, skipped } = await alternate<Sample>(
      'collective',
      cases.flatMap(({ mpi, ranks, name }) => [
        { name, run: () => onRanks(mpi, ranks, () => [process.execPath, script, JSON.stringify(task)]) },
        {
          name: `MPI_Allreduce, ${name}`,
          run: () =>
            onRanks(mpi, ranks, () => [
              compileC('peers/allreduce', [], { compiler: `mpicc.${mpi}`, as: `allreduce-${mpi}` }),
              ...[ranks, task.bytes, task.warmup, task.count].map(String),
            ]),
        },
      ]),
      repetitions,
    );
    const figures: Figure[] = [...samples].map(([name, { p50, p99 }]) => ({
      ...{ case: name, isolation: 'process', placement: 'scheduler', unit: 'ms' },
      ...{ p50, p99 },
    }));
    const targets = cases.flatMap(({ ranks, name }): Target[] => {
      const own = samples.get(name);
      const least = (2 * task.bytes * (ranks - 1)) / ranks;
      return [
        ...ratio(`allReduce / MPI_Allreduce, ${name}`, own?.p50, samples.get(`MPI_Allreduce, ${name}`)?.p50, '<=', 1),
        ...(own === undefined ? [] : [target(`bytes sent / 2(n − 1)/n, ${name}`, own.sent! / least, '<=', 1)]),
      ];
    });
    return { repetitions, figures, targets, skipped };
  },
};
