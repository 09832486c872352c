// The reference of errors, from the table that `mayfly explain` prints.
import { readFileSync } from 'node:fs';
import { relative } from 'node:path/posix';
import { errorGroups } from '@mayfly/core/testing';

export const page = 'docs/reference/errors.md';

/** A link to a page of docs/, under the title of that page. */
function linkTo(see) {
  const [path, anchor] = see.split('#');
  const [, title] = /^# (.*)$/m.exec(readFileSync(new URL(`../../../../docs/${path}.md`, import.meta.url), 'utf8'));
  return `[${title}](${relative('reference', `${path}.md`)}${anchor === undefined ? '' : `#${anchor}`})`;
}

const section = ([code, { cause, remedy, isInput, see }]) => {
  const more = see === undefined ? '' : ` See ${linkTo(see)}.`;
  return `### ${code}\n\n${cause}\n\n**Remedy.** ${remedy}${more}${isInput ? ' *Exit code 2.*' : ''}`;
};

export const generated = () =>
  errorGroups
    .map(({ heading, errors }) => [`## ${heading}`, ...Object.entries(errors).map(section)].join('\n\n'))
    .join('\n\n');
