import type { MilPosition } from '../contract.js';
import type { ChipProfile } from './chip-profile.js';
import type { Grade } from './figure.js';
import type { ProgramView } from './program-view.js';
import type { Rule, Severity } from './rules/rule.js';
import { rules } from './rules/rule-table.js';

/** A rule that a program breaks, and the position. */
export interface LintFinding extends MilPosition {
  readonly rule: string;
  readonly level: 'error' | 'warning';
  readonly severity: Severity;
  /** The violation and the remedy. */
  readonly message: string;
  readonly summary: string;
  readonly known: string;
  readonly grade: Grade;
  readonly sources: readonly string[];
  readonly contradicted?: string;
}

/** Findings of every rule that applies to the chip, in the order of the text. */
export function lintProgram(program: ProgramView, profile: ChipProfile): LintFinding[] {
  const findings = rules
    .filter((rule) => holdsFor(rule, profile))
    .flatMap((rule) => {
      const level = levelOf(rule, profile.name);
      return [...rule.check(program, profile)].map(({ message, at }) => finding(rule, level, message, at));
    });
  return findings.sort((a, b) => a.line - b.line || a.column - b.column);
}

/**
 * Wrong data is an error unless contradicted or dependent on values. A failure is an error if its grade is A or B.
 * Without a chip, the level on chips where the rule is not confirmed.
 */
export function levelOf(rule: Rule, chip?: string): LintFinding['level'] {
  const { severity, contradicted, confirmed = [], onValues, grade } = rule;
  if (severity === 'performance' || severity === 'resource' || onValues === true) return 'warning';
  if (contradicted !== undefined && !(chip !== undefined && confirmed.includes(chip))) return 'warning';
  return severity === 'silent data' || grade !== 'C' ? 'error' : 'warning';
}

const holdsFor = ({ chips, generations }: Rule, { name, generation }: ChipProfile): boolean =>
  (chips === undefined || chips.includes(name)) && (generations === undefined || generations.includes(generation));

function finding(rule: Rule, level: LintFinding['level'], message: string, { line, column }: MilPosition): LintFinding {
  const { id, severity, summary, known, grade, sources, contradicted } = rule;
  return {
    rule: id,
    level,
    severity,
    message,
    summary,
    known,
    grade,
    sources,
    ...(contradicted === undefined ? {} : { contradicted }),
    line,
    column,
  };
}
