import { formatCount, formatDuration, formatTime, plural } from './format.js';
import { type PanelProps, type ShownRun, titleOf } from './run-store.js';
import { Scroll } from './scroll.js';
import { sessionsOf } from './sessions.js';

const MOST = 100;

interface Row {
  readonly time: number;
  readonly name: string;
  readonly text: string;
  readonly isBad: boolean;
}

/** All that happened beside steps, the latest first. */
export function Notices(panel: PanelProps) {
  const rows = rowsOf(panel.run.detail);
  if (rows.length === 0) return null;
  const shown = rows.slice(-MOST).reverse();
  return (
    <section class="panel" data-panel="events" aria-label={titleOf('Table of events', panel)}>
      <header>
        <h2>{titleOf('Events', panel)}</h2>
        {rows.length > MOST && (
          <span class="faint">
            the latest {MOST} of {formatCount(rows.length)}
          </span>
        )}
      </header>
      <Scroll class="events" label={titleOf('Events', panel)}>
        <table>
          <tbody>
            {shown.map(({ time, name, text, isBad }, index) => (
              <tr key={rows.length - index} class={isBad ? 'bad' : ''}>
                <td>{formatTime(time)}</td>
                <td>{name}</td>
                <td>{text}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </Scroll>
    </section>
  );
}

/** The notices of the log, and the starts and ends of the run's processes. */
function rowsOf(detail: ShownRun['detail']): Row[] {
  const rows = detail.notices.map(({ time, record }) => ({
    ...{ time, name: names[String(record.event)] ?? String(record.event), text: textOf(record) },
    isBad: bad.has(String(record.event)),
  }));
  const processes = sessionsOf(detail).flatMap(({ from, to, isKilled }, index): Row[] => [
    ...(index === 0 ? [] : [{ time: from, name: 'resume', text: 'another process continues the run', isBad: false }]),
    ...(to !== null && isKilled
      ? [{ time: to, name: 'end', text: 'the process of the run ended without a word', isBad: true }]
      : []),
  ]);
  return [...rows, ...processes].sort((one, other) => one.time - other.time);
}

const bad: ReadonlySet<string> = new Set(['error', 'workerExit', 'checkpointFail', 'logGap']);

const names: Readonly<Record<string, string>> = {
  workerExit: 'death',
  checkpointFail: 'no checkpoint',
  logGap: 'gap of the log',
  interrupt: 'signal',
};

type NoticeRecord = ShownRun['detail']['notices'][number]['record'];

function textOf(record: NoticeRecord): string {
  const number = (name: string) => Number(record[name] ?? 0);
  switch (record.event) {
    case 'checkpoint':
      return `step ${formatCount(number('step'))} saved in ${formatDuration(number('ms'))} as ${record.path}`;
    case 'workerExit': {
      const how = record.signal === null ? `exited with code ${record.exit_code}` : `was ended by ${record.signal}`;
      const why = typeof record.reason === 'string' ? ` (${record.reason})` : '';
      const age = record.age_ms === undefined ? '' : `, ${formatDuration(number('age_ms'))} old`;
      return `worker ${record.worker} (pid ${record.pid}) ${how}${why}${age}: its work is repeated`;
    }
    case 'interrupt':
      return `${record.signal}: the run finishes its step, saves and ends`;
    case 'error': {
      const { code, message } = (record.error ?? {}) as { readonly code?: string; readonly message?: string };
      return [code, message].filter(Boolean).join(': ');
    }
    case 'logGap':
      return `${plural(number('records'), 'record')} could not be written`;
    default:
      return fieldsOf(record);
  }
}

/** The fields of a record in its order, without those that the table has beside it. */
const fieldsOf = (record: NoticeRecord): string =>
  Object.entries(record)
    .filter(([name, value]) => !['event', 'time', 'monotonic_ms'].includes(name) && value !== null && value !== '')
    .map(([name, value]) => `${name.replaceAll('_', ' ')} ${shown(value)}`)
    .join(', ');

function shown(value: unknown): string {
  if (typeof value === 'number') return String(Number(value.toPrecision(6)));
  return typeof value === 'string' ? value : JSON.stringify(value);
}
