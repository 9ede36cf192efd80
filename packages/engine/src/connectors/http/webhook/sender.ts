import type { Cancel, Clock, MillraceError, Random } from '@millrace/core'
import { engineError } from '../../../errors.ts'
import type { SetbackNotices } from '../../setback-notices.ts'
import { drawOf, mayHelpLater, pauseMs, requestProblem, retryAfterMs, shownUrl } from '../retries.ts'

export interface Request {
  readonly url: string
  readonly method: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string | Uint8Array
}

/** An answer that no repetition will change. */
export interface Refusal {
  readonly status: number
  /** The beginning of the answer's body. */
  readonly answer: string
}

export interface SenderOptions {
  readonly timeoutMs: number
  readonly retryForMs: number
  readonly firstPauseMs: number
  readonly mostPauseMs: number
  readonly clock: Clock
  readonly random: Random
  readonly notices?: SetbackNotices
}

const ANSWER_CHARACTERS = 500
const ANSWER_BYTES = 64 * 1_024

/**
 * Sends requests until they are answered. An edge: Node's `fetch` has the network.
 *
 * 1. When a server asks for patience, no request of this sender is begun before that is over.
 * 2. A status is an answer, whatever becomes of the rest: what has it is tried again only where the status says so.
 */
export class Sender {
  readonly #options: SenderOptions
  readonly #closing = new AbortController()
  readonly #pauses = new Set<() => void>()
  #quietUntilMs = -Infinity
  /** Requests that have failed and are tried again, the one that has been for longest first. */
  readonly #setBack: Set<Request> = new Set()

  constructor(options: SenderOptions) {
    this.#options = options
  }

  /** Resolves when it is accepted, or refused for good. @throws `WEBHOOK_UNAVAILABLE` */
  async send(request: Request): Promise<Refusal | undefined> {
    try {
      return await this.#send(request)
    } finally {
      const [oldest] = this.#setBack
      this.#setBack.delete(request)
      if (oldest === request) this.#options.notices?.over()
    }
  }

  async #send(request: Request): Promise<Refusal | undefined> {
    const { clock, retryForMs, firstPauseMs, mostPauseMs, random } = this.#options
    const startMs = clock.monotonic()
    for (let tries = 1; ; tries++) {
      await this.#quietOver()
      const outcome = await this.#try(request)
      if (outcome.kind !== 'later') return outcome.kind === 'refused' ? outcome : undefined
      const waitMs = outcome.afterMs ?? pauseMs(tries, firstPauseMs, mostPauseMs, drawOf(random))
      const isOver = clock.monotonic() + waitMs - startMs > retryForMs
      if (isOver || this.#closing.signal.aborted) throw this.#unavailable(request, tries, outcome)
      if (outcome.afterMs !== undefined) this.#quietUntilMs = Math.max(this.#quietUntilMs, clock.monotonic() + outcome.afterMs)
      this.#tell(request, outcome.problem)
      await this.#pause(waitMs)
    }
  }

  /** What is under way is broken off. */
  close(): void {
    this.#closing.abort()
    for (const end of this.#pauses) end()
  }

  /** What is answered meanwhile may ask for longer. */
  async #quietOver(): Promise<void> {
    const { clock } = this.#options
    while (this.#quietUntilMs > clock.monotonic() && !this.#closing.signal.aborted)
      await this.#pause(this.#quietUntilMs - clock.monotonic())
  }

  async #try({ url, method, headers, body }: Request): Promise<Outcome> {
    const timeout = new AbortController()
    const { clock, timeoutMs } = this.#options
    const cancel = clock.after(timeoutMs, () => timeout.abort(new Error(`no answer within ${timeoutMs} ms`)))
    try {
      const signal = AbortSignal.any([timeout.signal, this.#closing.signal])
      const response = await fetch(url, { method, headers, body: body as string, signal, redirect: 'manual' })
      const { status } = response
      const answer = await beginningOf(response)
      if (status >= 200 && status < 300) return { kind: 'accepted' }
      if (!mayHelpLater(status)) return { kind: 'refused', status, answer }
      const afterMs = retryAfterMs(response.headers.get('retry-after'), clock.now())
      return { kind: 'later', problem: `status ${status}${answer === '' ? '' : `: ${answer}`}`, afterMs }
    } catch (error) {
      const impossible = requestProblem(error)
      if (impossible !== undefined) throw engineError('CONNECTOR_OPTION_INVALID', { connector: 'webhookSink', ...impossible }, error)
      return { kind: 'later', problem: problemOf(error), cause: error, afterMs: undefined }
    } finally {
      cancel()
    }
  }

  /** One speaks for all, and keeps on while others are accepted: a checkpoint waits for each. */
  #tell(request: Request, problem: string): void {
    this.#setBack.add(request)
    const [oldest] = this.#setBack
    if (oldest === request) this.#options.notices?.failed(problem)
  }

  #unavailable({ url }: Request, tries: number, { problem, cause }: Extract<Outcome, { kind: 'later' }>): MillraceError {
    return engineError('WEBHOOK_UNAVAILABLE', { url: shownUrl(url), tries, problem }, cause)
  }

  async #pause(delayMs: number): Promise<void> {
    if (delayMs <= 0 || this.#closing.signal.aborted) return
    const { promise, resolve } = Promise.withResolvers<void>()
    const cancel: Cancel = this.#options.clock.after(delayMs, resolve)
    this.#pauses.add(resolve)
    await promise
    cancel()
    this.#pauses.delete(resolve)
  }
}

type Outcome =
  | { readonly kind: 'accepted' }
  | ({ readonly kind: 'refused' } & Refusal)
  | { readonly kind: 'later'; readonly problem: string; readonly cause?: unknown; readonly afterMs: number | undefined }

/** Reads the answer, so that its connection can be used again; what is longer ends it. What breaks off is as good: the receiver has decided. */
async function beginningOf(response: Response): Promise<string> {
  const decoder = new TextDecoder()
  let text = ''
  let sizeBytes = 0
  try {
    for await (const chunk of response.body ?? []) {
      if (text.length < ANSWER_CHARACTERS) text += decoder.decode(chunk, { stream: true })
      if ((sizeBytes += chunk.length) > ANSWER_BYTES) break
    }
  } catch {
    // A request that was accepted must not be sent again for that, nor one that was refused.
  }
  return text.slice(0, ANSWER_CHARACTERS)
}

function problemOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  // `fetch failed` says nothing; its cause does.
  return error.cause instanceof Error && error.cause.message !== '' ? error.cause.message : error.message
}
