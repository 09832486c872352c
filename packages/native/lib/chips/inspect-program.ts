import { addon } from '../addon.js';
import type { MilRecordFinding } from '../contract.js';
import type { ChipProfile } from './chip-profile.js';
import { type ProgramTime, timeProgram } from './clock.js';
import { type LintFinding, lintProgram } from './lint.js';
import { ProgramView } from './program-view.js';

/**
 * The rules of a chip that the functions of a program break (`docs/reference/lint.md`). A program without findings may still fail on the chip.
 * Errors: `ERR_MIL_SYNTAX`.
 *
 * @param weights The weight files by the paths that BLOBFILE names, whose records are then checked, too. Default: they are not.
 */
export function lint(
  text: string,
  profile: ChipProfile,
  weights?: Readonly<Record<string, Uint8Array>>,
): LintFinding[] {
  const first = addon.inspectMil(text);
  const views = first.functions.map(
    (name) => new ProgramView(text, name === first.name ? first : addon.inspectMil(text, name)),
  );
  const findings = new Map<string, LintFinding>();
  for (const finding of views.flatMap((view) => lintProgram(view, profile))) {
    // What is wrong with the text as a whole is found in each function.
    findings.set(`${finding.rule} ${finding.line} ${finding.column} ${finding.message}`, finding);
  }
  const files = Object.entries(weights ?? {}).map(([path, data]) => ({ path, data }));
  const records = weights === undefined ? [] : addon.inspectRecords(text, files).map(aboutRecord);
  return [...records, ...findings.values()].sort((a, b) => a.line - b.line || a.column - b.column);
}

const aboutRecord = (finding: MilRecordFinding): LintFinding => ({
  rule: 'weight-record',
  severity: 'compile',
  summary: 'A record of a weight file states type, size and place of its data.',
  known: 'sizes: macOS 15.7 on M3 Pro and M3 Ultra; macOS 26 takes them',
  grade: 'B',
  sources: ['MAD'],
  ...finding,
});

/** The time of a program's `main`, or first function, on a chip, by the model of `docs/internals/simulator.md`. Errors: `ERR_MIL_SYNTAX`. */
export function timeMil(text: string, profile: ChipProfile): ProgramTime {
  return timeProgram(new ProgramView(text, addon.inspectMil(text)), profile);
}
