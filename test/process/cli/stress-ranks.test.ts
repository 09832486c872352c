import { expect, test } from 'vitest';
import { eventsOf, type JsonEvent, lastEvent, mayfly } from '../../fixtures/command.js';
import { fullProduct } from '../../fixtures/full-product.js';
import { isAlive } from '../../fixtures/is-alive.js';
import { describeLaunchers } from '../../fixtures/mpirun.js';

const hashes = ({ params_sha256, losses_sha256 }: JsonEvent) => ({ params_sha256, losses_sha256 });
const common = ['--device', 'cpu', '--standby', '0', '--checkpoint-every', '4', '--json'];

describeLaunchers('mayfly stress over ranks', ({ name }) => {
  const mpi = ['--mpi', name === 'MPICH' ? 'mpich' : 'openmpi'];

  test.runIf(fullProduct || name === 'Open MPI')(
    'ends with the bits of an undisturbed run though workers and ranks are killed, stopped, and hang',
    async () => {
      const faults = fullProduct ? 'kill=2,stop=4,hang=1' : 'kill=1,stop=1';
      const size = fullProduct ? ['--ranks', '4', '--steps', '200'] : ['--ranks', '2', '--steps', '40'];
      const chaos = ['--chaos', 'kill=0.005', '--chaos-seed', '3', '--rank-faults', faults, '--rank-timeout', '20000'];
      const ended = await mayfly(['stress', ...size, ...mpi, ...common, ...chaos]);
      expect(ended.code, `${ended.lines.join('\n')}\n${ended.stderr}`).toBe(0);
      const events = eventsOf(ended);
      const of = (event: string) => events.filter((each) => each.event === event);
      expect(hashes(lastEvent(ended, 'disturbed'))).toEqual(hashes(lastEvent(ended, 'undisturbed')));
      expect(lastEvent(ended, 'verdict')).toMatchObject({ same: true, struck: of('fault').length });
      const killed = of('fault').filter(({ fault }) => fault === 'kill');
      expect(killed.length).toBeGreaterThan(0);
      expect(of('restart').length).toBeGreaterThanOrEqual(killed.length);
      expect(of('restart')).toContainEqual(expect.objectContaining({ rank: killed[0]!.rank, signal: 'SIGKILL' }));
      await expect.poll(() => of('fault').filter(({ pid }) => isAlive(Number(pid)))).toEqual([]);
    },
  );

  test.runIf(fullProduct)('trains as ranks of mayfly launch, each with faults of its own', async () => {
    const chaos = ['--steps', '20', '--chaos', 'kill=0.02'];
    const calm = await mayfly(['launch', '-n', '2', ...mpi, '--', 'stress', '--steps', '20', ...common]);
    const hard = await mayfly(['launch', '-n', '2', ...mpi, '--', 'stress', ...chaos, ...common]);
    expect(hashes(lastEvent(hard, 'done'))).toEqual(hashes(lastEvent(calm, 'done')));
    expect(lastEvent(hard, 'faults').kill).toBeGreaterThan(0);
  });
});

test.each([
  [['--rank-faults', 'kill=1'], 'Expected --rank-faults to be given with --ranks, got `no --ranks`'],
  [
    ['--ranks', '2', '--out', 'x'],
    'Expected --out to be left out with --ranks, which takes a folder of its own, got `x`',
  ],
  [['--ranks', '1'], 'Expected --ranks to be a whole number from 2 up, got `1`'],
])('mayfly stress %j is one error', async (words, message) => {
  expect(await mayfly(['stress', ...words])).toMatchObject({ code: 2, lines: [], stderr: `mayfly: ${message}\n` });
});
