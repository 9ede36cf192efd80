import type { Cancel, MillraceError } from '@millrace/core'
import { engineError } from '../../../errors.ts'
import type { ReaderContext, SourceOutput, SourceReader, Split } from '../../source.ts'
import { drawOf, mayHelpLater, pauseMs, requestProblem, retryAfterMs, shownUrl } from '../retries.ts'
import { EventParser, type ServerSentEvent } from './event-parser.ts'

/** What is left of a stream of events. */
export interface EventSplit extends Split {
  /** Of the last event that was emitted; '' for none. */
  readonly lastEventId: string
}

export interface EventReaderSettings {
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly types: ReadonlySet<string> | undefined
  readonly retryDelayMs: number
  readonly retryForMs: number
  readonly idleTimeoutMs: number
  readonly eventCharactersMax: number
}

const EVENTS_PER_POLL = 256
/** Events that wait: from here on nothing more is read from the connection. */
const WAITING_EVENTS = 1_024
const PAUSE_MS_MAX = 30_000
/**
 * A server may ask for no pause at all (`retry: 0`). So long it is at least after a connection that brought no event, and, doubled as the pauses are, after one that did not come about: else
 * it would be asked again and again as fast as it answers.
 */
const FAILURE_PAUSE_MS = 100

/**
 * Reads one stream of events, over as many connections as it takes. An edge: Node's `fetch` has the network.
 *
 * 1. The split's id is that of the last event emitted; each connection is asked for what follows the last event that has arrived.
 * 2. At most one connection is open or being made.
 * 3. Time without a connection counts from when the next one is due after the last one ended, for a pause that was asked for is no outage; one that is accepted ends it.
 */
export class EventReader implements SourceReader<ServerSentEvent> {
  readonly #context: ReaderContext
  readonly #settings: EventReaderSettings
  #split: EventSplit | undefined
  #waiting: ServerSentEvent[] = []
  #next = 0
  /** Of the last event that has arrived. */
  #arrivedId = ''
  #retryMs: number
  /** An event has come by the connection. */
  #hasBrought = false
  #hasEnded = false
  #ends = false
  #isClosed = false
  #connection: AbortController | undefined
  readonly #wakes: Set<() => void> = new Set()
  #room: (() => void) | undefined

  constructor(context: ReaderContext, settings: EventReaderSettings) {
    this.#context = context
    this.#settings = settings
    this.#retryMs = settings.retryDelayMs
  }

  addSplits(splits: readonly Split[]): void {
    if (this.#split !== undefined || splits.length === 0) return
    this.#split = splits[0] as EventSplit
    this.#arrivedId = this.#split.lastEventId
    this.#read().catch((error: unknown) => {
      if (!this.#isClosed) this.#context.fail(error)
    })
  }

  noMoreSplits(): void {
    this.#ends = true
    this.#context.wake()
  }

