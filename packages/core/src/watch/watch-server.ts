import { randomBytes, timingSafeEqual } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { MayflyError } from '@mayfly/native';
import { stepColumns } from '../history/step-table.js';
import { pageFiles } from './page-files.js';
import { runDetail, runEntry, stepBytes } from './run-views.js';
import { type WatchedRun, WatchedRuns } from './watched-runs.js';

/** Options of a watch server. */
export interface WatchOptions {
  /** Runs, and folders of runs. */
  readonly folders: readonly string[];
  /** Default 0: a free one. */
  readonly port?: number;
  /** Milliseconds between two looks at the logs while a page is open. Default 1000. */
  readonly intervalMs?: number;
}

/** Only this program's own files and answers; nothing may frame the page. */
const headers = {
  'content-security-policy':
    "default-src 'self'; img-src 'self' data:; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cache-control': 'no-store',
} as const;

/**
 * Serves a page that shows runs from their logs, on the loopback address only. The page needs the token of `url`: other users of the
 * machine, and pages of other sites in the same browser, do not have it. Only reads.
 */
export class WatchServer {
  readonly #runs: WatchedRuns;
  readonly #server: Server;
  readonly #token = randomBytes(16).toString('base64url');
  readonly #intervalMs: number;
  /** Pages that listen for changes. */
  readonly #listeners = new Set<ServerResponse>();
  readonly #files = pageFiles();
  #timer: NodeJS.Timeout | null = null;
  #refreshing: Promise<void> | null = null;
  #closing: Promise<void> | null = null;

