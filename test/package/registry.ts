import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createReadStream, existsSync, readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { basename, join } from 'node:path';
import targets from '../../packages/native/targets.json' with { type: 'json' };
import { repository } from '../../tools/pack/fetch.mjs';

interface Packed {
  readonly name: string;
  readonly tarball: string;
}

interface Manifest {
  readonly name: string;
  readonly version: string;
}

const list = join(repository, 'build', 'tarballs.json');

/** What `npm run pack` made, macOS left out: package without its scope → tarball. */
export const tarballs: ReadonlyMap<string, string> = new Map(
  existsSync(list)
    ? (JSON.parse(readFileSync(list, 'utf8')) as Packed[])
        .filter(({ tarball }) => tarball.startsWith('build/tarballs/'))
        .map(({ name, tarball }) => [name, join(repository, tarball)])
    : [],
);

const manifestOf = (tarball: string): Manifest =>
  JSON.parse(execFileSync('tar', ['-xzOf', tarball, 'package/package.json'], { encoding: 'utf8' })) as Manifest;

/** A package's page, as a registry gives it. */
function page(manifest: Manifest, dist: object): object {
  const { name, version } = manifest;
  return { name, 'dist-tags': { latest: version }, versions: { [version]: { ...manifest, dist } } };
}

/** A registry of the packed packages, as a user finds them once they are published. Pages of machines that were not built have no tarball. */
export class Registry {
  readonly #pages = new Map<string, object>();
  readonly #server: Server;

  constructor() {
    this.#server = createServer((request, response) => {
      const path = decodeURIComponent(request.url ?? '');
      const file = [...tarballs.values()].find((tarball) => path.endsWith(`/${basename(tarball)}`));
      if (file !== undefined) return void createReadStream(file).pipe(response);
      const found = this.#pages.get(path.slice(1));
      response.statusCode = found === undefined ? 404 : 200;
      response.setHeader('content-type', 'application/json');
      response.end(JSON.stringify(found ?? {}));
    });
  }

  async listen(): Promise<void> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    for (const tarball of tarballs.values()) {
      const manifest = manifestOf(tarball);
      const integrity = `sha512-${createHash('sha512').update(readFileSync(tarball)).digest('base64')}`;
      this.#pages.set(manifest.name, page(manifest, { tarball: `${this.url}/${basename(tarball)}`, integrity }));
    }
    const { version } = manifestOf(tarballs.get('native') as string);
    for (const { name, os, cpu, libc } of targets) {
      const full = `@mayfly/native-${name}`;
      if (this.#pages.has(full)) continue;
      const manifest = { name: full, version, os: [os], cpu: [cpu], ...(libc && { libc: [libc] }) };
      this.#pages.set(full, page(manifest, { tarball: `${this.url}/none.tgz` }));
    }
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  close(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }
}