  poll(output: SourceOutput<ServerSentEvent>): 'more' | 'wait' | 'end' {
    if (this.#split === undefined) return this.#ends ? 'end' : 'wait'
    for (let room = EVENTS_PER_POLL; room > 0; room--) {
      const event = this.#waiting[this.#next]
      if (event === undefined) return this.#drained()
      this.#next++
      this.#split = { id: this.#split.id, lastEventId: event.lastEventId }
      if (this.#settings.types?.has(event.type) ?? true) output.emit(event)
      if (output.enough === true) break
    }
    return 'more'
  }

  snapshot(): readonly EventSplit[] {
    return this.#split === undefined ? [] : [this.#split]
  }

  position(): string {
    return `${shownUrl(this.#settings.url)} after ${JSON.stringify(this.#split?.lastEventId ?? '')}`
  }

  close(): void {
    this.#isClosed = true
    this.#connection?.abort()
    this.#room?.()
    for (const wake of this.#wakes) wake()
  }

  #drained(): 'wait' | 'end' {
    this.#waiting = []
    this.#next = 0
    this.#room?.()
    if (!this.#hasEnded) return 'wait'
    this.#split = undefined
    return this.#ends ? 'end' : 'wait'
  }

  async #read(): Promise<void> {
    const { clock, random } = this.#context
    for (let failures = 0, lostMs = clock.monotonic(); !this.#isClosed;) {
      const outcome = await this.#connect()
      if (this.#isClosed) return
      if (outcome.kind === 'end') {
        this.#hasEnded = true
        return this.#context.wake()
      }
      if (outcome.wasOpen) {
        failures = 0
        lostMs = clock.monotonic() + this.#retryMs
      }
      failures++
      const waitMs =
        outcome.afterMs ??
        (outcome.wasOpen
          ? Math.max(this.#retryMs, this.#hasBrought ? 0 : FAILURE_PAUSE_MS)
          : pauseMs(failures, Math.max(this.#retryMs, FAILURE_PAUSE_MS), Math.max(this.#retryMs, PAUSE_MS_MAX), drawOf(random)))
      if (clock.monotonic() + waitMs - lostMs > this.#settings.retryForMs) throw this.#lost(outcome)
      const message = `serverSentEvents: ${shownUrl(this.#settings.url)}: ${outcome.problem}; it is asked again`
      this.#context.report?.({ code: 'EVENTS_RECONNECT', message })
      await this.#pause(waitMs)
    }
  }

  #lost({ problem, cause }: Lost): MillraceError {
    return engineError('EVENTS_LOST', { url: shownUrl(this.#settings.url), problem }, cause)
  }

  /** One connection, to its end. @throws `EVENTS_REFUSED`, `EVENT_TOO_LARGE` */
  async #connect(): Promise<Lost | { readonly kind: 'end' }> {
    const { url, headers } = this.#settings
    const connection = new AbortController()
    this.#connection = connection
    const silence = new Silence(
      (delayMs, end) => this.#context.clock.after(delayMs, end),
      this.#settings.idleTimeoutMs,
      () => connection.abort(new Error(`nothing came for ${this.#settings.idleTimeoutMs} ms`)),
    )
    let wasOpen = false
    this.#hasBrought = false
    try {
      silence.heard()
      const last = this.#arrivedId === '' ? {} : { 'last-event-id': headerText(this.#arrivedId) }
      const response = await fetch(url, {
        headers: { accept: 'text/event-stream', 'cache-control': 'no-store', ...headers, ...last },
        signal: connection.signal,
      })
      const refusal = this.#statusProblem(response)
      if (refusal !== undefined) {
        await response.body?.cancel()
        return refusal
      }
      wasOpen = true
      await this.#receive(response, silence)
      return { kind: 'lost', problem: 'the server has ended the connection', wasOpen }
    } catch (error) {
      const isOurs =
        (error as { readonly code?: string }).code === 'EVENT_TOO_LARGE' || (error as { readonly code?: string }).code === 'EVENTS_REFUSED'
      if (isOurs) throw error
      const impossible = requestProblem(error)
      if (impossible !== undefined) {
        const { option, problem } = impossible
        throw engineError('EVENTS_REFUSED', { url: shownUrl(url), problem: `option ${option} ${problem}` }, error)
      }
      return { kind: 'lost', problem: problemOf(connection.signal.aborted ? connection.signal.reason : error), cause: error, wasOpen }
    } finally {
      silence.over()
      connection.abort()
    }
  }

  /** Undefined for a stream of events. */
  #statusProblem(response: Response): Lost | { readonly kind: 'end' } | undefined {
    const { status } = response
    if (status === 204) return { kind: 'end' }
    if (mayHelpLater(status)) {
      const afterMs = retryAfterMs(response.headers.get('retry-after'), this.#context.clock.now())
      return { kind: 'lost', problem: `status ${status}`, wasOpen: false, ...(afterMs === undefined ? {} : { afterMs }) }
    }
    const type = response.headers.get('content-type') ?? 'nothing'
    const isStream = /^text\/event-stream\s*(;|$)/i.test(type)
    if (status === 200 && isStream) return undefined
    throw engineError('EVENTS_REFUSED', {
      url: shownUrl(this.#settings.url),
      problem: status === 200 ? `its content is ${type} and no text/event-stream` : `status ${status}`,
    })
  }

  async #receive(response: Response, silence: Silence): Promise<void> {
    const { eventCharactersMax: limit } = this.#settings
    const parser = new EventParser(this.#arrivedId, limit, () => {
      throw engineError('EVENT_TOO_LARGE', { url: shownUrl(this.#settings.url), limit })
    })
    const decoder = new TextDecoder()
    for await (const chunk of response.body ?? []) {
      silence.heard()
      const events = parser.push(decoder.decode(chunk, { stream: true }))
      this.#retryMs = parser.retryMs ?? this.#retryMs
      this.#arrivedId = parser.dispatchedId
      if (events.length === 0) continue
      this.#hasBrought = true
      this.#waiting.push(...events)
      this.#context.wake()
      if (this.#waiting.length < WAITING_EVENTS) continue
      silence.over() // it is us who do not listen
      await this.#roomMade()
      silence.heard()
    }
  }

  async #roomMade(): Promise<void> {
    if (this.#isClosed) return
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#room = resolve
    await promise
    this.#room = undefined
  }

  async #pause(delayMs: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    const cancel = this.#context.clock.after(delayMs, resolve)
    this.#wakes.add(resolve)
    await promise
    cancel()
    this.#wakes.delete(resolve)
  }
}

interface Lost {
  readonly kind: 'lost'
  readonly problem: string
  readonly cause?: unknown
  readonly wasOpen: boolean
  readonly afterMs?: number
}

/** Ends what says nothing for too long. */
class Silence {
  readonly #after: (delayMs: number, callback: () => void) => Cancel
  readonly #timeoutMs: number
  readonly #onEnd: () => void
  #cancel: Cancel | undefined

  constructor(after: (delayMs: number, callback: () => void) => Cancel, timeoutMs: number, onEnd: () => void) {
    this.#after = after
    this.#timeoutMs = timeoutMs
    this.#onEnd = onEnd
  }

  heard(): void {
    this.#cancel?.()
    this.#cancel = this.#after(this.#timeoutMs, this.#onEnd)
  }

  over(): void {
    this.#cancel?.()
    this.#cancel = undefined
  }
}

/** Ids go out as UTF-8; headers are bytes. */
function headerText(id: string): string {
  return Buffer.from(id, 'utf8').toString('latin1')
}

function problemOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  return error.cause instanceof Error && error.cause.message !== '' ? error.cause.message : error.message
}
