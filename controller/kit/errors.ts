import type { Status } from '../../crds/object.ts';

/** Every reason the API answers with: HTTP status, and whether the same request may succeed later. */
export const API_REASONS = {
  BadRequest: { code: 400, retryable: false },
  Unauthorized: { code: 401, retryable: false },
  Forbidden: { code: 403, retryable: false },
  NotFound: { code: 404, retryable: false },
  MethodNotAllowed: { code: 405, retryable: false },
  NotAcceptable: { code: 406, retryable: false },
  AlreadyExists: { code: 409, retryable: false },
  Conflict: { code: 409, retryable: true },
  Gone: { code: 410, retryable: false },
  Expired: { code: 410, retryable: false },
  RequestEntityTooLarge: { code: 413, retryable: false },
  UnsupportedMediaType: { code: 415, retryable: false },
  Invalid: { code: 422, retryable: false },
  TooManyRequests: { code: 429, retryable: true },
  InternalError: { code: 500, retryable: true },
  ServiceUnavailable: { code: 503, retryable: true },
  Timeout: { code: 504, retryable: true },
  /** Made by the client: the server did not answer. Code 0 never travels. */
  Unreachable: { code: 0, retryable: true },
} as const;

export type ApiReason = keyof typeof API_REASONS;
export type Cause = { reason?: string; message?: string; field?: string };

/** A refusal of the API, on either side of it. Server: thrown anywhere, sent as a `Status`. Client: made from one. */
export class ApiError extends Error {
  readonly reason: ApiReason;
  readonly code: number;
  readonly details: Status['details'];

  constructor(reason: ApiReason, message: string, details?: Status['details'], options?: ErrorOptions) {
    super(message, options);
    this.name = 'ApiError';
    this.reason = reason;
    this.code = API_REASONS[reason].code;
    this.details = details;
  }

  get retryable(): boolean {
    return API_REASONS[this.reason].retryable;
  }

  toStatus(): Status {
    return {
      kind: 'Status',
      apiVersion: 'v1',
      metadata: {},
      status: 'Failure',
      message: this.message,
      reason: this.reason,
      ...(this.details && { details: this.details }),
      code: this.code,
    };
  }

  /** Reasons this program does not know are mapped by their code. */
  static fromStatus(status: Partial<Status>): ApiError {
    const known = status.reason !== undefined && status.reason in API_REASONS;
    const byCode = (Object.keys(API_REASONS) as ApiReason[]).find(r => API_REASONS[r].code === status.code);
    const reason = known ? (status.reason as ApiReason) : (byCode ?? 'InternalError');
    return new ApiError(reason, status.message ?? `the server answered ${status.code}`, status.details);
  }
}

/** Whether `error` is an ApiError with one of `reasons`. */
export function isApiError(error: unknown, ...reasons: ApiReason[]): error is ApiError {
  return error instanceof ApiError && (reasons.length === 0 || reasons.includes(error.reason));
}
