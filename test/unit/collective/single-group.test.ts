import { openCollective } from '@mayfly/core';
import { Arena, findLaunch, isLaunchVariable, SingleGroup } from '@mayfly/core/testing';
import { describe, expect, test } from 'vitest';

describe('a group of size 1', () => {
  const arena = new Arena(2 ** 16);
  const values = arena.tensor('fp32', [100]);

  test('leaves the data as they are', async () => {
    await using group = new SingleGroup();
    values.set(3);
    expect([group.rank, group.size, group.library]).toEqual([0, 1, null]);
    await group.allReduce(values);
    await group.reduce(values, 0);
    await group.allGather([values]);
    await group.broadcast(values, 0);
    await group.barrier();
    expect(new Set(values.values())).toEqual(new Set([3]));
    const bytes = Uint8Array.of(1, 2);
    const [copy] = await group.exchange(bytes);
    expect(copy).toEqual(bytes);
    expect(copy!.buffer).not.toBe(bytes.buffer);
  });

  test('refuses wrong arguments as a larger one does', async () => {
    await using group = new SingleGroup();
    const refused = { code: 'ERR_INVALID_ARGUMENT' };
    await expect(group.allReduce(arena.tensor('fp16', [3]))).rejects.toMatchObject(refused);
    await expect(group.reduce(values, 1)).rejects.toMatchObject(refused);
    await expect(group.broadcast(values, -1)).rejects.toMatchObject(refused);
    await expect(group.allGather([values, values])).rejects.toMatchObject(refused);
    await expect(group.exchange([1] as never)).rejects.toMatchObject(refused);
    await expect(group.exchange(new Uint8Array(2 ** 26 + 1))).rejects.toMatchObject(refused);
    await expect(group.barrier({ timeout: 1 } as never)).rejects.toThrow('Did you mean timeoutMs?');
    expect(() => group.abort(0)).toThrow('Expected code to be a whole number from 1 to 125, got 0');
  });

  test('is ended by a signal and by close', async () => {
    const group = new SingleGroup();
    await expect(group.barrier({ signal: AbortSignal.abort(new Error('enough')) })).rejects.toThrow('enough');
    await group.close();
    await group.close();
    await expect(group.barrier()).rejects.toMatchObject({ code: 'ERR_COLLECTIVE' });
  });

  test('is what opens without a launcher', async () => {
    await using group = await openCollective();
    expect(group.size).toBe(1);
    await expect(openCollective({ timeoutMs: 0 })).rejects.toMatchObject({ code: 'ERR_INVALID_ARGUMENT' });
  });
});

describe('the launcher', () => {
  test('is known by its variables', () => {
    expect(findLaunch({})).toBeNull();
    expect(findLaunch({ PMI_SIZE: '3', PMI_RANK: '1' })).toBeNull();
    expect(findLaunch({ OMPI_COMM_WORLD_SIZE: '2', OMPI_COMM_WORLD_RANK: '1' })).toEqual({
      ...{ library: 'Open MPI', rank: 1, size: 2 },
    });
    expect(findLaunch({ PMI_SIZE: '3', PMI_RANK: '0', HYDI_CONTROL_FD: '7' })).toEqual({
      ...{ library: 'MPICH', rank: 0, size: 3 },
    });
  });

  test('must say a rank below the size', () => {
    const broken = { OMPI_COMM_WORLD_SIZE: '2', OMPI_COMM_WORLD_RANK: '2' };
    expect(() => findLaunch(broken)).toThrow('OMPI_COMM_WORLD_RANK=2 and OMPI_COMM_WORLD_SIZE=2');
    expect(() => findLaunch({ OMPI_COMM_WORLD_SIZE: '2' })).toThrow(
      expect.objectContaining({ code: 'ERR_COLLECTIVE' }),
    );
  });

  test('has variables that children must not inherit', () => {
    const names = ['OMPI_COMM_WORLD_RANK', 'PMIX_RANK', 'PMI_FD', 'HYDI_CONTROL_FD', 'MPI_LOCALRANKID', 'MPIR_CVAR_X'];
    expect(names.every(isLaunchVariable)).toBe(true);
    expect(['PATH', 'MAYFLY_MPI', 'OMP_NUM_THREADS', 'UCX_MEM_EVENTS'].some(isLaunchVariable)).toBe(false);
  });
});
