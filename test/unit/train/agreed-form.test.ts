import { agreeOnForm, type Choices, Ranks, refusedBySome, SingleGroup } from '@mayfly/core/testing';
import { expect, test } from 'vitest';

const attention = ['fused', 'probabilities', 'small'];
const silu = ['sigmoid', 'exp'];
const choices = (half: string, axis = 'sigmoid'): Choices => ({
  attention: { candidates: attention, chosen: half },
  silu: { candidates: silu, chosen: axis },
});

test('all take the first candidate that none refuses: those before the last that a rank has chosen are left out', () => {
  expect(refusedBySome([choices('fused'), choices('fused')])).toEqual({});
  expect(refusedBySome([choices('fused'), choices('small'), choices('probabilities')])).toEqual({
    attention: ['fused', 'probabilities'],
  });
  expect(refusedBySome([choices('small', 'exp'), choices('fused')])).toEqual({
    attention: ['fused', 'probabilities'],
    silu: ['sigmoid'],
  });
});

test('devices that leave other things to be chosen are an error that names the rank', () => {
  const { silu: _, ...rest } = choices('fused');
  expect(() => refusedBySome([choices('fused'), choices('fused'), rest])).toThrow(
    /Expected the devices of all ranks to leave the same to be chosen, got attention, silu on rank 0 and attention on rank 2/,
  );
});

/** The first of two ranks, the other of which answers as it is told. */
function firstOfTwo(answers: (own: Choices) => Choices): Ranks {
  const ranks = new Ranks(new SingleGroup());
  return Object.assign(Object.create(ranks) as Ranks, {
    size: 2,
    gather: async (own: Choices) => [own, answers(own)],
    throughout: async <Value>(work: () => Promise<Value>) => work(),
  });
}

test('a rank chooses again until all have chosen the same', async () => {
  const asked: unknown[] = [];
  const other = choices('probabilities');
  const agreed = await agreeOnForm(
    firstOfTwo(() => other),
    choices('fused'),
    async (excluded) => {
      asked.push(excluded);
      return choices('probabilities');
    },
  );
  expect(agreed).toEqual(other);
  expect(asked).toEqual([{ attention: ['fused'] }]);
});

test('a rank that can choose nothing else is an error, not a loop', async () => {
  const stays = agreeOnForm(
    firstOfTwo(() => choices('small')),
    choices('fused'),
    async () => choices('fused'),
  );
  await expect(stays).rejects.toMatchObject({
    code: 'ERR_RANKS_DIFFER',
    message: expect.stringMatching(/same attention/),
  });
});
