/**
 * Requests and responses with their headers, as they travel in frames.
 *
 * Request header: API key i16 · version i16 · correlation id i32 · client id (nullable string, never compact) · tagged fields from a flexible version on.
 * Response header: correlation id i32 · tagged fields from a flexible version on; but ApiVersions never has them in its response header, so that a client which
 * asked for too new a version can still read the answer.
 */
import { ProtocolError } from '../errors.ts'
import {
  apiByKey,
  apiByName,
  isFlexible,
  requestCodec,
  responseCodec,
  type Api,
  type ApiName,
  type ApiRequest,
  type ApiRequestToSend,
  type ApiResponse,
  type ApiResponseToSend,
} from './apis.ts'
import { FRAME_PREFIX_BYTES } from './frames.ts'
import { readInt32, writeInt32 } from './primitives.ts'
import { ByteReader } from './reader.ts'
import type { StreamedBytes } from './streamed-bytes.ts'
import { ByteWriter } from './writer.ts'

/** What stands before the body of a request. */
export interface RequestHeader {
  readonly api: Api
  /** As the client asked; `isSupported` tells whether a codec has it. */
  readonly version: number
  readonly correlationId: number
  readonly clientId: string | null
  /** Whether the body can be decoded. When it cannot, ApiVersions is answered in version 0 with UNSUPPORTED_VERSION, any other API by closing the connection. */
  readonly isSupported: boolean
}

/** A request whose header was read, with the reader at its body. */
export interface RequestFrame extends RequestHeader {
  readonly body: ByteReader
}

/** 2 has tagged fields, 1 the client's id, 0 neither. */
export function requestHeaderVersion(name: ApiName, version: number): 0 | 1 | 2 {
  if (isFlexible(name, version)) return 2
  return name === 'ControlledShutdown' && version === 0 ? 0 : 1
}

/** 1 has tagged fields. ApiVersions never does: its client does not know yet what the broker speaks (KIP-511). */
export function responseHeaderVersion(name: ApiName, version: number): 0 | 1 {
  return name !== 'ApiVersions' && isFlexible(name, version) ? 1 : 0
}

/** Reads the header of a request frame. @throws ProtocolError, `PROTOCOL_UNKNOWN_API` for an unknown key */
export function readRequest(frame: Uint8Array): RequestFrame {
  const body = new ByteReader(frame)
  const key = body.int16()
  const version = body.int16()
  const correlationId = body.int32()
  const api = apiByKey(key)
  if (api === undefined) throw new ProtocolError('PROTOCOL_UNKNOWN_API', { key })
  if (version < 0) throw body.malformed(`version ${version}`)
  const headerVersion = requestHeaderVersion(api.name, version)
  const clientId = headerVersion === 0 ? null : body.shortStringOrNull()
  if (headerVersion === 2) body.skipTags()
  return { api, version, correlationId, clientId, isSupported: version >= api.minVersion && version <= api.maxVersion, body }
}

/** Decodes the body of a request. Bytes behind it are left in the reader, and ignored as Kafka does. @throws ProtocolError */
export function decodeRequest<N extends ApiName>(name: N, version: number, body: ByteReader): ApiRequest<N> {
  return requestCodec(name, version).decode(body)
}

/** A request in its frame, as chunks for one gathering write; large byte arrays are not copied. @throws ProtocolError `PROTOCOL_UNENCODABLE` */
export function encodeRequest<N extends ApiName>(
  name: N,
  version: number,
  header: { readonly correlationId: number; readonly clientId: string | null },
  request: ApiRequestToSend<N>,
): Uint8Array[] {
  const codec = requestCodec(name, version)
  const headerVersion = requestHeaderVersion(name, version)
  const parts = framed((writer) => {
    writer.int16(apiByName(name).key, 'apiKey')
    writer.int16(version, 'apiVersion')
    writer.int32(header.correlationId, 'correlationId')
    if (headerVersion > 0) writer.shortStringOrNull(header.clientId, 'clientId')
    if (headerVersion === 2) writer.varuint(0)
    codec.encode(writer, request)
  })
  return inMemory(name, parts)
}

/** A response in its frame, as chunks for one gathering write; large byte arrays are not copied. @throws ProtocolError `PROTOCOL_UNENCODABLE` */
export function encodeResponse<N extends ApiName>(
  name: N,
  version: number,
  correlationId: number,
  response: ApiResponseToSend<N>,
): Uint8Array[] {
  return inMemory(name, encodeStreamedResponse(name, version, correlationId, response))
}

/** As `encodeResponse`, with the parts that are streamed in their places. @throws ProtocolError `PROTOCOL_UNENCODABLE` */
export function encodeStreamedResponse<N extends ApiName>(
  name: N,
  version: number,
  correlationId: number,
  response: ApiResponseToSend<N>,
): (Uint8Array | StreamedBytes)[] {
  const codec = responseCodec(name, version)
  return framed((writer) => {
    writer.int32(correlationId, 'correlationId')
    if (responseHeaderVersion(name, version) === 1) writer.varuint(0)
    codec.encode(writer, response)
  })
}

/** The correlation id of a response frame, to learn which request it answers. @throws ProtocolError */
export function readCorrelationId(frame: Uint8Array): number {
  if (frame.length < 4) throw new ProtocolError('PROTOCOL_TRUNCATED', { at: 0, needed: 4 - frame.length })
  return readInt32(frame, 0)
}

/** Decodes a response frame. @throws ProtocolError */
export function decodeResponse<N extends ApiName>(name: N, version: number, frame: Uint8Array): ApiResponse<N> {
  const reader = new ByteReader(frame, 0, frame.length, Number.POSITIVE_INFINITY)
  reader.int32()
  if (responseHeaderVersion(name, version) === 1) reader.skipTags()
  return responseCodec(name, version).decode(reader)
}

function inMemory(name: ApiName, parts: (Uint8Array | StreamedBytes)[]): Uint8Array[] {
  if (parts.every((part) => part instanceof Uint8Array)) return parts
  throw new ProtocolError('PROTOCOL_UNENCODABLE', { field: name, problem: 'a part of it is not in memory' })
}

function framed(write: (writer: ByteWriter) => void): (Uint8Array | StreamedBytes)[] {
  const writer = new ByteWriter()
  writer.int32(0, 'size')
  write(writer)
  const size = writer.sizeBytes - FRAME_PREFIX_BYTES
  const parts = writer.parts()
  // The size is the first thing written, so the first part is in memory.
  writeInt32(parts[0] as Uint8Array, 0, size)
  return parts
}
