export {
  apiByKey,
  apiByName,
  APIS,
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
export { messageCodec, type MessageCodec } from './codec.ts'
export {
  includesVersion,
  versionBounds,
  type ApiDeclaration,
  type Decoded,
  type Field,
  type Fields,
  type ToEncode,
  type VersionRange,
} from './declaration.ts'
export { ERROR_CODE, ERROR_CODES, errorCode, type ErrorCodeEntry, type ErrorCodeName } from './error-codes.ts'
export { frame, FRAME_PREFIX_BYTES, FrameSplitter, type FrameMemory, type FrameSplitterOptions } from './frames.ts'
export {
  decodeRequest,
  decodeResponse,
  encodeRequest,
  encodeResponse,
  encodeStreamedResponse,
  readCorrelationId,
  readRequest,
  requestHeaderVersion,
  responseHeaderVersion,
  type RequestFrame,
  type RequestHeader,
} from './messages.ts'
export { ByteReader, MESSAGE_ELEMENTS_MAX } from './reader.ts'
export { StreamedBytes } from './streamed-bytes.ts'
export { ByteWriter } from './writer.ts'
