// `npm run walks`: the source files of core that four walks through a pool enter, by V8's coverage of one real run.
//
// A file counts if a function of it was called between the beginning and the end of the walk. `--json` prints the names; an
// argument names another folder of packages, to count in a checkout of another time.
import { readFileSync } from 'node:fs';
import { Session } from 'node:inspector';
import { SourceMap } from 'node:module';
import { resolve } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';

const QUIET_MS = 50;

const { values, positionals } = parseArgs({ options: { json: { type: 'boolean' } }, allowPositionals: true });
const packages = resolve(positionals[0] ?? fileURLToPath(new URL('../packages', import.meta.url)));
const dist = pathToFileURL(`${packages}/core/dist/`).href;
const { createPool } = await import(`${dist}index.js`);

const session = new Session();
session.connect();

/** The inspector's answer, which comes within the call. */
function post(method, params) {
  let answer;
  session.post(method, params, (error, result) => {
    if (error !== null) throw error;
    answer = result;
  });
  return answer;
}

const bundles = new Map();

/** Reads a bundle's source map, and where its lines begin. */
function bundleOf(url) {
  let bundle = bundles.get(url);
  if (bundle === undefined) {
    const file = fileURLToPath(url);
    const lines = [0];
    for (const { index } of readFileSync(file, 'utf8').matchAll(/\n/g)) lines.push(index + 1);
    bundle = { lines, map: new SourceMap(JSON.parse(readFileSync(`${file}.map`, 'utf8'))) };
    bundles.set(url, bundle);
  }
  return bundle;
}

function sourceOf(url, offset) {
  const { lines, map } = bundleOf(url);
  const line = lines.findLastIndex((start) => start <= offset);
  return map.findEntry(line, offset - lines[line]).originalSource;
}

/** Source files of which a function was called since the last look, as paths below core/src. */
function entered() {
  const files = new Set();
  for (const { url, functions } of post('Profiler.takePreciseCoverage').result) {
    if (!url.startsWith(dist)) continue;
    for (const { functionName, ranges } of functions) {
      const [{ startOffset, count }] = ranges;
      // The first range of a script is the script itself.
      if (count === 0 || (functionName === '' && startOffset === 0)) continue;
      const source = sourceOf(url, startOffset);
      if (source !== undefined) files.add(source.replace(/^.*\/src\//, ''));
    }
  }
  return [...files].sort();
}

const shape = 'tensor<fp32, [1, 4]>';
const text = `program(1.3)
[buildInfo = dict<string, string>({{"coremlc-version", "3505.4.1"}})]
{
    func main<ios18>(${shape} x) {
        ${shape} w = const()[name = string("w"), val = ${shape}(BLOBFILE(path = string("@model_path/w.bin"), offset = uint64(64)))];
        ${shape} y = add(x = x, y = w)[name = string("y")];
    } -> (y);
}
`;

/** A weight file with one record of four fp32 zeros. */
function weightFile() {
  const bytes = new Uint8Array(192);
  const view = new DataView(bytes.buffer);
  for (const [at, value] of [
    [0, 1],
    [4, 2],
    [64, 0xdeadbeef],
    [68, 2],
    [72, 16],
    [80, 128],
  ]) {
    view.setUint32(at, value, true);
  }
  return bytes;
}

/** Waits until no function of core was called for a while: what was done before belongs to no walk. */
async function quiet() {
  do await setTimeout(QUIET_MS);
  while (entered().length > 0);
}

const program = { text, weights: { '@model_path/w.bin': weightFile() } };
const pool = await createPool({ device: 'cpu', arenaBytes: 2 ** 20 });
const [x, y] = [pool.arena.tensor('fp32', [1, 4]), pool.arena.tensor('fp32', [1, 4])];
const kernel = await pool.compile(program);
await kernel.run(x, y);
await kernel.update();

/** Settles with the next event; the second name is that of the time before names were in camelCase. */
const next = (...names) =>
  new Promise((settle) => {
    for (const name of names) pool.once(name, settle);
  });

post('Profiler.enable');
post('Profiler.startPreciseCoverage', { callCount: true, detailed: false });
const walks = {};

await quiet();
const answered = kernel.run(x, y);
const down = entered();
await answered;
const back = entered();
walks.run = [...new Set([...down, ...back])].sort();
walks['run, to the frame'] = down;
walks['run, back'] = back;

await quiet();
await pool.compile(program);
walks.compile = entered();

await quiet();
const retired = Promise.all([next('workerExit', 'worker-exit'), next('workerReady', 'worker-ready')]);
(pool.recycle ?? pool.rotate).call(pool);
await retired;
walks.retirement = entered();

await quiet();
const updated = kernel.update();
await kernel.run(x, y);
await updated;
walks.update = entered();

await pool.close();
if (values.json) console.log(JSON.stringify(walks));
else
  for (const [walk, files] of Object.entries(walks)) console.log(`${walk}: ${files.length}\n  ${files.join('\n  ')}`);
