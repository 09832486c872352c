import { text } from 'node:stream/consumers';
import { getHeapSnapshot } from 'node:v8';

/** What is read here of V8's format: `nodes` has as many numbers for each object as there are fields. */
interface Snapshot {
  readonly snapshot: {
    readonly meta: {
      readonly node_fields: readonly string[];
      /** Of the field `type`: what its numbers stand for. */
      readonly node_types: readonly [readonly string[], ...unknown[]];
    };
  };
  readonly nodes: readonly number[];
  readonly strings: readonly string[];
}

/**
 * How many objects of these classes live on after a collection of all garbage. V8's work for it leaves some 50 MB in the C
 * library's heap: measure memory before.
 */
export async function liveObjects<Name extends string>(classes: readonly Name[]): Promise<Record<Name, number>> {
  const { snapshot, nodes, strings } = JSON.parse(await text(getHeapSnapshot())) as Snapshot;
  const { node_fields: fields, node_types: types } = snapshot.meta;
  const [type, name] = [fields.indexOf('type'), fields.indexOf('name')];
  const object = types[0].indexOf('object');
  const counts = Object.fromEntries(classes.map((each) => [each, 0])) as Record<string, number>;
  for (let node = 0; node < nodes.length; node += fields.length) {
    const itsClass = strings[nodes[node + name]!]!;
    if (nodes[node + type] === object && Object.hasOwn(counts, itsClass)) counts[itsClass]! += 1;
  }
  return counts;
}
