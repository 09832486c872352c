// A rank that sums arrays of several sizes, and compares each with the tree over all ranks. Argument: bytes of a slice.
import { openCollective } from '@mayfly/core';
import { Arena } from '@mayfly/core/testing';

const sliceBytes = Number(process.argv[2]);
const slice = sliceBytes / 4;
const group = await openCollective({ sliceBytes, timeoutMs: 120_000 });
const { rank, size } = group;
const arena = new Arena(2 ** 24);

/** Of very different magnitudes, so that every order of addition has another result. */
const value = (of, index) => Math.fround(Math.sin(index * 7.13 + of * 1.7) * 10 ** ((index + of) % 9));

/** `sumByTree`, rounded to fp32 after every addition. */
function roundedSum(values) {
  if (values.length === 1) return values[0];
  const first = 2 ** Math.ceil(Math.log2(values.length) - 1);
  return Math.fround(roundedSum(values.slice(0, first)) + roundedSum(values.slice(first)));
}
const sums = (count) =>
  Float32Array.from({ length: count }, (_, index) =>
    roundedSum(Array.from({ length: size }, (_, of) => value(of, index))),
  );

const bits = (array) => Buffer.from(array.buffer, array.byteOffset, array.byteLength).toString('base64');
const own = (count) => Float32Array.from({ length: count }, (_, index) => value(rank, index));

const wrong = [];
const expectBits = (what, got, expected) => {
  if (bits(got) !== bits(expected)) wrong.push(what);
};

const counts = [0, 1, 2, 15, 16, 17, 16 * size - 1, 16 * size + 1, slice - 1, slice, slice + 1, 5 * slice + 33];
// Not awaited one after the other: they share the window of pieces.
const tensors = counts.map((count) => arena.tensor('fp32', [count]));
for (const [index, tensor] of tensors.entries()) tensor.array().set(own(counts[index]));
await Promise.all(tensors.map((tensor) => group.allReduce(tensor)));
for (const [index, count] of counts.entries()) expectBits(`allReduce ${count}`, tensors[index].values(), sums(count));

for (const [index, count] of counts.entries()) {
  const owner = index % size;
  tensors[index].array().set(own(count));
  await group.reduce(tensors[index], owner);
  expectBits(`reduce ${count}`, tensors[index].values(), rank === owner ? sums(count) : own(count));
  await group.broadcast(tensors[index], owner);
  expectBits(`broadcast ${count}`, tensors[index].values(), sums(count));
}

// Ranges of any sizes, one of them empty.
const lengths = Array.from({ length: size }, (_, of) => of * (slice + 5));
const parts = lengths.map((length) => arena.tensor('uint8', [length]));
for (const [of, part] of parts.entries()) part.set(of === rank ? of + 1 : 0);
await group.allGather(parts);
for (const [of, part] of parts.entries())
  if (!part.values().every((each) => each === of + 1)) wrong.push(`allGather ${of}`);

const messages = await group.exchange(Buffer.from('x'.repeat(rank * 3)));
if (messages.map(({ length }) => length / 3).join() !== [...Array(size).keys()].join()) wrong.push('exchange');
await group.barrier();
const { library, sentBytes } = group;
await group.close();
console.log(JSON.stringify({ rank, size, library, sent: sentBytes > 0, wrong }));
