/**
 * What a controller knows, in the coordination service; the only one that writes there on behalf of a controller.
 *
 * 1. Who is controller is decided by one transaction: it makes the ephemeral node and raises the epoch from the version it read.
 * 2. Every later write checks that version: a controller that has been replaced changes nothing.
 */
import type { Clock, CoordinationOperation, CoordinationSession } from '@millrace/core'
import type { Configs } from './config-store.ts'
import {
  brokerPath,
  configPath,
  CONTROLLER,
  CONTROLLER_EPOCH,
  DELETIONS,
  deletionPath,
  partitionPath,
  partitionsPath,
  partitionStatePath,
  ROOTS,
  TOPICS,
  topicPath,
} from './paths.ts'
import {
  decodeCount,
  decodePartitionState,
  decodeTopic,
  encodeBroker,
  encodeConfigs,
  encodeController,
  encodeCount,
  encodePartitionState,
  encodeTopic,
  type BrokerRegistration,
  type PartitionState,
  type TopicAssignment,
} from './registrations.ts'

export interface StoredTopic {
  readonly name: string
  readonly assignment: TopicAssignment
  /** By partition; undefined where none was ever elected. */
  readonly states: readonly (PartitionState | undefined)[]
}

/** Operations of one transaction: thousands of them would hold up everybody else. */
const OPERATIONS_MAX = 2000
const NOTHING = new Uint8Array(0)

export class ControllerStore {
  readonly #session: CoordinationSession
  /** Of this controller's term. */
  readonly epoch: number
  /** Of the broker's registration: larger than that of any life before. */
  readonly brokerEpoch: number
  readonly #epochVersion: number

  private constructor(session: CoordinationSession, epoch: number, epochVersion: number, brokerEpoch: number) {
    this.#session = session
    this.epoch = epoch
    this.#epochVersion = epochVersion
    this.brokerEpoch = brokerEpoch
  }

  /** Registers the broker and makes it controller. @throws COORDINATION_NODE_EXISTS if another one is */
  static async elect(session: CoordinationSession, brokerId: number, broker: BrokerRegistration, clock: Clock): Promise<ControllerStore> {
    const found = await session.get(CONTROLLER_EPOCH)
    const epoch = found === undefined ? 1 : decodeCount(found.bytes, CONTROLLER_EPOCH) + 1
    const roots: CoordinationOperation[] = []
    for (const path of ROOTS) if ((await session.get(path)) === undefined) roots.push({ kind: 'create', path, bytes: NOTHING })
    const results = await session.multi([
      ...roots,
      { kind: 'create', path: brokerPath(brokerId), bytes: encodeBroker(broker, clock.now()), ephemeral: true },
      { kind: 'create', path: CONTROLLER, bytes: encodeController(brokerId, clock.now()), ephemeral: true },
      found === undefined
        ? { kind: 'create', path: CONTROLLER_EPOCH, bytes: encodeCount(epoch) }
        : { kind: 'set', path: CONTROLLER_EPOCH, bytes: encodeCount(epoch), version: found.stat.version },
    ])
    const epochVersion = results.at(-1)!.stat!.version
    return new ControllerStore(session, epoch, epochVersion, results[roots.length]!.stat!.creationId)
  }

  /** Where clients reach the broker, once that is known. */
  async setBroker(brokerId: number, broker: BrokerRegistration, clock: Clock): Promise<void> {
    await this.#session.set(brokerPath(brokerId), encodeBroker(broker, clock.now()))
  }

