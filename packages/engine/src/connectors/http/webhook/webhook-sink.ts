import { messageOf } from '@millrace/core'
import type { Duration } from '@millrace/core'
import { engineError } from '../../../errors.ts'
import { checkOptionNames, durationOption, patienceOption, wholeNumberOption, type OptionNames } from '../../options.ts'
import type { Sink, WriterContext } from '../../sink.ts'
import { SetbackNotices } from '../../setback-notices.ts'
import { addressProblem, FETCH_PATIENCE_MS, headersProblem, isAddress, shownUrl } from '../retries.ts'
import { Sender, type Request } from './sender.ts'
import { WebhookWriter, type RefusedRequest } from './webhook-writer.ts'

export type { RefusedRequest }

/** What is sent where, how much of it at a time, and what is done with what the receiver refuses. */
export interface WebhookSinkOptions<T> {
  /** Where records go, or where the records of a request go. */
  readonly url: string | ((records: readonly T[]) => string)
  /** `POST` by default. */
  readonly method?: 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  /** `content-type` is `application/json` unless it is here. */
  readonly headers?: Readonly<Record<string, string>> | ((records: readonly T[]) => Readonly<Record<string, string>>)
  /** What a request holds: by default the record as JSON, and an array of records with `batchRecords` above 1. */
  readonly body?: (records: readonly T[]) => string | Uint8Array
  /** Records of a request; 1 by default. */
  readonly batchRecords?: number
  /** How long a batch that is not full waits for more; `100ms` by default. */
  readonly batchInterval?: Duration
  /** Requests of a subtask that are under way at a time; 4 by default. With more than 1 they may overtake one another. */
  readonly concurrency?: number
  /** Time for an answer; `30s` by default, `5m` at most: Node's `fetch` waits no longer. */
  readonly timeout?: Duration
  /**
   * How long a request is tried again that gets no answer, or 408, 425, 429, 500, 502, 503 or 504, before the task fails; `5m` by default. `Retry-After` is
   * heeded, and fails the task at once where it asks for more than is left of this; otherwise pauses grow from 100 ms to 30 s.
   */
  readonly retryFor?: Duration
  /**
   * Any other answer but 2xx (redirections too): `fail` the task (the default), `skip` the records and report it (`WEBHOOK_SKIPPED`), or write them to a sink.
   */
  readonly onRefused?: 'fail' | 'skip' | Sink<RefusedRequest<T>>
  /**
   * The header by which a receiver can tell that it has seen a request; `idempotency-key` by default, false for none. Its value is made of the job, the sink, the subtask, the number of
   * the request and its body, or is what `idempotencyKey` answers.
   */
  readonly idempotencyHeader?: string | false
  /** An id that the records themselves have: stable whatever happens. */
  readonly idempotencyKey?: (records: readonly T[]) => string
}

const CONNECTOR = 'webhookSink'
const optionNames: OptionNames<WebhookSinkOptions<unknown>> = {
  url: true,
  method: true,
  headers: true,
  body: true,
  batchRecords: true,
  batchInterval: true,
  concurrency: true,
  timeout: true,
  retryFor: true,
  onRefused: true,
  idempotencyHeader: true,
  idempotencyKey: true,
}
const METHODS: readonly unknown[] = ['POST', 'PUT', 'PATCH', 'DELETE'] satisfies WebhookSinkOptions<unknown>['method'][]
const FIRST_PAUSE_MS = 100
const MOST_PAUSE_MS = 30_000

/**
 * Sends records by HTTP: at least once. A checkpoint completes when all requests before it are answered; after a failure some are sent again, under the name they had
 * where records come in the same order.
 *
 * Throws `CONNECTOR_OPTION_INVALID`. Fails with `WEBHOOK_REFUSED`, `WEBHOOK_UNAVAILABLE`, `SINK_FORMAT_FAILED`.
 */
