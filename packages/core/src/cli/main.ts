import { print } from '../observe/text.js';
import { errorLine, exitCodeOf } from './errors.js';
import { prepareEnd } from './interruption.js';
import { type CommandTables, createProgram, optionFlags } from './program.js';
import { rankPrefix } from './rank-prefix.js';

prepareEnd();
process.removeAllListeners('warning');
process.on('warning', ({ message }) => print(process.stderr, `${rankPrefix()}mayfly: warning: ${message}\n`));

let tables: CommandTables = {};
try {
  const made = await createProgram(process.argv.slice(2));
  tables = made.tables;
  await made.program.parseAsync();
} catch (error) {
  process.exitCode = exitCodeOf(error);
  if (process.exitCode !== 0)
    print(
      process.stderr,
      `${rankPrefix()}${errorLine(error, { flags: optionFlags(tables) })}
`,
    );
}
