import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

const sounds = {
  cat: 'meow',
  dog: 'woof',
  cow: 'moo',
  duck: 'quack',
  pig: 'oink',
  sheep: 'baa',
  frog: 'ribbit',
  bee: 'buzz',
};
const names = ['Lily', 'Tom', 'Anna', 'Ben', 'Mia', 'Max', 'Sue', 'Tim', 'Lucy', 'Sam', 'Amy', 'Jack'];
/** One in so many rows is held out. */
const ONE_IN = 6;

export interface Task {
  readonly training: string;
  readonly heldOut: string;
  readonly choices: string;
}

/**
 * Writes a task that no story contains: which animal makes which sound, as rows with a prompt and a completion. Held-out rows
 * have names and animals that were seen, but not together; of these there are items of multiple choice, too.
 */
export function writeTask(folder: string): Task {
  const animals = Object.entries(sounds);
  const rows = names.flatMap((name, first) =>
    animals.map(([animal, sound], second) => ({
      prompt: `${name} has a ${animal}. The ${animal} says:`,
      completion: ` ${sound}.`,
      isHeldOut: (first + second) % ONE_IN === 0,
    })),
  );
  const lines = (objects: readonly object[]) => objects.map((each) => `${JSON.stringify(each)}\n`).join('');
  const write = (name: string, objects: readonly object[]) => {
    const path = join(folder, name);
    writeFileSync(path, lines(objects));
    return path;
  };
  const part = (isHeldOut: boolean) =>
    rows.filter((row) => row.isHeldOut === isHeldOut).map(({ prompt, completion }) => ({ prompt, completion }));
  return {
    training: write('training.jsonl', part(false)),
    heldOut: write('held-out.jsonl', part(true)),
    choices: write(
      'choices.jsonl',
      part(true).map(({ prompt, completion }) => ({
        question: prompt,
        choices: animals.map(([, sound]) => `${sound}.`),
        answer: completion.trim(),
      })),
    ),
  };
}
