/**
 * What looks at a training in `observe`, in a process of its own: a Prometheus that scrapes, and a browser's page that listens and fetches.
 * Each turn has three messages: a page to open, which is answered once it is listened to; metrics to scrape; and the end, which is answered
 * once all is let go.
 */
export type Look =
  /** The page's address with its token. */
  | { readonly open: string }
  /** Scraped once. */
  | { readonly scrape: string }
  | { readonly end: true };

let ending = new AbortController();
let looking: Promise<unknown>[] = [];

process.on('message', (look: Look) => {
  const { signal } = ending;
  if ('open' in look) looking.push(listen(look.open, signal, () => process.send!('listening')));
  else if ('scrape' in look) looking.push(fetch(look.scrape).then((answer) => answer.text()));
  else {
    ending.abort();
    void Promise.allSettled(looking).then(() => process.send!('gone'));
    ending = new AbortController();
    looking = [];
  }
});
process.on('disconnect', () => process.exit());

/** Opens the page as a browser does, listens for changes, and fetches the steps that each tells of. */
async function listen(page: string, signal: AbortSignal, onListening: () => void): Promise<void> {
  const { headers } = await fetch(page, { redirect: 'manual', signal });
  const cookie = headers.get('set-cookie')!.split(';')[0]!;
  const get = (path: string) => fetch(new URL(path, page), { headers: { cookie }, signal });
  const events = await get('/api/events');
  let from = 0;
  let isListening = false;
  for await (const chunk of events.body!) {
    const [, json] = /^data: (.*)$/m.exec(Buffer.from(chunk).toString()) ?? [];
    if (json === undefined) continue;
    for (const { id, rows } of JSON.parse(json) as { readonly id: string; readonly rows: number }[]) {
      await (await get(`/api/runs/${id}/steps?from=${from}`)).arrayBuffer();
      from = rows;
    }
    if (!isListening) onListening();
    isListening = true;
  }
}
