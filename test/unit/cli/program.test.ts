import { createProgram } from '@mayfly/core/testing';
import { expect, test } from 'vitest';

const namesOf = async (...words: string[]) => (await createProgram(words)).program.commands.map((each) => each.name());

test('a command is loaded without the others', async () => {
  expect(await namesOf('runs', '--json')).toEqual(['runs', 'completion']);
  expect(Object.keys((await createProgram(['plot'])).tables)).toEqual(['plot']);
});

test('all are there for the help, for a script of completion, and to suggest one for a word that is none', async () => {
  const all = await namesOf();
  expect(all).toEqual(expect.arrayContaining(['train', 'runs', 'plot', 'completion']));
  for (const words of [['--help'], ['completion', 'bash'], ['trian'], ['toString']])
    expect(await namesOf(...words)).toEqual(all);
});
