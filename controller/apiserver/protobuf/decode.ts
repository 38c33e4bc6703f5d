import { microTimestamp, timestamp } from '../../kit/clock.ts';
import { badRequest } from '../refusals.ts';
import type { JsonObject } from '../schema/json-schema.ts';
import { DELETE_OPTIONS, type Field, type FieldType, MESSAGES, type Message } from './messages.ts';
import { ProtobufReader } from './reader.ts';

export const PROTOBUF = 'application/vnd.kubernetes.protobuf';

/** Before every message: `k8s` and a zero. */
const MAGIC = Buffer.from([0x6b, 0x38, 0x73, 0x00]);

/**
 * Kubernetes' protobuf, as far as kubectl and client-go send it to this server: an envelope with apiVersion and kind, and
 * in it one of the built-in kinds. Returns the same object as JSON would give. Throws BadRequest.
 */
export function decodeProtobuf(body: Buffer): JsonObject {
  if (!body.subarray(0, MAGIC.length).equals(MAGIC))
    throw badRequest('the protobuf body does not begin as Kubernetes messages do');
  try {
    return decodeEnvelope(body.subarray(MAGIC.length));
  } catch (error) {
    if (error instanceof RangeError) throw badRequest(`the protobuf body is damaged: ${error.message}`);
    throw error;
  }
}

function decodeEnvelope(body: Buffer): JsonObject {
  const { type, raw, contentEncoding } = readMessage(body, ENVELOPE) as Envelope;
  if (contentEncoding) throw badRequest('compressed protobuf is not read');
  const { apiVersion = '', kind = '' } = type ?? {};
  const message = kind === 'DeleteOptions' ? DELETE_OPTIONS : MESSAGES[`${apiVersion}/${kind}`];
  if (!message) throw badRequest(`${apiVersion} ${kind} is not read as protobuf; send JSON`);
  return { apiVersion, kind, ...readMessage(Buffer.from(raw ?? '', 'base64'), message) };
}

/** runtime.Unknown. */
interface Envelope {
  type?: { apiVersion?: string; kind?: string };
  /** In base64, as all bytes. */
  raw?: string;
  contentEncoding?: string;
}
const ENVELOPE: Message = {
  1: {
    name: 'type',
    type: { 1: { name: 'apiVersion', type: 'string' }, 2: { name: 'kind', type: 'string' } },
  },
  2: { name: 'raw', type: 'bytes' },
  3: { name: 'contentEncoding', type: 'string' },
};

function readMessage(bytes: Buffer, message: Message): JsonObject {
  const out: JsonObject = {};
  const reader = new ProtobufReader(bytes);
  for (let tag = reader.next(); tag; tag = reader.next()) {
    const field = message[tag.number];
    if (!field) {
      reader.skip(tag.wire);
      continue;
    }
    readField(reader, field, out);
  }
  return out;
}

function readField(reader: ProtobufReader, field: Field, out: JsonObject): void {
  const { name, type } = field;
  if (isMap(type)) {
    const [key, value] = readEntry(reader.bytes(), type);
    if (key === '__proto__') throw badRequest('the key "__proto__" is not allowed');
    out[name] ??= {};
    (out[name] as JsonObject)[key] = value;
    return;
  }
  const value = readValue(reader, type);
  if (field.repeated) {
    out[name] ??= [];
    (out[name] as unknown[]).push(value);
  }
  // Go writes what is empty all the same; its JSON leaves it out.
  else if (value !== undefined && value !== '' && !(type === 'count' && value === 0)) out[name] = value;
}

function readValue(reader: ProtobufReader, type: Field['type']): unknown {
  switch (type) {
    case 'string':
      return reader.bytes().toString('utf8');
    case 'bool':
      return reader.varint() !== 0;
    case 'int':
    case 'count':
      return reader.varint();
    case 'bytes':
      return reader.bytes().toString('base64');
    case 'time':
    case 'microTime':
      return readTime(reader.bytes(), type);
    case 'rawJson':
      return readRawJson(reader.bytes());
    default:
      return readMessage(reader.bytes(), type as Message);
  }
}

const SECONDS: Message = { 1: { name: 'seconds', type: 'int' }, 2: { name: 'nanos', type: 'int' } };

/** Undefined for the zero time, which is an empty message. */
function readTime(bytes: Buffer, type: 'time' | 'microTime'): string | undefined {
  if (bytes.length === 0) return undefined;
  const { seconds = 0, nanos = 0 } = readMessage(bytes, SECONDS) as { seconds?: number; nanos?: number };
  const ms = seconds * 1000;
  if (Number.isNaN(new Date(ms).getTime())) throw new RangeError('a time is out of bounds');
  if (type === 'time') return timestamp(ms);
  return microTimestamp(ms).replace(/\.\d{6}Z$/, `.${String(Math.trunc(nanos / 1000)).padStart(6, '0')}Z`);
}

function readRawJson(bytes: Buffer): unknown {
  const { raw } = readMessage(bytes, { 1: { name: 'raw', type: 'string' } });
  try {
    return JSON.parse(String(raw ?? '{}'));
  } catch {
    throw badRequest('managedFields hold no JSON');
  }
}

/** What the values of a map are. */
const MAPS = {
  stringMap: 'string',
  bytesMap: 'bytes',
  listMap: { 1: { name: 'items', type: 'string', repeated: true } },
  quantityMap: { 1: { name: 'string', type: 'string' } },
} as const satisfies Record<string, FieldType>;

const isMap = (type: FieldType): type is keyof typeof MAPS => typeof type === 'string' && type in MAPS;

function readEntry(bytes: Buffer, type: keyof typeof MAPS): [string, unknown] {
  const entry = readMessage(bytes, {
    1: { name: 'key', type: 'string' },
    2: { name: 'value', type: MAPS[type] },
  });
  const key = String(entry.key ?? '');
  if (type === 'listMap') return [key, (entry.value as { items?: unknown } | undefined)?.items ?? []];
  if (type === 'quantityMap') return [key, (entry.value as { string?: unknown } | undefined)?.string ?? ''];
  return [key, entry.value ?? ''];
}
