import { expect, test } from 'vitest';
import { mayfly } from '../../fixtures/command.js';

test('explains an error by its code, with the exit code that the command has then', async () => {
  const [budget, list] = await Promise.all([
    mayfly(['explain', 'err_budget', '--json']),
    mayfly(['explain', '--json']),
  ]);
  const explained = JSON.parse(budget.lines.join('\n'));
  expect(explained).toMatchObject({ code: 'ERR_BUDGET', remedy: expect.stringContaining('--workers'), exit_code: 2 });
  expect(JSON.parse(list.lines.join('\n')).errors).toContainEqual(explained);
});

test('a misspelt code gets a suggestion', async () => {
  expect(await mayfly(['explain', 'ERR_BUGDET'])).toMatchObject({
    code: 2,
    stderr: 'mayfly: Expected the code of an error, got `ERR_BUGDET` (Did you mean ERR_BUDGET?)\n',
  });
});
