// The reference of commands, from their tables of options and the notes of their help.
import { commandOptions, createProgram, defaultText, markdownTable, trainOptions } from '@mayfly/core/testing';

export const page = 'docs/reference/commands.md';

/** A code span may hold no pipe in a table. */
const code = (text) => `\`${text.replaceAll('|', '\\|')}\``;
const cell = (text) => text.replaceAll('|', '\\|').replaceAll('<', '&lt;');

/** The text that follows the options in the help of a command. */
function notesOf(command) {
  let text = '';
  command.configureOutput({ writeOut: (part) => (text += part) });
  command.outputHelp();
  return text.slice(command.helpInformation().length).trim();
}

function optionTable(command, table) {
  const isTrain = command === 'train';
  const rows = [...commandOptions(table)].map(({ path, row }) => {
    const shown = defaultText(row);
    const name = isTrain && path[0] in trainOptions ? code(path.join('.')) : '';
    return {
      row: [code(row.flag), ...(isTrain ? [name] : []), cell(row.help), shown === undefined ? '' : cell(shown)],
      group: row.group,
    };
  });
  const header = ['option', ...(isTrain ? ['in a program, in YAML'] : []), 'means', 'default'];
  if (rows.length === 0) return '';
  const groups = [...new Set(rows.map(({ group }) => group))];
  return groups
    .map((group) => {
      const heading = group === undefined ? '' : `**${group.replace(/:$/, '')}**\n\n`;
      return `${heading}${markdownTable([header, ...rows.filter((each) => each.group === group).map(({ row }) => row)])}`;
    })
    .join('\n\n');
}

const { program, tables } = await createProgram();

export const generated = () =>
  program.commands
    .map((command) => {
      const name = command.name();
      const notes = notesOf(command);
      const parts = [
        `## ${name}`,
        `${command.description()}.`,
        `\`\`\`text\nmayfly ${name} ${command.usage()}\n\`\`\``,
        optionTable(name, tables[name] ?? {}),
        notes === '' ? '' : `\`\`\`text\n${notes}\n\`\`\``,
      ];
      return parts.filter((part) => part !== '').join('\n\n');
    })
    .join('\n\n');
