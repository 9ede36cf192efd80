import { defineErrors, type ErrorDetails, type ErrorFactory, type MillraceError } from '@millrace/core'
import { ERROR_CODE, errorCode, type ErrorCodeName } from '../protocol/index.ts'

/** Every error of the client: who must act, and whether the same call may succeed later. */
const table = {
  CLIENT_OPTION: { who: 'user', retry: false, message: 'The option {option} must {expected}, and is {value}' },
  CLIENT_CLOSED: { who: 'user', retry: false, message: 'The {what} is closed' },
  CLIENT_CONNECT: { who: 'operator', retry: true, message: 'There is no connection to broker {broker}: {problem}' },
  CLIENT_DISCONNECTED: {
    who: 'operator',
    retry: true,
    message: 'The connection to broker {broker} ended before {api} was answered: {problem}',
  },
  CLIENT_TIMEOUT: { who: 'operator', retry: true, message: 'Broker {broker} has not answered {api} within {timeoutMs} ms' },
  CLIENT_UNSUPPORTED: { who: 'operator', retry: false, message: 'Broker {broker} has no version of {api} that is needed here: {problem}' },
  CLIENT_BAD_RESPONSE: { who: 'operator', retry: false, message: 'What broker {broker} answered cannot be read: {problem}' },
  CLIENT_AUTHENTICATION: {
    who: 'user',
    retry: false,
    message: 'Broker {broker} and this client do not agree by SASL {mechanism}: {problem}',
  },
  CLIENT_REQUEST_TOO_LARGE: { who: 'user', retry: false, message: 'A request {api} of {size} bytes is larger than the {limit} allowed' },

  CLIENT_NO_BROKER: { who: 'operator', retry: true, message: 'None of the brokers {brokers} answers: {problem}' },
  CLIENT_CLUSTER_OTHER: { who: 'user', retry: false, message: 'The handle is of cluster {expected}, and this is cluster {found}' },
  CLIENT_TOPIC_UNKNOWN: { who: 'user', retry: true, message: 'The cluster has no topic {topic}: make it, or correct its name' },
  CLIENT_PARTITION_UNKNOWN: { who: 'user', retry: true, message: 'Topic {topic} has no partition {partition}: it has {count}' },
  CLIENT_NO_LEADER: { who: 'operator', retry: true, message: 'Partition {topic}-{partition} has no leader' },

  CLIENT_REFUSED: { who: 'user', retry: false, message: '{api} for {subject} was refused by broker {broker}: {error}{text}' },
  CLIENT_UNAVAILABLE: { who: 'operator', retry: true, message: '{api} for {subject} did not succeed at broker {broker}: {error}{text}' },

  CLIENT_BUFFER_FULL: {
    who: 'user',
    retry: true,
    message: 'The producer holds {bytes} bytes that are not acknowledged, and may hold {limit}',
  },
  CLIENT_RECORD_INVALID: {
    who: 'user',
    retry: false,
    message: 'A record for {place} cannot be written: its {part} is {found}, and must be {expected}',
  },
  CLIENT_RECORD_TOO_LARGE: { who: 'user', retry: false, message: 'A record for {topic} has {size} bytes where {limit} are allowed' },
  CLIENT_DELIVERY_TIMEOUT: {
    who: 'operator',
    retry: true,
    message: '{count} {count?record:records} for {place} {count?was:were} not acknowledged within {timeoutMs} ms ({certainty}): {problem}',
  },
  CLIENT_RECORDS_DROPPED: {
    who: 'user',
    retry: false,
    message: '{count} {count?record:records} for {topic}-{partition} {count?was:were} given up: {problem}',
  },

  CLIENT_TRANSACTION_STATE: {
    who: 'user',
    retry: false,
    message: 'Transactional id {transactionalId} cannot {action} while it is {state}',
  },
  CLIENT_TRANSACTION_ABORTABLE: {
    who: 'operator',
    retry: true,
    message: 'The transaction of {transactionalId} can only be aborted: {problem}',
  },
  CLIENT_FENCED: {
    who: 'user',
    retry: false,
    message: 'Transactional id {transactionalId}, producer {producerId} epoch {producerEpoch}, was fenced at broker {broker}: {error}',
  },
  CLIENT_TRANSACTION_ENDED: {
    who: 'operator',
    retry: false,
    message:
      'Transactional id {transactionalId}, producer {producerId} epoch {producerEpoch}, has no such transaction any more at broker {broker}: {error}',
  },

  CLIENT_RECORD_CORRUPT: {
    who: 'operator',
    retry: false,
    message: 'Partition {topic}-{partition} cannot be read at offset {offset} (broker {broker}): {problem}',
  },
  CLIENT_OFFSET_OUT_OF_RANGE: {
    who: 'user',
    retry: false,
    message: 'Partition {topic}-{partition} has no offset {offset} (broker {broker}), and there is no policy where to go on',
  },
  CLIENT_LOG_TRUNCATED: {
    who: 'operator',
    retry: false,
    message: 'Partition {topic}-{partition} was cut back to offset {endOffset} by an election; offset {offset} was read before and is lost',
  },
  CLIENT_TOPIC_RECREATED: {
    who: 'user',
    retry: false,
    message: 'Topic {topic} was deleted and made anew: offset {offset} of partition {partition} means nothing in it',
  },
  CLIENT_GROUP_MEMBER: { who: 'user', retry: false, message: 'Member {member} of group {group} had to leave: {problem}' },
  CLIENT_GROUP_PROTOCOL: { who: 'operator', retry: false, message: 'What group {group} agreed on cannot be read: {problem}' },
} as const

