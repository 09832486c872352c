import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const bench = fileURLToPath(new URL('../../bench/dist/run.js', import.meta.url));

test.skipIf(!existsSync(bench))('a quick benchmark prints its report as JSON', () => {
  const printed = execFileSync(process.execPath, [bench, 'pipeline', '--quick', '--json'], { encoding: 'utf8' });
  const [report] = JSON.parse(printed);
  expect(report).toMatchObject({ benchmark: 'pipeline', repetitions: 1, skipped: [] });
  const row = report.figures.find((figure: { case: string }) => figure.case === 'mayfly');
  expect(row).toMatchObject({ isolation: 'process', placement: 'scheduler', unit: 'us' });
  expect(row.perSecond).toBeGreaterThan(0);
  expect(report.targets.map(({ relation }: { relation: string }) => relation)).toEqual(['>=', '<=']);
});

test.skipIf(!existsSync(bench))('a name that is no benchmark is refused with the names there are', () => {
  const run = () => execFileSync(process.execPath, [bench, 'nothing'], { stdio: 'pipe', encoding: 'utf8' });
  expect(run).toThrow(/Expected names of benchmarks \(dispatch, .*, all\), got nothing/);
});
