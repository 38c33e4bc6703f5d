import { ApiError } from '../kit/errors.ts';
import { fromApiError, RestError } from './rest-error.ts';

interface ValidationError extends Error {
  validation: { keyword: string; instancePath: string; message?: string; params: Record<string, unknown> }[];
  validationContext?: string;
}

const isValidation = (error: unknown): error is ValidationError =>
  error instanceof Error && 'validation' in error && Array.isArray(error.validation);

/** Whatever was thrown while a request was answered, as this API tells it. */
export function toRestError(error: unknown): RestError {
  if (error instanceof RestError) return error;
  if (error instanceof ApiError) return fromApiError(error, 'workspace');
  if (isValidation(error)) return fromValidation(error);
  const {
    code = '',
    statusCode = 500,
    message = '',
  } = error as { code?: string; statusCode?: number; message?: string };
  if (code === 'FST_ERR_CTP_BODY_TOO_LARGE')
    return new RestError('request_too_large', 'The body is over 4 MiB; send less.');
  if (statusCode >= 400 && statusCode < 500) return new RestError('invalid_request', message);
  return new RestError(
    'internal_error',
    'Something went wrong; the server log has the request id.',
    {},
    { cause: error },
  );
}

function fromValidation({ validation, validationContext = 'request' }: ValidationError): RestError {
  const missing = validation
    .filter(({ keyword }) => keyword === 'required')
    .map(({ instancePath, params }) => [...steps(instancePath), String(params.missingProperty)].join('.'));
  if (missing.length > 0)
    return new RestError('missing_fields', `Missing: ${missing.join(', ')}.`, { required: missing });
  const isEmpty = validation.some(({ keyword, instancePath }) => keyword === 'type' && instancePath === '');
  if (validationContext === 'body' && isEmpty)
    return new RestError('invalid_request', 'The body must be a JSON object.');
  const problems = validation
    .filter(({ keyword }) => keyword !== 'propertyNames')
    .map(({ instancePath, message = 'is wrong', keyword, params }) => {
      const key = keyword === 'additionalProperties' ? [String(params.additionalProperty)] : [];
      const path = [...steps(instancePath), ...key].join('.') || validationContext;
      return { path, message: key.length > 0 ? 'is not known' : message };
    });
  const told = problems.map(({ path, message }) => `${path} ${message}`).join('; ');
  return new RestError('invalid_request', `${told}.`, { problems });
}

const steps = (pointer: string) => pointer.split('/').slice(1);
