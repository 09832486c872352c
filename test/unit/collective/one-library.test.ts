import { differentVersions, SingleGroup } from '@mayfly/core/testing';
import { expect, test } from 'vitest';

class Ranks extends SingleGroup {
  readonly #versions: readonly string[];

  constructor(versions: readonly string[]) {
    super();
    this.#versions = versions;
  }

  override async exchange(): Promise<Uint8Array[]> {
    return this.#versions.map((version) => Buffer.from(version));
  }
}

test('ranks with several versions of MPI are named', async () => {
  expect(await differentVersions(new Ranks(['Open MPI v4.1.4', 'Open MPI v4.1.4']))).toBe(null);
  expect(await differentVersions(new Ranks(['Open MPI v4.1.4', 'Open MPI v4.1.4', 'Open MPI v5.0.9']))).toBe(
    'Rank 0 has Open MPI v4.1.4, rank 2 Open MPI v5.0.9: install the same version of MPI on every machine',
  );
});
