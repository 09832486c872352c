import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { readHostfile } from '@mayfly/core/testing';
import { describe, expect, test } from 'vitest';
import { temporaryFolder } from '../../fixtures/temporary-folder.js';

const path = join(temporaryFolder(), 'hosts');
const read = (text: string) => {
  writeFileSync(path, text);
  return readHostfile(path);
};
const mac1 = { name: 'mac-1', slots: 1 };

test.each([
  [
    'Open MPI',
    '# two Macs\nmac-1 slots=2 max_slots=4\n\nuser@10.0.0.2 max-slots=3 # the other\n',
    [2, 'user@10.0.0.2', 1],
  ],
  ['MPICH', 'mac-1:2\r\nmac_2.local:3 ifhn=10.0.0.2\r\n', [2, 'mac_2.local', 3]],
  ['a host that is named again', 'mac-1\nmac-2\nmac-1', [2, 'mac-2', 1]],
])('lines of %s', (_, text, [slots, name, others]) => {
  const hosts = [
    { name: 'mac-1', slots },
    { name, slots: others },
  ];
  expect(read(text)).toEqual({ hosts, env: {} });
});

describe("MLX's JSON", () => {
  test('a list of hosts', () => {
    const hosts = [
      { ssh: 'mac-1', ips: ['192.168.0.1'], rdma: [null, 'rdma_en2'] },
      { ssh: 'mac-2', ips: ['192.168.0.2'], rdma: ['rdma_en2', null] },
    ];
    expect(read(JSON.stringify(hosts))).toEqual({ hosts: [mac1, { name: 'mac-2', slots: 1 }], env: {} });
  });

  test('an object, whose variables all ranks get', () => {
    const given = { backend: 'jaccl', envs: ['A=b=c', 'EMPTY='], hosts: [{ ssh: 'mac-1' }, { ssh: 'mac-1', ips: [] }] };
    expect(read(`\n${JSON.stringify(given)}`)).toEqual({
      hosts: [{ name: 'mac-1', slots: 2 }],
      env: { A: 'b=c', EMPTY: '' },
    });
  });
});

test.each([
  ['mac-1\nmac-2 slots=two', ':2: Expected a host, such as', 'got `mac-2 slots=two`'],
  ['mac-1 slots=0', ':1: Expected a host', ''],
  ['mac-1:2 slots=2', ':1: Expected a host', ''],
  ['mac-1 mac-2', ':1: Expected a host', ''],
  ['fe80::1', ':1: Expected a host', ''],
  ['-oProxyCommand=x', ':1: Expected a host', ''],
  ['# none', ': Expected hosts, got none', ''],
  ['[]', ': Expected hosts, got none', ''],
  ['[{"ssh": "mac-1"}, {"ips": []}]', ': Expected host 1 to have its name as `ssh`, got {"ips":[]}', ''],
  ['[{"ssh": "-oProxyCommand=x"}]', ': Expected host 0 to have its name', ''],
  ['{"backend": "mpi"}', ": Expected `hosts` as a list, as MLX's hostfile has it, got nothing", ''],
  ['{"hosts": [{"ssh": "a"}], "envs": ["1=2"]}', ': Expected `envs` as a list of NAME=VALUE, got "1=2"', ''],
  ['{"hosts": ', ': Expected JSON, got', ''],
])('refuses %j with one error', (text, message, more) => {
  let refusal: unknown;
  try {
    read(text);
  } catch (error) {
    refusal = error;
  }
  expect(refusal).toMatchObject({ code: 'ERR_INVALID_ARGUMENT' });
  expect((refusal as Error).message).toContain(`${path}${message}`);
  expect((refusal as Error).message).toContain(more);
});