  /** Whether no topic was ever stored. */
  async isUnused(): Promise<boolean> {
    return (await this.#session.get(TOPICS))!.stat.childVersion === 0
  }

  /** @throws BROKER_METADATA_CORRUPT */
  async topics(): Promise<StoredTopic[]> {
    const topics: StoredTopic[] = []
    for (const name of (await this.#session.children(TOPICS)) ?? []) {
      const node = await this.#session.get(topicPath(name))
      if (node === undefined) continue
      const assignment = decodeTopic(node.bytes, topicPath(name))
      const states: (PartitionState | undefined)[] = []
      for (const partition of assignment.replicas.keys()) states.push(await this.#partitionState(name, partition))
      topics.push({ name, assignment, states })
    }
    return topics
  }

  async #partitionState(topic: string, partition: number): Promise<PartitionState | undefined> {
    const path = partitionStatePath(topic, partition)
    const node = await this.#session.get(path)
    return node && decodePartitionState(node.bytes, path)
  }

  /** Topics whose deletion has been noted. */
  async deletions(): Promise<readonly string[]> {
    return (await this.#session.children(DELETIONS)) ?? []
  }

  async createTopic(topic: StoredTopic, also: readonly CoordinationOperation[] = []): Promise<void> {
    await this.#write([...this.#createOperations(topic), ...also])
  }

  /** Makes all these topics at once. */
  async adopt(topics: readonly { readonly topic: StoredTopic; readonly configs: Configs }[]): Promise<void> {
    await this.#write(
      topics.flatMap(({ topic, configs }) => [
        ...this.#createOperations(topic),
        ...(Object.keys(configs).length === 0
          ? []
          : [{ kind: 'create', path: configPath('topics', topic.name), bytes: encodeConfigs(configs) } as const]),
      ]),
    )
  }

  /** Adds the partitions that the assignment has above `before`. */
  async addPartitions({ name, assignment, states }: StoredTopic, before: number): Promise<void> {
    await this.#write([
      { kind: 'set', path: topicPath(name), bytes: encodeTopic(assignment) },
      ...states.slice(before).flatMap((state, index) => this.#createPartition(name, before + index, state)),
    ])
  }

  async setPartitionStates(
    changes: readonly { readonly topic: string; readonly partition: number; readonly state: PartitionState }[],
  ): Promise<void> {
    for (let at = 0; at < changes.length; at += OPERATIONS_MAX) {
      await this.#write(
        changes.slice(at, at + OPERATIONS_MAX).map(({ topic, partition, state }) => ({
          kind: 'set',
          path: partitionStatePath(topic, partition),
          bytes: encodePartitionState(state),
        })),
      )
    }
  }

  async noteDeletion(topic: string): Promise<void> {
    if ((await this.#session.get(deletionPath(topic))) !== undefined) return
    await this.#write([{ kind: 'create', path: deletionPath(topic), bytes: NOTHING }])
  }

  /** Takes the nodes of a topic away, and the note of its deletion. */
  async removeTopic(topic: string, also: readonly CoordinationOperation[] = []): Promise<void> {
    const operations: CoordinationOperation[] = [...also]
    const removeIfThere = async (path: string): Promise<void> => {
      if ((await this.#session.get(path)) !== undefined) operations.push({ kind: 'remove', path })
    }
    for (const partition of (await this.#session.children(partitionsPath(topic))) ?? []) {
      await removeIfThere(partitionStatePath(topic, Number(partition)))
      await removeIfThere(partitionPath(topic, Number(partition)))
    }
    await removeIfThere(partitionsPath(topic))
    await removeIfThere(topicPath(topic))
    await removeIfThere(deletionPath(topic))
    await this.#write(operations)
  }

  #createOperations({ name, assignment, states }: StoredTopic): CoordinationOperation[] {
    return [
      { kind: 'create', path: topicPath(name), bytes: encodeTopic(assignment) },
      { kind: 'create', path: partitionsPath(name), bytes: NOTHING },
      ...states.flatMap((state, partition) => this.#createPartition(name, partition, state)),
    ]
  }

  #createPartition(topic: string, partition: number, state: PartitionState | undefined): CoordinationOperation[] {
    const node: CoordinationOperation = { kind: 'create', path: partitionPath(topic, partition), bytes: NOTHING }
    if (state === undefined) return [node]
    return [node, { kind: 'create', path: partitionStatePath(topic, partition), bytes: encodePartitionState(state) }]
  }

  async #write(operations: readonly CoordinationOperation[]): Promise<void> {
    await this.#session.multi([{ kind: 'check', path: CONTROLLER_EPOCH, version: this.#epochVersion }, ...operations])
  }
}
