import { randomBytes } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { FastifyInstance } from 'fastify';
import type { Clock } from '../kit/clock.ts';
import { ApiError } from '../kit/errors.ts';
import type { Logger } from '../kit/log.ts';
import { type Store, StoreError } from '../store/store.ts';
import { type AuditLog, NO_AUDIT } from './audit/audit-log.ts';
import type { Authorizer } from './auth/authorizer.ts';
import type { Authenticator, Identity } from './auth/identity.ts';
import { authorizeRequest, identify } from './http/access.ts';
import { toApiError } from './http/failure.ts';
import { parseRequest } from './http/request-info.ts';
import { sendStatus } from './http/routes.ts';

export interface MaintenanceOptions {
  store: Store;
  authenticator: Authenticator;
  authorizer: Authorizer;
  /** Folder for copies on their way, on the disk of the database. */
  dir: string;
  clock: Clock;
  audit?: AuditLog;
  log: Logger;
  /** Called after a restore, before it is answered: credentials may be older now. */
  onRestored?: () => Promise<void>;
}

/** Where a copy of the database is read from and written to. Both ask for who may do everything. */
export const BACKUP_PATH = '/nexus/v1/backup';
export const RESTORE_PATH = '/nexus/v1/restore';
const MAX_RESTORE_BYTES = 16 * 1024 ** 3;

/** Backup and restore over HTTPS: `GET /nexus/v1/backup` answers with a SQLite file, `POST /nexus/v1/restore` takes one. */
export async function registerMaintenance(app: FastifyInstance, options: MaintenanceOptions): Promise<void> {
  const { store, dir, log, clock, audit = NO_AUDIT } = options;
  await app.register(async scope => {
    scope.removeAllContentTypeParsers();
    scope.addContentTypeParser('*', (_request, payload, done) => done(null, payload));
    scope.addHook('onRequest', async (request, reply) => {
      const url = request.raw.url ?? '/';
      const info = parseRequest(request.method, url);
      const received = clock.now();
      let authenticated: Identity | undefined;
      let user: Identity | undefined;
      reply.raw.once('close', () =>
        audit.record({
          info,
          url,
          user: authenticated,
          ...(user !== authenticated && { impersonated: user }),
          sourceIp: request.ip ?? '',
          userAgent: request.headers['user-agent'] ?? '',
          received,
          finished: clock.now(),
          code: reply.raw.statusCode,
        }),
      );
      user = await identify(options, request, one => {
        authenticated = one;
      });
      authorizeRequest(options, user, info);
      log.info({ path: request.url, user: user.name }, 'maintenance');
    });
    scope.setErrorHandler((error, _request, reply) =>
      sendStatus(reply, toApiError(error, log, MAX_RESTORE_BYTES)),
    );

    scope.get(BACKUP_PATH, async (_request, reply) => {
      const file = join(dir, `backup-${randomBytes(6).toString('hex')}`);
      try {
        const { revision, bytes } = await store.backup(file);
        const stream = createReadStream(file);
        // Unlinked while it is open: nothing is left behind, however the download ends.
        await new Promise<void>((resolve, reject) =>
          stream.once('open', () => resolve()).once('error', reject),
        );
        await rm(file);
        return reply
          .header('content-length', bytes)
          .header('x-nexus-revision', revision)
          .type('application/vnd.sqlite3')
          .send(stream);
      } finally {
        await rm(file, { force: true });
      }
    });

    scope.post(RESTORE_PATH, { bodyLimit: MAX_RESTORE_BYTES }, async (request, reply) => {
      const file = join(dir, `restore-${randomBytes(6).toString('hex')}`);
      try {
        await pipeline(request.body as Readable, createWriteStream(file, { mode: 0o600 }));
        const result = await store.restore(file).catch(error => refuse(error, file));
        await options.onRestored?.();
        log.info(result, 'restored from a backup');
        return reply.send(result);
      } finally {
        for (const suffix of ['', '-wal', '-shm']) await rm(file + suffix, { force: true });
      }
    });
  });
}

/** A file that is no backup is the sender's fault, who does not know it by the name that it has here. */
function refuse(error: unknown, file: string): never {
  if (error instanceof StoreError && (error.code === 'Corrupt' || error.code === 'NewerSchema'))
    throw new ApiError('BadRequest', error.message.replaceAll(file, 'the backup'), undefined, {
      cause: error,
    });
  throw error;
}
