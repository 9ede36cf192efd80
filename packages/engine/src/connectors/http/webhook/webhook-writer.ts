import { inspect } from 'node:util'
import { MillraceError, randomId, type Cancel } from '@millrace/core'
import { engineError } from '../../../errors.ts'
import type { SinkWriter, WriterContext } from '../../sink.ts'
import { headersProblem, shownUrl } from '../retries.ts'
import { countToContinue, idempotencyKey, type RequestCount } from './idempotency-key.ts'
import type { Request, Sender } from './sender.ts'

/** A request that the receiver will not accept however often it is sent, and the records in it. */
export interface RefusedRequest<T> {
  readonly records: readonly T[]
  readonly status: number
  /** The beginning of what the receiver answered. */
  readonly answer: string
}

export interface WebhookWriterOptions<T> {
  readonly sender: Sender
  readonly batchRecords: number
  readonly batchIntervalMs: number
  readonly concurrency: number
  /** Makes a request but for its idempotency key. @throws `SINK_FORMAT_FAILED` */
  readonly request: (records: readonly T[]) => Request
  /** The name of the header; undefined for none. */
  readonly keyHeader: string | undefined
  readonly keyOf: ((records: readonly T[]) => string) | undefined
  readonly onRefused: 'fail' | 'skip' | SinkWriter<RefusedRequest<T>>
}

interface WebhookHandle extends RequestCount {
  readonly kind: 'webhook-sink'
  readonly version: 1
}

/** Batches that may wait for each request that is under way, before it presses back. */
const WAITING_PER_REQUEST = 2

/**
 * Sends the records of one subtask, some requests at a time.
 *
 * 1. A checkpoint is prepared only when all requests before it are answered; one that fails fails the task.
 * 2. No batch holds records of both sides of a barrier: else its requests could not be made again as they were.
 */
export class WebhookWriter<T> implements SinkWriter<T> {
  readonly #context: WriterContext
  readonly #options: WebhookWriterOptions<T>
  #series: string
  #requests = 0
  #batch: T[] = []
  #waiting: (() => Promise<void>)[] = []
  /** Not answered, those that wait included. */
  readonly #open: Set<Promise<void>> = new Set()
  #underWay = 0
  #cancelTimer: Cancel | undefined
  #failure: { readonly error: unknown } | undefined
  #isPressing = false
  #isClosed = false

  constructor(context: WriterContext, options: WebhookWriterOptions<T>) {
    this.#context = context
    this.#options = options
    this.#series = randomId(context.random)
  }

  async open(restored: readonly unknown[]): Promise<void> {
    const isOwn = (handle: unknown): handle is WebhookHandle => (handle as Partial<WebhookHandle> | null)?.kind === 'webhook-sink'
    const { subtask, parallelism } = this.#context
    const count = countToContinue(restored.filter(isOwn), subtask, parallelism)
    if (count !== undefined) {
      this.#series = count.series
      this.#requests = count.requests
    }
    await this.#refusedWriter?.open(restored.filter((handle) => !isOwn(handle)))
  }

