import { useState } from 'preact/hooks';
import { formatCount } from './format.js';
import type { ShownRun } from './run-store.js';
import { colorOf, type Theme } from './theme.js';

/** Texts that the shown runs wrote on the way, the latest first. */
export function Samples({ runs, theme }: { readonly runs: readonly ShownRun[]; readonly theme: Theme }) {
  const [back, setBack] = useState(0);
  const most = Math.max(...runs.map(({ detail }) => detail.samples.length));
  if (runs.length === 0 || most < 1) return null;
  const at = Math.min(back, most - 1);
  return (
    <section class="panel" data-panel="samples" aria-labelledby="samples">
      <header>
        <h2 id="samples">Samples</h2>
        <nav class="buttons" aria-label="Older and newer samples">
          <button type="button" disabled={at >= most - 1} onClick={() => setBack(at + 1)}>
            older
          </button>
          <button type="button" disabled={at === 0} onClick={() => setBack(at - 1)}>
            newer
          </button>
        </nav>
      </header>
      {runs.map(({ detail: { id, name, samples } }, index) => {
        const sample = samples.at(-1 - at);
        if (sample === undefined) return null;
        return (
          <blockquote key={id} style={{ borderColor: colorOf(theme, index) }}>
            <cite>
              {runs.length > 1 && `${name}, `}after step {formatCount(Number(sample.step))}
            </cite>
            <p>
              <b>{String(sample.prompt)}</b>
              {String(sample.text)}
            </p>
          </blockquote>
        );
      })}
    </section>
  );
}
