/**
 * The requests of one connection that wait for their responses.
 *
 * 1. A broker answers in the order of the requests: a response belongs to the oldest one waiting, and its correlation id must say so.
 * 2. Correlation ids grow and wrap within an int32, so that one is not in use twice.
 * 3. What is answered is not kept: its response may be large.
 * 4. A request past its deadline ends the connection: those behind it could not be answered either.
 */
export interface PipelinedRequest {
  readonly correlationId: number
  readonly deadlineMs: number
}

export class RequestPipeline<R extends PipelinedRequest> {
  /** Empty before `#first`. */
  #waiting: (R | undefined)[] = []
  #first = 0
  #correlationId = 0

  get size(): number {
    return this.#waiting.length - this.#first
  }

  nextCorrelationId(): number {
    const id = this.#correlationId
    this.#correlationId = (id + 1) & 0x7fff_ffff
    return id
  }

  add(request: R): void {
    this.#waiting.push(request)
  }

  /** The request that a response with this correlation id answers; undefined where none, or another one, is due. */
  answered(correlationId: number): R | undefined {
    const request = this.#waiting[this.#first]
    if (request === undefined || request.correlationId !== correlationId) return undefined
    this.#waiting[this.#first++] = undefined
    if (this.#first > 64 && this.#first * 2 > this.#waiting.length) {
      this.#waiting = this.#waiting.slice(this.#first)
      this.#first = 0
    }
    return request
  }

  /** The earliest deadline, if any request waits. */
  get deadlineMs(): number | undefined {
    let earliest: number | undefined
    for (let index = this.#first; index < this.#waiting.length; index++) {
      const { deadlineMs } = this.#waiting[index]!
      if (earliest === undefined || deadlineMs < earliest) earliest = deadlineMs
    }
    return earliest
  }

  /** The oldest request whose deadline has passed. */
  overdue(nowMs: number): R | undefined {
    for (let index = this.#first; index < this.#waiting.length; index++) {
      const request = this.#waiting[index]!
      if (request.deadlineMs <= nowMs) return request
    }
    return undefined
  }

  /** Takes all that wait: the connection has ended. */
  drain(): readonly R[] {
    const rest = this.#waiting.slice(this.#first) as R[]
    this.#waiting = []
    this.#first = 0
    return rest
  }
}
