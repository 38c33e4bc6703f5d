import { execFile, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { cpSync, mkdirSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { dirname, join } from 'node:path';
import { pipeline } from 'node:stream';
import { promisify } from 'node:util';
import { createGunzip } from 'node:zlib';

const run = promisify(execFile);
const MAX_FILE_BYTES = 10 * 1024 * 1024;

/** Bare repositories below a folder, `owner/name.git`. */
export class GitFolder {
  readonly root: string;

  constructor(root: string) {
    this.root = root;
  }

  path(owner: string, name: string): string {
    return join(this.root, owner.toLowerCase(), `${name.toLowerCase()}.git`);
  }

  async create(owner: string, name: string, branch: string): Promise<void> {
    const path = this.path(owner, name);
    mkdirSync(path, { recursive: true });
    await this.#git(path, ['init', '--quiet', '--bare', `--initial-branch=${branch}`]);
  }

  copy(from: [owner: string, name: string], to: [owner: string, name: string]): void {
    const target = this.path(...to);
    mkdirSync(dirname(target), { recursive: true });
    cpSync(this.path(...from), target, { recursive: true });
  }

  /** A commit on the branch with these files alone. Returns its id. */
  async commit(owner: string, name: string, branch: string, files: Record<string, string>): Promise<string> {
    const path = this.path(owner, name);
    const data = (text: string) => `data ${Buffer.byteLength(text)}\n${text}\n`;
    const child = spawn('git', ['fast-import', '--quiet', '--force'], {
      cwd: path,
      env: this.#env(),
      stdio: ['pipe', 'ignore', 'inherit'],
    });
    const ended = once(child, 'exit');
    child.stdin.end(
      [
        `commit refs/heads/${branch}\ncommitter Octocat <octocat@example.com> 1700000000 +0000\n`,
        data(`${Object.keys(files).join(', ')}`),
        'deleteall\n',
        ...Object.entries(files).map(([file, text]) => `M 100644 inline ${file}\n${data(text)}`),
      ].join(''),
    );
    const [code] = await ended;
    if (code !== 0) throw new Error(`git fast-import exited with ${code}`);
    return (await this.commitOf(owner, name, branch)) ?? '';
  }

  async branches(owner: string, name: string): Promise<string[]> {
    const args = ['for-each-ref', '--format=%(refname:short)', 'refs/heads'];
    return (await this.#git(this.path(owner, name), args)).toString().split('\n').filter(Boolean);
  }

  /** Of a branch, tag or commit. */
  async commitOf(owner: string, name: string, ref: string): Promise<string | undefined> {
    const args = ['rev-parse', '--quiet', '--verify', '--end-of-options', `${ref}^{commit}`];
    const found = await this.#git(this.path(owner, name), args).catch(() => undefined);
    return found?.toString().trim();
  }

  async file(owner: string, name: string, ref: string, path: string): Promise<Buffer | undefined> {
    const args = ['cat-file', 'blob', `${ref}:${path}`];
    return this.#git(this.path(owner, name), args).catch(() => undefined);
  }

  /** Names in a folder; folders end in a slash. Undefined where there is none. */
  async list(owner: string, name: string, ref: string, path: string): Promise<string[] | undefined> {
    const args = ['ls-tree', '--format=%(objecttype) %(path)', `${ref}:${path}`];
    const found = await this.#git(this.path(owner, name), args).catch(() => undefined);
    return found
      ?.toString()
      .split('\n')
      .filter(Boolean)
      .map(line => line.replace(/^blob /, '').replace(/^tree (.*)$/, '$1/'));
  }

  /** Git over HTTP as `git http-backend` speaks it. `path` starts at the repository: `info/refs`. */
  async serve(
    request: IncomingMessage,
    response: ServerResponse,
    at: { owner: string; name: string; path: string; query: string; user: string },
  ): Promise<void> {
    const { headers } = request;
    const child = spawn('git', ['http-backend'], {
      env: {
        ...this.#env(),
        GIT_PROJECT_ROOT: this.root,
        GIT_HTTP_EXPORT_ALL: '1',
        PATH_INFO: `/${at.owner.toLowerCase()}/${at.name.toLowerCase()}.git/${at.path}`,
        QUERY_STRING: at.query,
        REQUEST_METHOD: request.method ?? 'GET',
        REMOTE_USER: at.user,
        REMOTE_ADDR: '127.0.0.1',
        CONTENT_TYPE: headers['content-type'] ?? '',
        GIT_PROTOCOL: String(headers['git-protocol'] ?? ''),
      },
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    // Unpacked here: the backend would want the length of a packed body.
    const body = headers['content-encoding'] === 'gzip' ? request.pipe(createGunzip()) : request;
    pipeline(body, child.stdin, () => {});
    let head = Buffer.alloc(0);
    for await (const chunk of child.stdout) {
      if (response.headersSent) {
        if (!response.write(chunk)) await Promise.race([once(response, 'drain'), once(response, 'close')]);
        continue;
      }
      head = Buffer.concat([head, chunk as Buffer]);
      const end = head.indexOf('\r\n\r\n');
      if (end < 0) continue;
      const fields = new Map(
        head
          .subarray(0, end)
          .toString()
          .split('\r\n')
          .map(line => line.split(/: */, 2) as [string, string]),
      );
      const status = Number.parseInt(fields.get('Status') ?? '200', 10);
      fields.delete('Status');
      response.writeHead(status, Object.fromEntries(fields));
      response.write(head.subarray(end + 4));
    }
    response.end();
  }

  #env(): Record<string, string | undefined> {
    return { PATH: process.env.PATH, HOME: this.root, GIT_CONFIG_NOSYSTEM: '1' };
  }

  async #git(cwd: string, args: string[]): Promise<Buffer> {
    const options = { cwd, env: this.#env(), encoding: 'buffer' as const, maxBuffer: MAX_FILE_BYTES };
    return (await run('git', args, options)).stdout;
  }
}

/** The id that git gives a file. */
export const blobId = (content: Buffer): string =>
  createHash('sha1').update(`blob ${content.length}\0`).update(content).digest('hex');
