import { shellQuote } from '../../controller/kit/shell-quote.ts';
import type { GuestFile } from '../driver.ts';
import { DriverError } from '../driver.ts';
import { splitLogin } from './git-login.ts';
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

/** The request of a clone, without the login that its URL may hold. */
export function clonePayload(request: CloneRequest): string {
  const { url } = splitLogin(request.url);
  const values = {
    nexus_url: url,
    nexus_ref: request.ref,
    nexus_upstream: request.upstream,
    nexus_author: request.author?.name,
    nexus_email: request.author?.email,
  };
  const content = Object.entries(values)
    .map(([name, value]) => `${name}=${shellQuote(value ?? '')}\n`)
    .join('');
  return putPayload([{ path: `${GUEST_RUN_DIR}/jobs/clone/request`, content, mode: 0o400, uid: 1000 }]);
}
