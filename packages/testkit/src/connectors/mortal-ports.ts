import type { Cancel, Clock, Connection, Network } from '@millrace/core'

/** Clock and network as a process has them that can be made to die: no timer fires any more, connections are reset, nothing is ever answered. */
export class MortalPorts {
  readonly clock: Clock
  readonly network: Network
  readonly #timers: Set<Cancel> = new Set()
  readonly #connections: Set<Connection> = new Set()
  #isDead = false

  constructor(clock: Clock, network: Network) {
    this.clock = {
      now: () => clock.now(),
      monotonic: () => clock.monotonic(),
      after: (delayMs, callback) => this.#timer((fire) => clock.after(delayMs, fire), callback),
      soon: (callback) => this.#timer((fire) => clock.soon(fire), callback),
    }
    this.network = {
      listen: (options, accept) => this.#alive(network.listen(options, accept)),
      connect: (options) => this.#alive(network.connect(options).then((connection) => this.#mortal(connection))),
    }
  }

  kill(): void {
    this.#isDead = true
    for (const cancel of this.#timers) cancel()
    for (const connection of this.#connections) connection.destroy()
    this.#timers.clear()
    this.#connections.clear()
  }

  #timer(start: (fire: () => void) => Cancel, callback: () => void): Cancel {
    if (this.#isDead) return () => {}
    const cancel = start(() => {
      this.#timers.delete(cancel)
      callback()
    })
    this.#timers.add(cancel)
    return () => {
      this.#timers.delete(cancel)
      cancel()
    }
  }

  #mortal(connection: Connection): Connection {
    if (this.#isDead) connection.destroy()
    else this.#connections.add(connection)
    const ifAlive =
      <A extends unknown[]>(handler: (...given: A) => void) =>
      (...given: A): void => {
        if (!this.#isDead) handler(...given)
      }
    return {
      remote: connection.remote,
      ...(connection.peerSubject === undefined ? {} : { peerSubject: connection.peerSubject }),
      onData: (handler) => connection.onData(ifAlive(handler)),
      onClose: (handler) =>
        connection.onClose((error) => {
          this.#connections.delete(connection)
          if (!this.#isDead) handler(error)
        }),
      onDrain: (handler) => connection.onDrain(ifAlive(handler)),
      send: (bytes) => !this.#isDead && connection.send(bytes),
      pause: () => connection.pause(),
      resume: () => connection.resume(),
      get queuedBytes() {
        return connection.queuedBytes
      },
      end: () => connection.end(),
      destroy: () => connection.destroy(),
    }
  }

  #alive<T>(work: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      work.then(
        (value) => (this.#isDead ? undefined : resolve(value)),
        (error: unknown) => (this.#isDead ? undefined : reject(error)),
      )
    })
  }
}
