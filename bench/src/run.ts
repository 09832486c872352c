/** `npm run bench -- NAME... [OPTIONS]`: see `--help` and `bench/README.md`. */
import { Argument, Command, InvalidArgumentError, Option } from 'commander';
import { benchmarks } from './benchmarks/index.js';
import { format } from './harness/format.js';
import { writePlot } from './harness/plot.js';
import { type Report, report } from './harness/report.js';

interface Options {
  readonly json?: true;
  readonly markdown?: true;
  readonly quick?: true;
  readonly repetitions?: number;
  readonly plots?: string;
}

const names = benchmarks.map(({ name }) => name);
const width = Math.max(...names.map((name) => name.length));
const list = benchmarks.map(({ name, measures }) => `  ${name.padEnd(width)}  ${measures}`).join('\n');

function positiveInteger(text: string): number {
  if (/^[1-9]\d*$/.test(text)) return Number(text);
  throw new InvalidArgumentError(`Expected a positive integer, got \`${text}\``);
}

await new Command('npm run bench --')
  .description('Measures this machine; bench/README.md describes the method and the peers.')
  .addArgument(new Argument('<name...>', 'benchmarks, or `all`').choices([...names, 'all']))
  .addOption(new Option('--json', 'one array of reports at the end').conflicts('markdown'))
  .option('--markdown', 'tables in Markdown')
  .option('--quick', 'only show that everything runs: the figures mean nothing')
  .option('--repetitions <n>', 'processes for each contender (default: 3, with --quick 1)', positiveInteger)
  .option('--plots <folder>', 'draw the pictures of `scaling` there')
  .addHelpText('after', `\nBenchmarks:\n${list}`)
  .showSuggestionAfterError()
  .exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? 0 : 2))
  .action(run)
  .parseAsync();

async function run(given: readonly string[], options: Options): Promise<void> {
  const chosen = given.includes('all') ? benchmarks : benchmarks.filter(({ name }) => given.includes(name));
  const { quick = false, repetitions = quick ? 1 : 3, plots } = options;
  const reports: Report[] = [];
  for (const [index, benchmark] of chosen.entries()) {
    console.error(`${benchmark.name} (${index + 1} of ${chosen.length})`);
    const done = await report(benchmark, { quick, repetitions });
    console.error(`${benchmark.name}: ${done.seconds.toFixed(0)} s`);
    reports.push(done);
    if (plots !== undefined && done.plot !== undefined) await writePlot(plots, done);
    if (!options.json) console.log(`${format(done, options.markdown ?? false)}\n`);
  }
  if (options.json) console.log(JSON.stringify(reports));
}
