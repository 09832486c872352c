import { addon } from '../addon.js';
import type { ChipProfile } from './chip-profile.js';
import { type ProgramTime, timeProgram } from './clock.js';
import { type LintFinding, lintProgram } from './lint.js';
import { ProgramView } from './program-view.js';

/**
 * What a chip would object to in a program: `docs/lint.md`. An empty list promises nothing, an error is well founded.
 * Errors: `ERR_MIL_SYNTAX`.
 */
export function lint(text: string, profile: ChipProfile): LintFinding[] {
  return lintProgram(new ProgramView(text, addon.inspectMil(text)), profile);
}

/** What a program takes on a chip, by the model of `docs/simulator.md`. Errors: `ERR_MIL_SYNTAX`. */
export function timeMil(text: string, profile: ChipProfile): ProgramTime {
  return timeProgram(new ProgramView(text, addon.inspectMil(text)), profile);
}
