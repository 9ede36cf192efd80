import type { LogClient, Producer } from '@millrace/log/client'
import { OrderEvents, Recomputation } from './orders.ts'

const eventsPerTurn = 500
/** A log that is killed again and again on a machine with much else to do takes what it is given, some time. */
const patienceMs = 600_000

/** Writes orders as fast as they are taken, or at a rate, each event once and in the order of its order; and works out what should become of them. */
export class OrderProducer {
  readonly expected: Recomputation = new Recomputation()
  readonly #producer: Producer
  readonly #topic: string
  readonly #events: OrderEvents
  readonly #perSecond: number
  /** While the job is so far behind, nothing is written. */
  readonly #mayWrite: () => boolean
  #written = 0
  #isEnding = false
  #done: Promise<void> | undefined
  #failure: Error | undefined

  constructor(
    client: LogClient,
    options: { readonly topic: string; readonly seed: number; readonly perSecond: number; readonly mayWrite: () => boolean },
  ) {
    this.#producer = client.producer({ batchBytes: 131_072, deliveryTimeoutMs: patienceMs, maxBlockMs: patienceMs })
    this.#topic = options.topic
    this.#events = new OrderEvents(options.seed)
    this.#perSecond = options.perSecond
    this.#mayWrite = options.mayWrite
  }

  get written(): number {
    return this.#written
  }

  /** Why nothing is written any more, before the end. */
  get failure(): Error | undefined {
    return this.#failure
  }

  start(): void {
    this.#done = this.#run()
    this.#done.catch((error: Error) => (this.#failure = error)) // awaited by `end`
  }

  /** No new orders are placed, and those that are open come to their ends. */
  async end(): Promise<void> {
    this.#isEnding = true
    await this.#done
  }

  async #run(): Promise<void> {
    const startMs = performance.now()
    for (;;) {
      const due = this.#isEnding ? Infinity : ((performance.now() - startMs) * this.#perSecond) / 1_000
      const mayWrite = this.#isEnding || (this.#written < due && this.#mayWrite())
      if (mayWrite && !this.#turn()) break
      if (mayWrite) await this.#producer.ready()
      await new Promise((resolve) => (mayWrite ? setImmediate(resolve) : setTimeout(resolve, 10)))
    }
    await this.#producer.close()
  }

  /** False when there is nothing left to write. */
  #turn(): boolean {
    for (let count = 0; count < eventsPerTurn; count++) {
      const event = this.#events.next(this.#isEnding)
      if (event === undefined) return false
      this.expected.add(event)
      this.#written++
      if (!this.#producer.append({ topic: this.#topic, key: String(event.order), value: JSON.stringify(event) })) return true
    }
    return true
  }
}
