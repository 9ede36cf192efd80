/**
 * One life of a broker: its clock, network and disk end with it.
 *
 * 1. After `end` nothing of it runs, answers or writes any more, as if its process had died.
 */
import type { Cancel, Clock, Connection, Disk, Listener, ListenOptions, Logger, Network } from '@millrace/core'
import { Log } from '@millrace/log'
import type { SeededRandom } from '@millrace/testkit'

export const brokerPort = 9092

/** A clock whose callbacks die with a process. */
class MortalClock implements Clock {
  readonly #clock: Clock
  #isDead = false

  constructor(clock: Clock) {
    this.#clock = clock
  }

  now(): number {
    return this.#clock.now()
  }

  monotonic(): number {
    return this.#clock.monotonic()
  }

  after(delayMs: number, callback: () => void): Cancel {
    return this.#clock.after(delayMs, () => this.#unlessDead(callback))
  }

  soon(callback: () => void): Cancel {
    return this.#clock.soon(() => this.#unlessDead(callback))
  }

  #unlessDead(callback: () => void): void {
    if (!this.#isDead) callback()
  }

  end(): void {
    this.#isDead = true
  }
}

/** A network whose listeners and accepted connections die with a process. */
class MortalNetwork implements Network {
  readonly #network: Network
  readonly #connections = new Set<Connection>()
  readonly #listeners = new Set<Listener>()
  #isDead = false

  constructor(network: Network) {
    this.#network = network
  }

  async listen(options: ListenOptions, accept: (connection: Connection) => void): Promise<Listener> {
    const listener = await this.#network.listen(options, (connection) => {
      if (this.#isDead) return connection.destroy()
      this.#connections.add(connection)
      accept(connection)
    })
    this.#listeners.add(listener)
    return listener
  }

  connect(): Promise<Connection> {
    return Promise.reject(new Error('a broker on its own connects to nobody'))
  }

  end(): void {
    this.#isDead = true
    for (const listener of this.#listeners) void listener.close()
    for (const connection of this.#connections) connection.destroy()
  }
}

export interface LifeOptions {
  readonly disk: Disk
  readonly network: Network
  readonly clock: Clock
  readonly random: SeededRandom
  /** Its log directories. */
  readonly dirs: readonly string[]
  readonly durable: boolean
  readonly config: Readonly<Record<string, string>>
  readonly logger: Logger
}

export class Life {
  readonly #clock: MortalClock
  readonly #network: MortalNetwork
  readonly #options: LifeOptions
  /** Resolves when it serves; never, if it ends before. */
  readonly started: Promise<Log>

  constructor(options: LifeOptions) {
    this.#options = options
    this.#clock = new MortalClock(options.clock)
    this.#network = new MortalNetwork(options.network)
    this.started = this.#start()
    this.started.catch(() => undefined)
  }

  #start(): Promise<Log> {
    const { disk, random, dirs, durable, config, logger } = this.#options
    const clock = this.#clock
    return Log.start({
      dir: dirs,
      port: brokerPort,
      durable,
      config,
      logger,
      ports: { disk, network: this.#network, clock, random: random.fork() },
    })
  }

  end(): void {
    this.#clock.end()
    this.#network.end()
  }
}
