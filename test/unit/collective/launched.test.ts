import { launchVariables, launchWords } from '@mayfly/core/testing';
import { expect, test } from 'vitest';

const openMpi = { OMPI_COMM_WORLD_SIZE: '4', OMPI_COMM_WORLD_RANK: '1' };
const mpich = { PMI_SIZE: '4', PMI_RANK: '1', HYDI_CONTROL_FD: '9' };

test('a run of several ranks is resumed by as many, whatever started them', () => {
  const words = ['launch', '--hosts', '/hosts', '--'];
  expect(launchWords({ ...openMpi, ...launchVariables(words) }, 4)).toEqual(words);
  expect(launchWords(openMpi, 4)).toEqual(['launch', '--ranks', '4', '--mpi', 'openmpi', '--']);
  expect(launchWords(mpich, 4)).toEqual(['launch', '--ranks', '4', '--mpi', 'mpich', '--']);
});

test('a run of one process is resumed by one, also beside others', () => {
  expect(launchWords({}, 1)).toEqual([]);
  expect(launchWords(openMpi, 1)).toEqual([]);
});
