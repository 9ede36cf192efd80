/**
 * A topic as this broker sees it.
 *
 * 1. Partitions are only ever added; each keeps its number and its object for as long as the topic lives.
 * 2. `config` changes at once for whoever reads it next.
 */
import type { TopicRegistration } from '../../controller/index.ts'
import type { ConfigTexts, TopicConfig } from '../config/index.ts'
import type { Partition } from './partition.ts'

export class Topic {
  readonly name: string
  /** Sixteen bytes. */
  readonly id: Uint8Array
  /** The same in base64url. */
  readonly idText: string
  #registration: TopicRegistration
  #partitions: readonly Partition[]
  #configs: ConfigTexts
  #config: TopicConfig

  constructor(registration: TopicRegistration, partitions: readonly Partition[], configs: ConfigTexts, config: TopicConfig) {
    this.name = registration.name
    this.idText = registration.id
    this.id = new Uint8Array(Buffer.from(registration.id, 'base64url'))
    this.#registration = registration
    this.#partitions = partitions
    this.#configs = configs
    this.#config = config
  }

  get registration(): TopicRegistration {
    return this.#registration
  }

  get partitions(): readonly Partition[] {
    return this.#partitions
  }

  get partitionCount(): number {
    return this.#registration.partitions.length
  }

  /** As set for it, by Kafka's names. */
  get configs(): ConfigTexts {
    return this.#configs
  }

  get config(): TopicConfig {
    return this.#config
  }

  update(registration: TopicRegistration, partitions: readonly Partition[]): void {
    this.#registration = registration
    this.#partitions = partitions
  }

  /** Holds for its logs from the next append, roll or check on. */
  setConfig(configs: ConfigTexts, config: TopicConfig): void {
    this.#configs = configs
    this.#config = config
    for (const partition of this.#partitions) partition.setConfig(config.log)
  }
}
