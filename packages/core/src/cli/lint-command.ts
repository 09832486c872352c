import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { addon, type LintFinding, levelOf, lint, loadProfile, MayflyError, rules } from '@mayfly/native';
import type { Command } from 'commander';
import { anyText, flag } from '../check.js';
import { readFileOrInput } from '../files/read-file.js';
import { toJsonLine } from '../observe/json-lines.js';
import { markdownTable } from '../observe/table.js';
import { print } from '../observe/text.js';
import { addOptions, type CommandFlags, chipOption, jsonOption, optionsFrom } from './command-options.js';
import { ExitCode } from './errors.js';

interface LintFlags {
  readonly chip?: string;
  readonly rules?: boolean;
  readonly weights?: string;
  readonly json?: boolean;
}

const notes = `
Exit code 2 means that there are errors: the chip would refuse the program, or give wrong data. Warnings are about time, or about
restrictions on which sources disagree or that only one source reports, without its method.

Examples:
  $ mayfly lint program.mil --chip m4
  $ mayfly lint program.mil --chip my-mac.json --json
  $ mayfly lint --rules`;

/** The options of `mayfly lint`. */
export const lintCommandOptions = {
  chip: chipOption,
  rules: { rule: flag, default: false, flag: '--rules', help: 'print the table of all rules' },
  weights: {
    rule: anyText,
    flag: '--weights <folder>',
    help: 'folder that @model_path stands for: checks its weight files, too',
  },
  json: jsonOption('print one JSON object'),
};

/** `mayfly lint`. */
export function addLintCommand(program: Command): void {
  const command = program
    .command('lint')
    .description('Check a MIL program against the rules of a Neural Engine')
    .argument('[file]', 'MIL text')
    .addHelpText('after', notes);
  addOptions(command, lintCommandOptions).action(lintCommand);
}

async function lintCommand(file: string | undefined, flags: CommandFlags): Promise<void> {
  const { chip = 'm4', rules: table, weights, json = false } = optionsFrom<LintFlags>(lintCommandOptions, flags);
  if (table === true) {
    print(process.stdout, json ? `${toJsonLine({ rules })}\n` : rulesTable());
    return;
  }
  if (file === undefined)
    throw new MayflyError('ERR_INVALID_ARGUMENT', 'Expected a FILE of MIL text, or --rules, got neither');
  const source = readFileOrInput(file, 'MIL text').toString();
  const findings = lint(source, loadProfile(chip), weights === undefined ? undefined : weightFiles(source, weights));
  const { functions } = addon.inspectMil(source);
  const errors = findings.filter(({ level }) => level === 'error').length;
  const warnings = findings.length - errors;
  print(
    process.stdout,
    json
      ? `${toJsonLine({ file, chip, functions, errors, warnings, findings })}\n`
      : report(file, chip, functions, findings, errors, warnings),
  );
  if (errors > 0) process.exitCode = ExitCode.badInput;
}

/** The weight files that a program names and that are in the folder. */
function weightFiles(source: string, folder: string): Record<string, Uint8Array> {
  const paths = new Set(Array.from(source.matchAll(/"@model_path\/([^"\n]+)"/g), ([, path]) => path!));
  const files: Record<string, Uint8Array> = {};
  for (const path of paths) {
    const file = join(folder, path);
    if (existsSync(file)) files[`@model_path/${path}`] = readFileOrInput(file, 'a weight file');
  }
  return files;
}

/** Findings grouped by rule, in the order of the text. */
function report(
  file: string,
  chip: string,
  functions: readonly string[],
  findings: readonly LintFinding[],
  errors: number,
  warnings: number,
): string {
  const groups = new Map<string, LintFinding[]>();
  for (const finding of findings) groups.set(finding.rule, [...(groups.get(finding.rule) ?? []), finding]);
  const lines = [...groups.values()].map((group) => {
    const { line, column, level, rule, severity, message, summary, known, grade, sources, contradicted } = group[0]!;
    const more = group.length === 1 ? '' : ` (and ${group.length - 1} more like it)`;
    return [
      `${file}:${line}:${column}: ${level}: ${message}${more}`,
      `    ${rule} (${severity}): ${summary} Reported for ${known}; ${sources.join(', ')}, grade ${grade}.`,
      ...(contradicted === undefined ? [] : [`    Contradicted: ${contradicted}.`]),
    ].join('\n');
  });
  const several = functions.length > 1 ? ` in functions ${functions.join(', ')}` : '';
  return `${[...lines, `${errors} errors, ${warnings} warnings for ${chip}${several}`].join('\n')}\n`;
}

/** The table of all rules, in Markdown. */
function rulesTable(): string {
  const rows = rules.map((rule) => {
    const { id, severity, summary, known, sources, grade, contradicted, confirmed } = rule;
    return [
      `\`${id}\``,
      severity,
      confirmed === undefined ? levelOf(rule) : `${levelOf(rule)}; error on ${confirmed.join(', ')}`,
      summary,
      known,
      `${sources.join(', ')} (${grade})`,
      contradicted ?? '',
    ];
  });
  const header = ['rule', 'severity', 'level', 'requirement', 'reported for', 'sources (grade)', 'contradicted by'];
  return `${markdownTable([header, ...rows])}\n`;
}
