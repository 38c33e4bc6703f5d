import type { Logger } from '../../kit/log.ts';
import type { Metrics } from '../../kit/metrics.ts';
import type { RotatedFile } from '../../kit/rotated-file.ts';
import { type AuditedCall, type AuditScope, auditEvent, isAudited } from './audit-event.ts';

/** Records requests. Never throws and never waits: a disk that is full stops no request. */
export interface AuditLog {
  record(call: AuditedCall): void;
}

export const NO_AUDIT: AuditLog = { record() {} };

export interface AuditLogOptions {
  readonly scope: AuditScope;
  readonly file: RotatedFile;
  readonly metrics: Metrics;
  readonly log: Logger;
}

/** Lines of JSON in a file, an Event of audit.k8s.io/v1 each. */
export function createAuditLog({ scope, file, metrics, log }: AuditLogOptions): AuditLog {
  const events = metrics.counter('apiserver_audit_event_total', 'Audit events written.');
  const errors = metrics.counter('apiserver_audit_error_total', 'Audit events that could not be written.');
  let isFailing = false;
  file.onResult(error => {
    if (error && !isFailing) log.error({ err: error }, 'the audit log cannot be written; events are lost');
    isFailing = error !== undefined;
  });
  return {
    record(call) {
      if (!isAudited(call, scope)) return;
      const isTaken = file.write(`${JSON.stringify(auditEvent(call))}\n`);
      (isTaken && !isFailing ? events : errors).inc();
    },
  };
}
