import type { SimVerdict } from '../contract.js';
import type { ChipProfile } from './chip-profile.js';
import { timeProgram } from './clock.js';
import { type LintFinding, lintProgram } from './lint.js';
import type { ProgramView } from './program-view.js';
import { rules } from './rules/rule-table.js';

const EVALUATE_FAILURE = 'ANEProgramProcessRequestDirect() Failed with status=0x1d : statusType=0x9';

/** A chip's treatment of a program: the effects of the rules of level `error` that it breaks, and its times by the clock. */
export function judge(program: ProgramView, profile: ChipProfile, withRules: boolean): SimVerdict {
  const { compileMs, loadMs, evaluateUs } = timeProgram(program, profile);
  const errors = withRules ? lintProgram(program, profile).filter(({ level }) => level === 'error') : [];
  const of = (severity: LintFinding['severity']) => errors.find((error) => error.severity === severity);
  const compile = of('compile');
  const load = of('load');
  const evaluate = of('evaluate');
  const effects = new Set(errors.filter(({ severity }) => severity === 'silent data').map(effectOf));
  return {
    ...(compile === undefined
      ? {}
      : { refused: { code: 'ERR_ANE_COMPILE', message: told('ANECCompile() FAILED', compile) } }),
    ...(compile !== undefined || load === undefined
      ? {}
      : { refused: { code: 'ERR_ANE_LOAD', message: told('Program load failure (0x20004)', load) } }),
    ...(evaluate === undefined ? {} : { evaluateError: told(EVALUATE_FAILURE, evaluate) }),
    zeros: effects.has('zeros'),
    inputsByName: effects.has('alphabetical inputs'),
    outputsByName: effects.has('alphabetical outputs'),
    compileNanoseconds: Math.round((compileMs + loadMs) * 1e6),
    evaluateNanoseconds: Math.round(evaluateUs * 1e3),
  };
}

const effectOf = ({ rule }: LintFinding) => rules.find(({ id }) => id === rule)?.effect ?? 'zeros';

const told = (words: string, { rule, message, line }: LintFinding): string =>
  `${words} (${rule}, line ${line}: ${message})`;
