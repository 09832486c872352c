/** `npm run bench -- NAME... [--json] [--markdown] [--quick] [--repetitions N] [--plots FOLDER]`: see `bench/README.md`. */
import { parseArgs } from 'node:util';
import { benchmarks } from './benchmarks/index.js';
import { format } from './harness/format.js';
import { writePlot } from './harness/plot.js';
import { type Report, report } from './harness/report.js';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    json: { type: 'boolean', default: false },
    markdown: { type: 'boolean', default: false },
    quick: { type: 'boolean', default: false },
    repetitions: { type: 'string' },
    plots: { type: 'string' },
  },
});
const names = positionals.includes('all') ? benchmarks.map(({ name }) => name) : positionals;
const chosen = names.map((name) => benchmarks.find((benchmark) => benchmark.name === name));
if (chosen.length === 0 || chosen.includes(undefined)) {
  const known = [...benchmarks.map(({ name }) => name), 'all'].join(', ');
  console.error(`Expected names of benchmarks (${known}), got ${positionals.join(' ') || 'none'}`);
  process.exit(2);
}

const repetitions = Number(values.repetitions ?? (values.quick ? 1 : 3));
const reports: Report[] = [];
for (const [index, benchmark] of chosen.entries()) {
  console.error(`${benchmark!.name} (${index + 1} of ${chosen.length})`);
  const done = await report(benchmark!, { quick: values.quick, repetitions });
  console.error(`${benchmark!.name}: ${done.seconds.toFixed(0)} s`);
  reports.push(done);
  if (values.plots !== undefined && done.plot !== undefined) await writePlot(values.plots, done);
  if (!values.json) console.log(`${format(done, values.markdown)}\n`);
}
if (values.json) console.log(JSON.stringify(reports));