  private constructor(runs: WatchedRuns, { intervalMs = 1000 }: WatchOptions) {
    this.#runs = runs;
    this.#intervalMs = intervalMs;
    this.#server = createServer((request, response) => {
      this.#answer(request, response).catch(() => response.destroy());
    });
  }

  /** @throws `ERR_FILE_NOT_FOUND`, `ERR_FILE` for a folder; `ERR_WATCH_PORT` if the port cannot be used. */
  static async open(options: WatchOptions): Promise<WatchServer> {
    const runs = new WatchedRuns(options.folders);
    await runs.refresh();
    const server = new WatchServer(runs, options);
    await server.#listen(options.port ?? 0);
    return server;
  }

  /** The page's address, with its token. */
  get url(): string {
    const { port } = this.#server.address() as AddressInfo;
    return `http://127.0.0.1:${port}/?token=${this.#token}`;
  }

  /** Cookies do not know ports: each server has a name of its own. */
  get #cookie(): string {
    return `mayfly-watch-${(this.#server.address() as AddressInfo).port}`;
  }

  /** Number of runs found so far. */
  get runCount(): number {
    return this.#runs.all.length;
  }

  get #ids(): string {
    return this.#runs.all.map(({ id }) => id).join();
  }

  /** Idempotent. */
  close(): Promise<void> {
    this.#closing ??= new Promise((resolve) => {
      if (this.#timer !== null) clearTimeout(this.#timer);
      this.#server.close(() => resolve());
      this.#server.closeAllConnections();
    });
    return this.#closing;
  }

  /** As `close`, for `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #listen(port: number): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', ({ message }) => {
        reject(new MayflyError('ERR_WATCH_PORT', `Cannot listen on port ${port}: ${message}`));
      });
      this.#server.listen(port, '127.0.0.1', resolve);
    });
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const refusal = this.#refusalOf(request);
    if (refusal !== null) return end(response, refusal.status, plain, `${refusal.why}\n`);
    const url = new URL(request.url ?? '/', 'http://127.0.0.1');
    if (url.searchParams.has('token')) {
      // The token leaves the address, which people copy, and stays in a cookie.
      const cookie = `${this.#cookie}=${this.#token}; HttpOnly; SameSite=Strict; Path=/`;
      response.writeHead(303, { ...headers, location: url.pathname, 'set-cookie': cookie }).end();
      return;
    }
    const path = url.pathname;
    if (path === '/api/events') return this.#listenTo(response);
    if (path === '/api/runs') {
      await this.#refresh();
      return json(response, this.#runs.all.map(runEntry));
    }
    const [, id, part] = /^\/api\/runs\/(\w+)(\/steps)?$/.exec(path) ?? [];
    const run = id === undefined ? undefined : this.#runs.get(id);
    if (run !== undefined) return part === undefined ? json(response, runDetail(run)) : steps(response, run, url);
    const file = this.#files.get(path);
    if (file === undefined) return end(response, 404, plain, 'There is nothing here\n');
    end(response, 200, file.type, readFileSync(file.path));
  }

  #refusalOf({ method, headers: { host, cookie }, url }: IncomingMessage): { status: number; why: string } | null {
    const { port } = this.#server.address() as AddressInfo;
    // A page of another site can point its name at 127.0.0.1, but not send another Host.
    if (host !== `127.0.0.1:${port}` && host !== `localhost:${port}`) {
      return { status: 421, why: 'Expected the host 127.0.0.1' };
    }
    if (method !== 'GET') return { status: 405, why: 'Expected GET' };
    const given = new URL(url ?? '/', 'http://127.0.0.1').searchParams.get('token') ?? cookieOf(cookie, this.#cookie);
    return given !== null && isSame(given, this.#token)
      ? null
      : { status: 403, why: 'Expected the token: open the address that mayfly watch printed' };
  }

  /** Server-sent events: the changed runs, as in the list. */
  #listenTo(response: ServerResponse): void {
    response.writeHead(200, { ...headers, 'content-type': 'text/event-stream' });
    send(response, this.#runs.all);
    this.#listeners.add(response);
    response.on('close', () => this.#listeners.delete(response));
    this.#timer ??= setTimeout(() => void this.#look(), this.#intervalMs);
  }

  async #look(): Promise<void> {
    await this.#refresh();
    this.#timer = null;
    if (this.#listeners.size > 0 && this.#closing === null) {
      this.#timer = setTimeout(() => void this.#look(), this.#intervalMs);
    }
  }

  #refresh(): Promise<void> {
    this.#refreshing ??= this.#refreshNow().finally(() => {
      this.#refreshing = null;
    });
    return this.#refreshing;
  }

  async #refreshNow(): Promise<void> {
    const before = this.#ids;
    // A folder that vanishes in the middle of this is gone the next time.
    const changed = await this.#runs.refresh().catch(() => []);
    const isOther = this.#ids !== before;
    for (const listener of this.#listeners) {
      if (isOther) send(listener, this.#runs.all);
      else if (changed.length > 0) send(listener, changed, 'change');
      else listener.write(': still here\n\n');
    }
  }
}

/** `runs` gives all runs, `change` those that changed. */
function send(response: ServerResponse, runs: readonly WatchedRun[], event: 'runs' | 'change' = 'runs'): void {
  response.write(`event: ${event}\ndata: ${JSON.stringify(runs.map(runEntry))}\n\n`);
}

const plain = 'text/plain; charset=utf-8';

/** The steps from the row that the query asks for. */
function steps(response: ServerResponse, run: WatchedRun, { searchParams }: URL): void {
  const given = Number(searchParams.get('from') ?? 0);
  const from = Number.isSafeInteger(given) && given >= 0 ? given : 0;
  response.setHeader('x-columns', stepColumns.join(','));
  response.setHeader('x-rewinds', run.history.rewinds);
  end(response, 200, 'application/octet-stream', stepBytes(run, from));
}

const json = (response: ServerResponse, value: unknown): void =>
  end(response, 200, 'application/json', JSON.stringify(value));

function end(response: ServerResponse, status: number, type: string, body: string | Buffer): void {
  response.writeHead(status, { ...headers, 'content-type': type, 'content-length': Buffer.byteLength(body) }).end(body);
}

const cookieOf = (cookies: string | undefined, name: string): string | null =>
  new RegExp(`(?:^|; )${name}=([\\w-]+)`).exec(cookies ?? '')?.[1] ?? null;

const isSame = (given: string, token: string): boolean =>
  given.length === token.length && timingSafeEqual(Buffer.from(given), Buffer.from(token));
