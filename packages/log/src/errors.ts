import { defineErrors, MillraceError } from '@millrace/core'

/** Every error of the log package: who must act, and whether the same call may succeed later. */
const table = {
  PROTOCOL_TRUNCATED: { who: 'user', retry: false, message: 'A message ends at byte {at} where {needed} more bytes are needed' },
  PROTOCOL_MALFORMED: { who: 'user', retry: false, message: 'A message is malformed at byte {at}: {problem}' },
  PROTOCOL_INT64_RANGE: { who: 'user', retry: false, message: 'A 64-bit integer at byte {at} does not fit a safe integer' },
  PROTOCOL_FRAME_SIZE: { who: 'user', retry: false, message: 'A frame claims {size} bytes where 0 to {limit} are allowed' },
  PROTOCOL_UNKNOWN_API: { who: 'user', retry: false, message: 'API key {key} is not known' },
  PROTOCOL_UNSUPPORTED_VERSION: { who: 'user', retry: false, message: '{message} has no version {version}; it has {from} to {to}' },
  PROTOCOL_UNENCODABLE: { who: 'bug', retry: false, message: 'The field {field} cannot be written: {problem}' },
  RECORDS_CORRUPT: { who: 'operator', retry: false, message: 'A record batch is corrupt at byte {at}: {problem}' },
  RECORDS_UNENCODABLE: { who: 'user', retry: false, message: 'A record cannot be written: {problem}' },
  COMPRESSION_UNKNOWN: { who: 'user', retry: false, message: 'Compression type {type} is not known' },
  COMPRESSION_UNAVAILABLE: { who: 'operator', retry: false, message: 'Compression {name} has no library on this platform' },
  COMPRESSION_CORRUPT: { who: 'user', retry: false, message: 'Compressed data ({name}) cannot be read: {problem}' },
  COMPRESSION_TOO_LARGE: { who: 'user', retry: false, message: 'Compressed data ({name}) is larger than {limit} bytes when decompressed' },

  // storage
  STORAGE_CORRUPT: { who: 'operator', retry: false, message: 'The file {path} is corrupt: {problem}' },
  STORAGE_FULL: { who: 'operator', retry: true, message: 'The disk under {path} is full; nothing of the append was kept' },
  STORAGE_UNAVAILABLE: {
    who: 'operator',
    retry: true,
    message: 'The storage under {path} refused: {problem}; nothing of the append was kept',
  },
  STORAGE_OFFLINE: { who: 'operator', retry: false, message: 'The log directory {path} is offline since: {problem}' },
  STORAGE_CLOSED: { who: 'bug', retry: false, message: 'The log {partition} is closed' },
  STORAGE_DIRECTORY_OF_OTHER: { who: 'operator', retry: false, message: 'The log directory {path} belongs to {found}, not to {expected}' },
  STORAGE_NAME_TOO_LONG: { who: 'user', retry: false, message: 'The name of topic {topic} is too long for a move to another directory' },
  STORAGE_OFFSET_OUT_OF_RANGE: { who: 'user', retry: false, message: 'Offset {offset} of {partition} is outside {logStart} to {logEnd}' },
  STORAGE_APPEND_OFFSET: {
    who: 'bug',
    retry: false,
    message: 'A replicated batch at offset {offset} does not follow the log end {logEnd} of {partition}',
  },
  STORAGE_APPEND_TOO_LARGE: { who: 'user', retry: false, message: 'An append of {size} bytes is larger than a segment of {limit}' },
  PRODUCER_FENCED: { who: 'user', retry: false, message: 'Producer {producerId} wrote with epoch {epoch}; it is at {current} by now' },
  PRODUCER_OUT_OF_ORDER: { who: 'user', retry: false, message: 'Producer {producerId} sent sequence {sequence}, expected {expected}' },
  PRODUCER_TRANSACTION_STATE: {
    who: 'user',
    retry: false,
    message: 'Producer {producerId} wrote outside of the transaction it has open here',
  },
  PRODUCER_COORDINATOR_FENCED: {
    who: 'operator',
    retry: false,
    message: 'A marker for producer {producerId} comes from coordinator epoch {epoch}; {current} was seen',
  },

  // broker
  BROKER_METADATA_CORRUPT: { who: 'operator', retry: false, message: 'The metadata of the broker in {path} is corrupt: {problem}' },
  LOG_OPTION_UNKNOWN: { who: 'user', retry: false, message: 'Log.start has no option {option}{meant}' },
  LOG_OPTION_INVALID: { who: 'user', retry: false, message: 'The option {option} of Log.start must be {expected}, and is {value}' },
  BROKER_CONFIG_UNKNOWN: { who: 'user', retry: false, message: 'The configuration {name} cannot be set: {problem}' },
  BROKER_CONFIG_INVALID: { who: 'user', retry: false, message: 'The configuration {name} cannot be set: {problem}' },
  BROKER_DIRECTORY_LOCKED: {
    who: 'operator',
    retry: true,
    message:
      'The log directory {path} is in use by another broker{holder}; one at a time can have it. Stop that one, or give this one another folder (--dir, or broker.dir in millrace.yaml)',
  },
  BROKER_DIRECTORY_UNUSABLE: { who: 'operator', retry: true, message: 'The log directory {path} cannot be used: {problem}' },
  BROKER_CANNOT_LISTEN: {
    who: 'operator',
    retry: true,
    message: 'The broker cannot listen on {host}:{port} ({name}): {problem}. Set another place in {setBy}, or free this one',
  },
  BROKER_DIRECTORY_INCOMPLETE: {
    who: 'operator',
    retry: false,
    message: 'The log directory {path} of another broker cannot be taken over: topic {topic}: {problem}',
  },
  BROKER_STRAY_LOGS: {
    who: 'operator',
    retry: false,
    message: 'The log directory {path} holds the log {name}, which belongs to no topic of the broker',
  },

  // security
  SECURITY_CONFIG: { who: 'operator', retry: false, message: 'The configuration {name} cannot be used: {problem}' },
  SECURITY_STORED_CORRUPT: { who: 'operator', retry: false, message: 'What is stored for security at {path} cannot be read: {problem}' },

  // coordinators
  COORDINATOR_LOADING: {
    who: 'operator',
    retry: true,
    message: 'The {name} coordinator of partition {partition} is still reading its log',
  },
  COORDINATOR_NOT_HERE: { who: 'operator', retry: true, message: 'The {name} coordinator of partition {partition} is not on this broker' },
  COORDINATOR_UNAVAILABLE: {
    who: 'operator',
    retry: true,
    message: 'The {name} coordinator of partition {partition} cannot write or read its log; what was asked may or may not have been done',
  },
  COORDINATOR_RECORDS_TOO_LARGE: {
    who: 'user',
    retry: false,
    message: 'What the {name} coordinator of partition {partition} would have to keep takes {size} bytes where {limit} are allowed',
  },
  COORDINATOR_RECORD_CORRUPT: { who: 'operator', retry: false, message: 'A record of type {type} in an internal topic cannot be read' },
} as const

export type LogErrorCode = keyof typeof table

type ErrorDetails = NonNullable<ConstructorParameters<typeof MillraceError>[2]>

type ProtocolErrorCode = Extract<LogErrorCode, `PROTOCOL_${string}`>

/** Makes an error of this package: `throw logError('RECORDS_CORRUPT', { at, problem })`. */
export const logError: (code: LogErrorCode, details?: ErrorDetails, cause?: unknown) => MillraceError = defineErrors(table)

/** What a peer sent, or what we were asked to send, does not fit the protocol. Nothing else leaves the codecs and the frame splitter. */
export class ProtocolError extends MillraceError {
  override readonly name: string = 'ProtocolError'

  constructor(code: ProtocolErrorCode, details: ErrorDetails = {}, cause?: unknown) {
    super(code, table[code], details, cause)
  }
}
