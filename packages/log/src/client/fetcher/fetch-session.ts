/**
 * An incremental fetch session with one broker (KIP-227): after the first, a request names only what changed.
 *
 * 1. What the broker holds is what `request` said last, once that was answered without an error.
 * 2. A request that was not answered, or a session the broker does not know, begins a new one with everything.
 */
export interface SessionPartition {
  readonly topic: string
  readonly topicId: Uint8Array
  readonly partition: number
  readonly fetchOffset: number
  readonly currentLeaderEpoch: number
  readonly partitionMaxBytes: number
}

export interface SessionRequest {
  readonly sessionId: number
  readonly sessionEpoch: number
  /** What to name in the request. */
  readonly partitions: readonly SessionPartition[]
  readonly forgotten: readonly SessionPartition[]
}

export class FetchSession {
  #sessionId = 0
  /** 0 opens a session, -1 asks without one. */
  #epoch = 0
  #known = new Map<string, SessionPartition>()

  request(wanted: readonly SessionPartition[]): SessionRequest {
    const next = new Map(wanted.map((partition) => [keyOf(partition), partition]))
    if (this.#epoch === 0) {
      this.#known = next
      return { sessionId: 0, sessionEpoch: 0, partitions: wanted, forgotten: [] }
    }
    const changed = wanted.filter((partition) => differs(this.#known.get(keyOf(partition)), partition))
    const forgotten = [...this.#known].flatMap(([key, partition]) => (next.has(key) ? [] : [partition]))
    this.#known = next
    return { sessionId: this.#sessionId, sessionEpoch: this.#epoch, partitions: changed, forgotten }
  }

  /** The broker answered; id 0 means that it keeps no session. */
  answered(sessionId: number): void {
    if (sessionId === 0) return this.reset()
    this.#epoch = sessionId === this.#sessionId ? (this.#epoch === 0x7fff_ffff ? 1 : this.#epoch + 1) : 1
    this.#sessionId = sessionId
  }

  /** The next request opens a new session. */
  reset(): void {
    this.#sessionId = 0
    this.#epoch = 0
    this.#known.clear()
  }
}

function keyOf({ topic, partition, topicId }: SessionPartition): string {
  return `${topic} ${partition} ${Buffer.from(topicId).toString('latin1')}`
}

function differs(known: SessionPartition | undefined, wanted: SessionPartition): boolean {
  return (
    known === undefined ||
    known.fetchOffset !== wanted.fetchOffset ||
    known.currentLeaderEpoch !== wanted.currentLeaderEpoch ||
    known.partitionMaxBytes !== wanted.partitionMaxBytes
  )
}
