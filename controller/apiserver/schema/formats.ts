import { isIP, isIPv4, isIPv6 } from 'node:net';

const INT32 = 2 ** 31;
const DATE = /^(\d{4})-(\d\d)-(\d\d)$/;
const DATE_TIME = /^(\d{4})-(\d\d)-(\d\d)[Tt](\d\d):(\d\d):(\d\d|60)(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)$/;
const UUID = /^[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}$/i;
const HOST_LABEL = /^[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?$/i;
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;
const GO_DURATION = /^[-+]?(?:0|(?:(?:\d+\.?\d*|\.\d+)(?:ns|us|µs|μs|ms|s|m|h))+)$/;
const LONG_DURATION = /^\d+\s*(?:ns|us|µs|ms|s|m|h|d|w|nano|micro|milli|sec|min|hour|day|week)s?$/i;

function validDate(year: string, month: string, day: string): boolean {
  const date = new Date(Date.UTC(Number(year), Number(month) - 1, Number(day)));
  return date.getUTCMonth() === Number(month) - 1 && date.getUTCDate() === Number(day);
}

export function isDate(text: string): boolean {
  const match = DATE.exec(text);
  return match !== null && validDate(match[1] ?? '', match[2] ?? '', match[3] ?? '');
}

/** RFC 3339. */
export function isDateTime(text: string): boolean {
  const match = DATE_TIME.exec(text);
  if (!match) return false;
  return (
    validDate(match[1] ?? '', match[2] ?? '', match[3] ?? '') &&
    Number(match[4]) < 24 &&
    Number(match[5]) < 60
  );
}

export function isCidr(text: string): boolean {
  const slash = text.indexOf('/');
  const family = isIP(text.slice(0, slash));
  const bits = text.slice(slash + 1);
  return slash > 0 && family !== 0 && /^\d{1,3}$/.test(bits) && Number(bits) <= (family === 4 ? 32 : 128);
}

export function isDuration(text: string): boolean {
  return text.length <= 64 && (GO_DURATION.test(text) || LONG_DURATION.test(text));
}

export function isBase64(text: string): boolean {
  return BASE64.test(text.replace(/[\r\n]/g, ''));
}

function isUri(text: string): boolean {
  if (/[\s<>"{}|\\^`]/.test(text)) return false;
  return URL.canParse(text) || (text.startsWith('/') && URL.canParse(text, 'http://host'));
}

function isHostname(text: string): boolean {
  return text.length <= 253 && text.split('.').every(label => HOST_LABEL.test(label));
}

function isEmail(text: string): boolean {
  const at = text.lastIndexOf('@');
  return (
    at > 0 && at <= 64 && /^[^\s"(),:;<>@[\\\]]+$/.test(text.slice(0, at)) && isHostname(text.slice(at + 1))
  );
}

function hasLuhnDigit(text: string): boolean {
  let sum = 0;
  for (let i = text.length - 1, double = false; i >= 0; i--, double = !double) {
    const digit = Number(text[i]) * (double ? 2 : 1);
    sum += digit > 9 ? digit - 9 : digit;
  }
  return sum % 10 === 0;
}

const STRING_FORMATS: Readonly<Record<string, (text: string) => boolean>> = {
  'date-time': isDateTime,
  datetime: isDateTime,
  date: isDate,
  duration: isDuration,
  byte: isBase64,
  uri: isUri,
  email: isEmail,
  hostname: isHostname,
  ipv4: isIPv4,
  ipv6: isIPv6,
  cidr: isCidr,
  mac: text => /^([0-9a-f]{2}[:-]){5}([0-9a-f]{2}[:-]){0,2}[0-9a-f]{2}$/i.test(text),
  uuid: text => UUID.test(text),
  uuid3: text => UUID.test(text) && text.replaceAll('-', '')[12] === '3',
  uuid4: text => UUID.test(text) && /^.{12}4.{3}[89ab]/i.test(text.replaceAll('-', '')),
  uuid5: text => UUID.test(text) && /^.{12}5.{3}[89ab]/i.test(text.replaceAll('-', '')),
  bsonobjectid: text => /^[0-9a-f]{24}$/i.test(text),
  hexcolor: text => /^#?([0-9a-f]{3}|[0-9a-f]{6})$/i.test(text),
  rgbcolor: text =>
    /^rgb\(\s*(\d|[1-9]\d|1\d\d|2[0-4]\d|25[0-5])\s*(,\s*(\d|[1-9]\d|1\d\d|2[0-4]\d|25[0-5])\s*){2}\)$/.test(
      text,
    ),
  creditcard: text =>
    /^\d{12,19}$/.test(text.replace(/[ -]/g, '')) && hasLuhnDigit(text.replace(/[ -]/g, '')),
  isbn: text => /^(\d{9}[\dX]|\d{13})$/i.test(text.replace(/[ -]/g, '')),
  isbn10: text => /^\d{9}[\dX]$/i.test(text.replace(/[ -]/g, '')),
  isbn13: text => /^\d{13}$/.test(text.replace(/[ -]/g, '')),
  ssn: text => /^\d{3}[- ]?\d{2}[- ]?\d{4}$/.test(text),
};

const NUMBER_FORMATS: Readonly<Record<string, (value: number) => boolean>> = {
  int32: value => Number.isInteger(value) && value >= -INT32 && value < INT32,
  int64: value => Number.isInteger(value) && value >= -(2 ** 63) && value < 2 ** 63,
  float: value => Math.abs(value) <= 3.4028234663852886e38,
  double: Number.isFinite,
};

/** The test of a format; undefined for the many that mean nothing (`password`, unknown ones). */
export function formatTest(format: string): ((value: unknown) => boolean) | undefined {
  if (Object.hasOwn(STRING_FORMATS, format)) {
    const test = STRING_FORMATS[format] as (text: string) => boolean;
    return value => typeof value !== 'string' || test(value);
  }
  if (Object.hasOwn(NUMBER_FORMATS, format)) {
    const test = NUMBER_FORMATS[format] as (value: number) => boolean;
    return value => typeof value !== 'number' || test(value);
  }
  return undefined;
}
