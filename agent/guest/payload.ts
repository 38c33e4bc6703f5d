import { shellQuote } from '../../controller/kit/shell-quote.ts';
import type { GuestFile } from '../driver.ts';
import { DriverError } from '../driver.ts';
import { type CloneRequest, GUEST_RUN_DIR } from './guest.ts';

/** Files as commands of the guest program, which reads them from stdin: one exec for all, nothing on a command line. */
export function putPayload(files: GuestFile[]): string {
  return files
    .map(file => {
      const content = file.content.toString();
      if (content.includes('\0')) throw new DriverError('Invalid', `${file.path} holds a NUL byte`);
      const owner = `${file.uid ?? 0}:${file.gid ?? 0}`;
      return `put ${file.mode.toString(8).padStart(4, '0')} ${owner} ${shellQuote(file.path)} ${shellQuote(content)}\n`;
    })
    .join('');
}

const CLONE_DIR = `${GUEST_RUN_DIR}/jobs/clone`;

/** The request of a clone: what a URL of http holds of credentials is taken out of it and used as such. */
export function clonePayload(request: CloneRequest): string {
  const { url, scope, username, password } = splitCredentials(request);
  const content = [
    `nexus_url=${shellQuote(url)}`,
    `nexus_ref=${shellQuote(request.ref ?? '')}`,
    `nexus_scope=${shellQuote(scope)}`,
    '',
  ].join('\n');
  const secret = (name: string, text: string) => ({
    path: `${CLONE_DIR}/${name}`,
    content: text,
    mode: 0o400,
    uid: 1000,
  });
  const files = [secret('request', content)];
  if (password !== undefined)
    files.push(secret('username', username ?? 'git'), secret('password', oneLine(password)));
  const sshKey = request.credentials?.sshKey;
  if (sshKey) files.push(secret('key', sshKey.endsWith('\n') ? sshKey : `${sshKey}\n`));
  return putPayload(files);
}

/** Pastes and files often bring a line break along; none can be part of a password. */
function oneLine(text: string): string {
  return text.replace(/[\r\n]+$/, '');
}

function splitCredentials({ url, credentials }: CloneRequest) {
  const given = { username: credentials?.username, password: credentials?.password };
  const match = /^(https?|ssh|git):\/\//i.test(url) ? URL.parse(url) : null;
  if (!match) return { url, scope: '', ...given };
  const inUrl = { username: decode(match.username), password: decode(match.password) };
  match.password = '';
  if (match.protocol.startsWith('http')) {
    match.username = '';
    // A token alone in the place of the user name is what forges document as well.
    const password = given.password ?? (inUrl.password || inUrl.username || undefined);
    const username = given.username ?? (inUrl.username || undefined);
    return { url: match.href, scope: match.origin, username, password };
  }
  return { url: inUrl.password ? match.href : url, scope: '', ...given };
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