export function webhookSink<T>(options: WebhookSinkOptions<T>): Sink<T> {
  checkOptionNames<WebhookSinkOptions<T>>(CONNECTOR, options, optionNames)
  const { onRefused = 'fail', idempotencyHeader = 'idempotency-key', idempotencyKey } = options
  if (typeof options.url !== 'function' && !isAddress(options.url)) invalid('url', addressProblem)
  if (!['fail', 'skip'].includes(onRefused as string) && typeof onRefused !== 'object')
    invalid('onRefused', `is ${onRefused}, not one of fail, skip, and no sink`)
  if (options.method !== undefined && !METHODS.includes(options.method))
    invalid('method', `is ${options.method}: one of ${METHODS.join(', ')}`)
  const headerProblem = typeof options.headers === 'object' ? headersProblem(options.headers) : undefined
  if (headerProblem !== undefined) invalid('headers', headerProblem)
  if (idempotencyHeader !== false && headersProblem({ [idempotencyHeader]: 'x' }) !== undefined)
    invalid('idempotencyHeader', `is ${idempotencyHeader}, which is no name of a header`)
  for (const name of ['body', 'idempotencyKey'] as const) {
    if (options[name] !== undefined && typeof options[name] !== 'function') invalid(name, 'must be a function of the records')
  }
  const batchRecords = wholeNumberOption(CONNECTOR, 'batchRecords', options.batchRecords ?? 1, 1, 100_000)
  const settings = {
    batchRecords,
    batchIntervalMs: durationOption(CONNECTOR, 'batchInterval', options.batchInterval ?? '100ms'),
    concurrency: wholeNumberOption(CONNECTOR, 'concurrency', options.concurrency ?? 4, 1, 1_000),
    keyHeader: idempotencyHeader === false ? undefined : idempotencyHeader,
    keyOf: idempotencyKey,
    request: (records: readonly T[]) => requestOf(options, records, batchRecords > 1),
  }
  const times = {
    timeoutMs: patienceOption(CONNECTOR, 'timeout', options.timeout ?? '30s', FETCH_PATIENCE_MS),
    retryForMs: durationOption(CONNECTOR, 'retryFor', options.retryFor ?? '5m'),
    firstPauseMs: FIRST_PAUSE_MS,
    mostPauseMs: MOST_PAUSE_MS,
  }
  const refused = typeof onRefused === 'object' ? onRefused : undefined
  return {
    connector: 'webhook',
    delivery: 'at-least-once',
    claims: refused?.claims ?? [],
    checkCheckpoints: (checkpoints) => refused?.checkCheckpoints?.(checkpoints),
    createWriter: (context) =>
      new WebhookWriter<T>(context, {
        ...settings,
        sender: new Sender({ ...times, clock: context.clock, random: context.random, notices: noticesOf(context, options.url) }),
        onRefused: typeof onRefused === 'object' ? onRefused.createWriter(refusedContext(context)) : onRefused,
      }),
  }
}

/** A receiver that does not answer keeps the job waiting for minutes. */
function noticesOf(context: WriterContext, url: unknown): SetbackNotices {
  const receiver = typeof url === 'string' ? shownUrl(url) : 'the receiver'
  return new SetbackNotices(context.clock, (duration, problem) => {
    context.report?.({
      code: 'WEBHOOK_RETRY',
      message: `${CONNECTOR}: ${receiver} has not accepted a request for ${duration}: ${problem}; it is tried again`,
    })
  })
}

/** Names of what the other sink keeps outside must not clash with another's. */
function refusedContext(context: WriterContext): WriterContext {
  return { ...context, stateId: `${context.stateId}-refused` }
}

/** @throws `SINK_FORMAT_FAILED` */
function requestOf<T>({ url, method = 'POST', headers, body }: WebhookSinkOptions<T>, records: readonly T[], isBatch: boolean): Request {
  try {
    const target = typeof url === 'function' ? url(records) : url
    if (!isAddress(target)) throw new TypeError(`what url answers ${addressProblem}`)
    const content = body === undefined ? JSON.stringify(isBatch ? records : records[0]) : body(records)
    if (typeof content !== 'string' && !(content instanceof Uint8Array)) throw new TypeError(`body answers ${typeof content}`)
    const given = typeof headers === 'function' ? headers(records) : (headers ?? {})
    const problem = headersProblem(given)
    if (problem !== undefined) throw new TypeError(`headers ${problem}`)
    const lower = Object.fromEntries(Object.entries(given).map(([name, value]) => [name.toLowerCase(), value]))
    return { url: target, method, headers: { 'content-type': 'application/json', ...lower }, body: content }
  } catch (cause) {
    const problem = messageOf(cause)
    throw engineError('SINK_FORMAT_FAILED', { connector: CONNECTOR, format: 'a request', problem }, cause)
  }
}

function invalid(option: string, problem: string): never {
  throw engineError('CONNECTOR_OPTION_INVALID', { connector: CONNECTOR, option, problem })
}