/** The codes of errors that the client throws, all of which begin with `CLIENT_`. */
export type ClientErrorCode = keyof typeof table

/** Makes an error of the client. */
export const clientError: ErrorFactory<typeof table> = defineErrors(table)

export interface Refusal {
  readonly api: string
  /** What was asked about, for people: 'topic orders', 'orders-3', 'group g'. */
  readonly subject: string
  /** 'host:port (id)'. */
  readonly broker: string
  readonly errorCode: number
  readonly message?: string | null
  readonly details?: ErrorDetails
}

/** The error for an answer of a broker; `details.error` is Kafka's name of the code. */
export function refusal({ api, subject, broker, errorCode: code, message, details }: Refusal): MillraceError {
  const { name, retriable } = errorCode(code)
  const text = message === undefined || message === null || message === '' ? '' : ` (${message})`
  return clientError(retriable ? 'CLIENT_UNAVAILABLE' : 'CLIENT_REFUSED', {
    ...details,
    api,
    subject,
    broker,
    error: name,
    errorCode: code,
    text,
  })
}

/** Kafka's name of the answer an error stands for, or undefined where it is no answer of a broker. */
export function answerOf(error: unknown): ErrorCodeName | undefined {
  const { details } = error as Partial<MillraceError>
  return details?.['error'] as ErrorCodeName | undefined
}

/** Whether nothing is known of what became of the request. */
export function isLost(error: unknown): boolean {
  const { code } = error as Partial<MillraceError>
  return code === 'CLIENT_DISCONNECTED' || code === 'CLIENT_TIMEOUT' || code === 'CLIENT_CONNECT' || code === 'CLIENT_NO_BROKER'
}

/** Whether no broker could be asked at all. */
export function isUnconnected(error: unknown): boolean {
  const { code } = error as Partial<MillraceError>
  return code === 'CLIENT_CONNECT' || code === 'CLIENT_NO_BROKER'
}

/** Whether trying again unchanged may help. */
export function isRetriable(error: unknown): boolean {
  return (error as Partial<MillraceError>).retry === true
}

/**
 * What an error means for a transaction: `retriable` the same call may be made again; `abortable` this transaction can only be aborted;
 * `fenced` another producer has taken over the transactional id; `fatal` nothing helps.
 */
export type ErrorClass = 'retriable' | 'abortable' | 'fenced' | 'fatal'

/** What an error that a producer has thrown means for its transaction; an error that says nothing of itself is `fatal`. */
export function errorClassOf(error: unknown): ErrorClass {
  const { code, retry } = error as Partial<MillraceError>
  if (code === 'CLIENT_FENCED') return 'fenced'
  if (code === 'CLIENT_TRANSACTION_ABORTABLE' || code === 'CLIENT_DELIVERY_TIMEOUT' || code === 'CLIENT_RECORDS_DROPPED') return 'abortable'
  const answer = answerOf(error)
  if (answer !== undefined) return classOfAnswer(answer)
  return retry === true ? 'retriable' : 'fatal'
}

const fenced: ReadonlySet<string> = new Set<ErrorCodeName>(['PRODUCER_FENCED', 'INVALID_PRODUCER_EPOCH', 'TRANSACTION_COORDINATOR_FENCED'])

/** Answers after which the producer cannot go on, whatever it does with the transaction. */
const fatal: ReadonlySet<string> = new Set<ErrorCodeName>([
  'INVALID_PRODUCER_ID_MAPPING',
  'INVALID_TXN_STATE',
  'TRANSACTIONAL_ID_AUTHORIZATION_FAILED',
  'CLUSTER_AUTHORIZATION_FAILED',
  'UNSUPPORTED_VERSION',
  'UNSUPPORTED_FOR_MESSAGE_FORMAT',
  'INVALID_TRANSACTION_TIMEOUT',
])

export function classOfAnswer(name: string): ErrorClass {
  if (fenced.has(name)) return 'fenced'
  if (fatal.has(name)) return 'fatal'
  return errorCode(ERROR_CODE[name as ErrorCodeName]).retriable ? 'retriable' : 'abortable'
}