  write(value: T): void {
    if (this.#failure !== undefined) throw this.#failure.error
    const { batchRecords, batchIntervalMs } = this.#options
    this.#batch.push(value)
    if (this.#batch.length >= batchRecords) this.#seal()
    else this.#cancelTimer ??= this.#context.clock.after(batchIntervalMs, () => this.#sealLate())
  }

  ready(): boolean {
    this.#isPressing = this.#waiting.length >= this.#options.concurrency * WAITING_PER_REQUEST || this.#refusedWriter?.ready?.() === false
    return !this.#isPressing
  }

  async prepare(checkpointId: number): Promise<readonly unknown[]> {
    this.#seal()
    const { subtask, parallelism } = this.#context
    const handle: WebhookHandle = {
      kind: 'webhook-sink',
      version: 1,
      series: this.#series,
      subtask,
      parallelism,
      requests: this.#requests,
    }
    await Promise.all(this.#open)
    if (this.#failure !== undefined) throw this.#failure.error
    const refused = (await this.#refusedWriter?.prepare(checkpointId)) ?? []
    return [handle, ...refused]
  }

  async commit(handles: readonly unknown[], checkpointId: number): Promise<void> {
    const refused = handles.filter((handle) => (handle as Partial<WebhookHandle> | null)?.kind !== 'webhook-sink')
    if (refused.length > 0) await this.#refusedWriter?.commit?.(refused, checkpointId)
  }

  async close(): Promise<void> {
    this.#isClosed = true
    this.#cancelTimer?.()
    this.#waiting = []
    this.#options.sender.close()
    await this.#refusedWriter?.close()
  }

  get #refusedWriter(): SinkWriter<RefusedRequest<T>> | undefined {
    const { onRefused } = this.#options
    return typeof onRefused === 'object' ? onRefused : undefined
  }

  /** Of a timer: there is nobody to throw to. */
  #sealLate(): void {
    try {
      this.#seal()
    } catch (error) {
      this.#failed(error)
    }
  }

  #seal(): void {
    this.#cancelTimer?.()
    this.#cancelTimer = undefined
    if (this.#batch.length === 0 || this.#isClosed) return
    const records = this.#batch
    this.#batch = []
    const request = this.#named(this.#options.request(records), records)
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#open.add(promise)
    this.#waiting.push(async () => {
      await this.#send(request, records)
      this.#open.delete(promise)
      resolve()
    })
    this.#sendMore()
  }

  #named(request: Request, records: readonly T[]): Request {
    const { keyHeader } = this.#options
    const number = this.#requests++
    if (keyHeader === undefined) return request
    const { jobName, stateId: sink, subtask } = this.#context
    const key = this.#givenKey(records) ?? idempotencyKey({ jobName, sink, series: this.#series, subtask, number }, request.body)
    return { ...request, headers: { ...request.headers, [keyHeader]: key } }
  }

  /** @throws `SINK_FORMAT_FAILED`: a receiver would take requests with one key for one */
  #givenKey(records: readonly T[]): string | undefined {
    const key: unknown = this.#options.keyOf?.(records)
    if (key === undefined) return undefined
    if (typeof key === 'string' && key !== '' && headersProblem({ key }) === undefined) return key
    const problem = `idempotencyKey answers ${inspect(key, { depth: 0 })}, and must answer text that a header may have`
    throw engineError('SINK_FORMAT_FAILED', { connector: 'webhookSink', format: 'a request', problem })
  }

  #sendMore(): void {
    while (this.#underWay < this.#options.concurrency && !this.#isClosed) {
      const next = this.#waiting.shift()
      if (next === undefined) break
      this.#underWay++
      void next().finally(() => {
        this.#underWay--
        this.#sendMore()
      })
    }
    if (this.#isPressing && this.ready()) this.#context.wake()
  }

  async #send(request: Request, records: readonly T[]): Promise<void> {
    if (this.#failure !== undefined) return
    try {
      const refusal = await this.#options.sender.send(request)
      if (refusal !== undefined) this.#refused({ records, ...refusal }, request.url)
    } catch (error) {
      this.#failed(error)
    }
  }

  #refused({ records, status, answer }: RefusedRequest<T>, url: string): void {
    const { onRefused } = this.#options
    if (typeof onRefused === 'object') return onRefused.write({ records, status, answer }, this.#context.clock.now())
    const error = engineError('WEBHOOK_REFUSED', { url: shownUrl(url), status, problem: answer === '' ? 'it says nothing' : answer })
    if (onRefused === 'fail') throw error
    const message = `webhookSink: ${records.length} record${records.length === 1 ? '' : 's'} left out: ${error.message}`
    this.#context.report?.({ code: 'WEBHOOK_SKIPPED', message })
  }

  #failed(error: unknown): void {
    if (this.#failure !== undefined || this.#isClosed) return
    this.#failure = { error: error instanceof MillraceError ? error : new Error(String(error), { cause: error }) }
    this.#context.fail(this.#failure.error)
  }
}
