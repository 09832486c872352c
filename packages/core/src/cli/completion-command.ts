import { Argument, type Command } from 'commander';
import { oneOf } from '../check.js';
import { commandOptions, flagName } from '../command-line.js';
import type { AnyOptionTable, OptionEntry } from '../option-table.js';

const examples = `
The script completes commands, options and the values of options that are a few words. For every new shell:

  bash  echo 'source <(mayfly completion bash)' >> ~/.bashrc
  zsh   echo 'source <(mayfly completion zsh)' >> ~/.zshrc    after compinit
  fish  mayfly completion fish > ~/.config/fish/completions/mayfly.fish`;

const shell = oneOf('bash', 'zsh', 'fish');

/** A command with its options. */
interface Completed {
  readonly name: string;
  readonly help: string;
  readonly rows: readonly OptionEntry<unknown>[];
}

/** `mayfly completion`: prints a shell's script, made from the tables of options. */
export function addCompletionCommand(program: Command, tables: Readonly<Record<string, AnyOptionTable>>): void {
  program
    .command('completion')
    .description('Print a script that lets a shell complete commands and options')
    .addArgument(new Argument('<shell>', shell.choices!.join(', ')))
    .addHelpText('after', examples)
    .action((given: string) => {
      const commands = program.commands.map((command) => ({
        name: command.name(),
        help: command.description(),
        rows: [...commandOptions(tables[command.name()] ?? {})].map(({ row }) => row),
      }));
      process.stdout.write(scripts[shell.check('<shell>', given)](commands));
    });
}

const scripts = { bash: bashScript, zsh: zshScript, fish: fishScript };

const helpFlags = ['--help'];
const takesValue = ({ flag }: OptionEntry<unknown>): boolean => /[<[]/.test(flag!);
const quoted = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;

/** Without bash-completion, for bash 3.2 of macOS, too. An option whose value is free completes to names of files. */
function bashScript(commands: readonly Completed[]): string {
  const values = commands.flatMap(({ name, rows }) =>
    rows.filter(takesValue).map((row) => {
      const words = row.rule.choices === undefined ? '' : ` words='${row.rule.choices.join(' ')}'`;
      return `    ${name}:${flagName(row)})${words} ;;`;
    }),
  );
  const options = commands.map(
    ({ name, rows }) => `        ${name}) words='${[...rows.map(flagName), ...helpFlags].join(' ')}' ;;`,
  );
  return `# mayfly completion bash
_mayfly() {
  local word=\${COMP_WORDS[COMP_CWORD]} words=
  case "\${COMP_WORDS[1]}:\${COMP_WORDS[COMP_CWORD-1]}" in
    completion:completion) words='bash zsh fish' ;;
${values.join('\n')}
    *)
      if [ "$COMP_CWORD" -eq 1 ]; then words='${[...commands.map(({ name }) => name), '--version', ...helpFlags].join(' ')}'
      elif [ "\${word#-}" != "$word" ]; then case "\${COMP_WORDS[1]}" in
${options.join('\n')}
      esac; fi ;;
  esac
  COMPREPLY=($(compgen -W "$words" -- "$word"))
}
complete -o default -F _mayfly mayfly
`;
}

function zshScript(commands: readonly Completed[]): string {
  const literal = (text: string) => text.replace(/[\\[\]:]/g, '\\$&');
  const spec = (row: OptionEntry<unknown>): string => {
    const { choices } = row.rule;
    const value = takesValue(row) ? `:value:${choices === undefined ? '_files' : `(${choices.join(' ')})`}` : '';
    return quoted(`${row.repeats ? '*' : ''}${flagName(row)}[${literal(row.help ?? '')}]${value}`);
  };
  const cases = commands.map(({ name, rows }) => {
    const first = name === 'completion' ? "'1:shell:(bash zsh fish)'" : "'*:file:_files'";
    return `    ${name}) _arguments ${[...rows.map(spec), "'--help[print help]'", first].join(' \\\n      ')} ;;`;
  });
  return `#compdef mayfly
# mayfly completion zsh
_mayfly() {
  if (( CURRENT == 2 )); then
    local -a commands=(
${commands.map(({ name, help }) => `      ${quoted(`${name}:${literal(help)}`)}`).join('\n')}
    )
    _describe command commands
    return
  fi
  local command=$words[2]
  shift words
  (( CURRENT-- ))
  case $command in
${cases.join('\n')}
  esac
}
if [ "$funcstack[1]" = _mayfly ]; then _mayfly "$@"; else compdef _mayfly mayfly; fi
`;
}

function fishScript(commands: readonly Completed[]): string {
  const names = commands.map(({ name }) => name).join(' ');
  const lines = commands.flatMap(({ name, help, rows }) => [
    `complete -c mayfly -n '__fish_use_subcommand' -f -a ${name} -d ${fishQuoted(help)}`,
    ...(name === 'completion'
      ? ["complete -c mayfly -n '__fish_seen_subcommand_from completion' -f -a 'bash zsh fish'"]
      : rows.map((row) => {
          const { choices } = row.rule;
          const value = !takesValue(row) ? '' : choices === undefined ? ' -r -F' : ` -x -a '${choices.join(' ')}'`;
          const long = flagName(row).replace(/^--/, '');
          return `complete -c mayfly -n '__fish_seen_subcommand_from ${name}' -l ${long}${value} -d ${fishQuoted(row.help ?? '')}`;
        })),
  ]);
  return `# mayfly completion fish: ${names}\n${lines.join('\n')}\n`;
}

/** In fish a backslash escapes within single quotes. */
const fishQuoted = (text: string): string => `'${text.replace(/[\\']/g, '\\$&')}'`;
