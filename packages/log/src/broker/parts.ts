/** What of a broker is running, to be stopped in the reverse order of its start. */
export class Parts {
  readonly #stops: (() => void | Promise<void>)[] = []

  /** Notes how a part that has just been started is stopped. */
  add(stop: () => void | Promise<void>): void {
    this.#stops.push(stop)
  }

  /** Stops every part, whatever another says to it. @throws the first failure, once all are stopped */
  async stop(): Promise<void> {
    const failures: unknown[] = []
    for (let stop = this.#stops.pop(); stop !== undefined; stop = this.#stops.pop()) {
      try {
        await stop()
      } catch (error) {
        failures.push(error)
      }
    }
    if (failures.length > 0) throw failures[0]
  }
}
