import { formatCount, formatTime } from './format.js';
import { type PanelProps, titleOf } from './run-store.js';

const MOST = 100;

/** All that happened beside steps, the latest first. */
export function Notices(panel: PanelProps) {
  const { detail } = panel.run;
  const { notices } = detail;
  if (notices.length === 0) return null;
  const shown = notices.slice(-MOST).reverse();
  return (
    <section class="panel" data-panel="events" aria-label={titleOf('Events', panel)}>
      <header>
        <h2>{titleOf('Events', panel)}</h2>
        {notices.length > MOST && (
          <span class="faint">
            the latest {MOST} of {formatCount(notices.length)}
          </span>
        )}
      </header>
      <div class="scroll events">
        <table>
          <tbody>
            {shown.map(({ time, record }, index) => (
              <tr key={notices.length - index} class={isBad(record) ? 'bad' : ''}>
                <td>{formatTime(time)}</td>
                <td>{String(record.event)}</td>
                <td>{textOf(record)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </section>
  );
}

const isBad = ({ event }: Readonly<Record<string, unknown>>): boolean =>
  event === 'error' || event === 'workerExit' || event === 'checkpointFail' || event === 'logGap';

/** The fields of a record in its order, without those that the table has beside it. */
function textOf(record: Readonly<Record<string, unknown>>): string {
  return Object.entries(record)
    .filter(([name, value]) => !['event', 'time', 'monotonic_ms'].includes(name) && value !== null && value !== '')
    .map(([name, value]) => `${name.replaceAll('_', ' ')} ${shown(value)}`)
    .join(', ');
}

function shown(value: unknown): string {
  if (typeof value === 'number') return value.toLocaleString('en-US', { maximumSignificantDigits: 6 });
  return typeof value === 'string' ? value : JSON.stringify(value);
}
