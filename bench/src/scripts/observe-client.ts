/**
 * What looks at a training in `observe`, in a process of its own: a Prometheus that scrapes, and a browser's page that listens and fetches.
 * Gets a `Look` as a message at the beginning of each turn, and null at the end, which it answers once it has let go.
 */
export interface Look {
  /** Scraped once. */
  readonly metrics: string | null;
  /** The page's address with its token: listened to until the end. */
  readonly page: string | null;
}

let ending = new AbortController();
let looking: Promise<unknown> = Promise.resolve();

process.on('message', (look: Look | null) => {
  if (look === null) {
    ending.abort();
    void looking.then(() => process.send!('gone'));
    return;
  }
  ending = new AbortController();
  const { signal } = ending;
  looking = Promise.allSettled([
    look.metrics === null ? null : fetch(look.metrics).then((answer) => answer.text()),
    look.page === null ? null : listen(look.page, signal),
  ]);
});
process.on('disconnect', () => process.exit());

/** Opens the page as a browser does, listens for changes, and fetches the steps that each tells of. */
async function listen(page: string, signal: AbortSignal): Promise<void> {
  const { headers } = await fetch(page, { redirect: 'manual', signal });
  const cookie = headers.get('set-cookie')!.split(';')[0]!;
  const get = (path: string) => fetch(new URL(path, page), { headers: { cookie }, signal });
  const events = await get('/api/events');
  let from = 0;
  for await (const chunk of events.body!) {
    const [, json] = /^data: (.*)$/m.exec(Buffer.from(chunk).toString()) ?? [];
    if (json === undefined) continue;
    for (const { id, rows } of JSON.parse(json) as { readonly id: string; readonly rows: number }[]) {
      await (await get(`/api/runs/${id}/steps?from=${from}`)).arrayBuffer();
      from = rows;
    }
  }
}
