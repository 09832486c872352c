import { createRequire } from 'node:module';
import { addon, addonFile } from '@mayfly/native';
import { type Command, CommanderError } from 'commander';
import { toJsonLine } from '../observe/json-lines.js';
import { textTable } from '../observe/table.js';
import { print } from '../observe/text.js';

const { version = '' } = createRequire(import.meta.url)('../package.json') as Record<string, string>;

/** Adds `--version`, alone or with `--json`: the version in the first line, then the addon, its instruction set and Node. */
export function addVersionOption(program: Command): void {
  program.option('-V, --version', 'print the version, the addon in use and its instruction set; with --json as JSON');
  program.on('option:version', () => {
    const { platform, arch, versions } = process;
    const facts = { version, addon: addonFile, isa: addon.isa(), node: versions.node, platform, arch };
    const rows = [
      ['addon', facts.addon],
      ['instruction set', facts.isa],
      ['node', `${facts.node}, ${platform} ${arch}`],
    ];
    const text = process.argv.includes('--json') ? toJsonLine(facts) : `${version}\n${textTable(rows)}`;
    print(process.stdout, `${text}\n`);
    throw new CommanderError(0, 'commander.version', version);
  });
}
