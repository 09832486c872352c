import { formatCount } from './format.js';
import type { ListedRun } from './run-store.js';
import { colorOf, type Theme } from './theme.js';

export interface RunListProps {
  readonly entries: readonly ListedRun[];
  readonly selected: readonly string[];
  readonly onSelect: (ids: readonly string[]) => void;
  readonly theme: Theme;
}

/** All runs; a click shows one alone, a box lays it over the others. */
export function RunList({ entries, selected, onSelect, theme }: RunListProps) {
  const toggle = (id: string) =>
    onSelect(selected.includes(id) ? selected.filter((each) => each !== id) : [...selected, id]);
  return (
    <nav class="runs" aria-label="Runs">
      <ul>
        {entries.map(({ id, name, state, step, steps, rows, loss }) => {
          const place = selected.indexOf(id);
          return (
            <li
              key={id}
              class={place < 0 ? '' : 'selected'}
              style={place < 0 ? {} : { borderColor: colorOf(theme, place) }}
            >
              <input
                type="checkbox"
                checked={place >= 0}
                onChange={() => toggle(id)}
                aria-label={`Lay ${name} over the others`}
              />
              <button type="button" onClick={() => onSelect([id])} title={`Show ${name} alone`}>
                <b>{name}</b>
                <span class="faint">
                  <span class={`dot ${state}`} aria-hidden="true" />
                  {state}, {formatCount(step)}
                  {steps === null ? '' : `/${formatCount(steps)}`}
                  {rows === 0 ? '' : `, loss ${loss === null ? 'no number' : loss.toFixed(3)}`}
                </span>
              </button>
            </li>
          );
        })}
      </ul>
    </nav>
  );
}
