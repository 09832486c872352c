import { addon } from '../addon.js';
import type { ChipProfile } from './chip-profile.js';
import { type ProgramTime, timeProgram } from './clock.js';
import { type LintFinding, lintProgram } from './lint.js';
import { ProgramView } from './program-view.js';

/**
 * The rules of a chip that a program breaks (`docs/lint.md`). A program without findings may still fail on the chip.
 * Errors: `ERR_MIL_SYNTAX`.
 */
export function lint(text: string, profile: ChipProfile): LintFinding[] {
  return lintProgram(new ProgramView(text, addon.inspectMil(text)), profile);
}

/** The time of a program on a chip, by the model of `docs/simulator.md`. Errors: `ERR_MIL_SYNTAX`. */
export function timeMil(text: string, profile: ChipProfile): ProgramTime {
  return timeProgram(new ProgramView(text, addon.inspectMil(text)), profile);
}
