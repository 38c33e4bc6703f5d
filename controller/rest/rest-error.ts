import type { ApiError } from '../kit/errors.ts';

/** Every code of the REST API and its HTTP status. */
export const REST_ERRORS = {
  invalid_request: 400,
  missing_fields: 400,
  invalid_ssh_key: 400,
  invalid_repo: 400,
  invalid_provider: 400,
  auth_required: 401,
  forbidden: 403,
  repo_not_found: 404,
  workspace_not_found: 404,
  user_not_found: 404,
  node_not_found: 404,
  command_not_found: 404,
  method_not_allowed: 405,
  user_exists: 409,
  workspace_exists: 409,
  node_exists: 409,
  ssh_key_exists: 409,
  already_stopped: 409,
  still_running: 409,
  request_too_large: 413,
  rate_limited: 429,
  internal_error: 500,
  provider_error: 500,
  insufficient_resources: 503,
  port_allocation_failed: 503,
  provider_not_available: 503,
} as const;

export type RestErrorCode = keyof typeof REST_ERRORS;

/** A refusal of the REST API. `message` is one sentence that says what to do. */
export class RestError extends Error {
  readonly code: RestErrorCode;
  readonly details: Readonly<Record<string, unknown>>;
  readonly status: number;

  constructor(
    code: RestErrorCode,
    message: string,
    details: Readonly<Record<string, unknown>> = {},
    options?: ErrorOptions,
  ) {
    super(message, options);
    this.name = 'RestError';
    this.code = code;
    this.details = details;
    this.status = REST_ERRORS[code];
  }
}

type Thing = 'workspace' | 'user' | 'node' | 'command';

/** What a refusal of the Kubernetes API, met while something was done to a `thing`, is here. */
export function fromApiError(error: ApiError, thing: Thing): RestError {
  const told = (code: RestErrorCode, message = error.message, details = {}) =>
    new RestError(code, message, details, { cause: error });
  switch (error.reason) {
    case 'NotFound':
      return told(`${thing}_not_found`, `There is no such ${thing}, or you may not see it.`);
    case 'AlreadyExists':
      return thing === 'command' ? told('internal_error') : told(`${thing}_exists`);
    case 'Unauthorized':
      return told('auth_required', 'The token is wrong, revoked or expired; get a new one.');
    case 'Forbidden':
      return told('forbidden');
    case 'BadRequest':
    case 'Invalid':
      return told('invalid_request', error.message, { causes: error.details?.causes ?? [] });
    case 'RequestEntityTooLarge':
      return told('request_too_large');
    case 'TooManyRequests':
      return told('rate_limited', 'The server is busy; try again in a moment.', {
        retry_after_seconds: error.details?.retryAfterSeconds ?? 1,
      });
    case 'Unreachable':
    case 'ServiceUnavailable':
    case 'Timeout':
      return told('provider_not_available', 'The API server does not answer; try again in a moment.');
    default:
      return told('internal_error', 'Something went wrong; the server log has the request id.');
  }
}
