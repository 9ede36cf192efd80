/**
 * Finds the partitions of the chosen topics, decides where reading begins and ends, and gives each to a reader.
 *
 * 1. A partition is with exactly one of: the unassigned ones here, one reader.
 * 2. A split has the offset it begins at before it is given away or kept in a checkpoint: no restart can choose another.
 * 3. After the first look new partitions are read from their beginnings. A bounded source takes none.
 * 4. Each start from a checkpoint looks, until all is known that is named, and no topic is suspected to be gone: what has come since would not be read by a source that never looks.
 */
import type { Cancel, MillraceError } from '@millrace/core'
import type { LogClient, TopicView } from '@millrace/log/client'
import { engineError } from '../../../errors.ts'
import type { EnumeratorContext, Split, SplitEnumerator } from '../../source.ts'
import { kafkaClient } from '../cluster.ts'
import { discover, NO_SUSPECTS, type Discovery, type Suspects } from './discovery.ts'
import { endOffsets, startOffsets } from './offsets.ts'
import { CONNECTOR, type KafkaSourceSettings, type StartAt } from './options.ts'
import { Shares } from './shares.ts'
import { splitId, type KafkaEnumeratorState, type KafkaSplit, type KnownTopic, type SplitOrder, type TopicPartition } from './split.ts'

/** How long a topic that is named may take to appear. */
const TOPIC_WAIT_MS = 10_000
/** Between looks of a source that is to look only once, where once was not enough. */
const LOOK_AGAIN_MS = 5_000

export class KafkaEnumerator implements SplitEnumerator {
  readonly #context: EnumeratorContext
  readonly #settings: KafkaSourceSettings
  readonly #client: LogClient
  readonly #shares: Shares
  readonly #readers = new Set<number>()
  #topics: readonly KnownTopic[] = []
  #unassigned: KafkaSplit[] = []
  /** Ends that are new with this start of the job, by split id. */
  #ends: ReadonlyMap<string, { readonly offset: number }> = new Map()
  #suspects: Suspects = NO_SUSPECTS
  #looking: Promise<void> | undefined
  #cancelLook: Cancel | undefined
  #isClosed = false

  constructor(context: EnumeratorContext, settings: KafkaSourceSettings) {
    this.#context = context
    this.#settings = settings
    this.#client = kafkaClient(CONNECTOR, settings.cluster, context)
    this.#shares = new Shares(context.parallelism)
  }

  get #isBounded(): boolean {
    return this.#settings.end !== undefined
  }

  async start(restored: unknown): Promise<void> {
    const { stopped } = this.#context
    const giveUp = (): void => this.#client.close()
    stopped?.addEventListener('abort', giveUp)
    try {
      if (restored === undefined) await this.#begin()
      else await this.#restore(restored as KafkaEnumeratorState)
    } catch (error) {
      this.#client.close()
      throw error
    } finally {
      stopped?.removeEventListener('abort', giveUp)
    }
    this.#schedule(restored === undefined ? this.#settings.discoverEveryMs : 0)
  }

  addSplitsBack(splits: readonly Split[]): void {
    this.#keep(splits as readonly KafkaSplit[])
  }

  addReader(subtask: number): void {
    this.#readers.add(subtask)
    this.#assign()
    if (this.#isBounded) this.#context.noMoreSplits(subtask)
    else if (!this.#shares.has(subtask)) this.#context.assign(subtask, [])
  }

  snapshot(): KafkaEnumeratorState {
    return { topics: this.#topics, unassigned: [...this.#unassigned], bounded: this.#isBounded }
  }

  async close(): Promise<void> {
    this.#isClosed = true
    this.#cancelLook?.()
    this.#client.close()
    await this.#looking
  }

  async #begin(): Promise<void> {
    const { topics, added } = discover([], await this.#find(true), NO_SUSPECTS)
    if (topics.length === 0) this.#noTopic()
    this.#unassigned = await this.#splits(topics, added, this.#settings.start)
    this.#topics = topics
  }

  /** Restored splits keep the ends they have. */
  async #restore({ topics, unassigned, bounded }: KafkaEnumeratorState): Promise<void> {
    this.#topics = topics.filter(({ name }) => this.#isChosen(name))
    const { end, isolation } = this.#settings
    if (end !== undefined && !bounded) this.#ends = await endOffsets(this.#client, partitionsOf(this.#topics), end, isolation)
    this.#keep(unassigned)
  }

  /** Takes restored splits, as far as their topics are still chosen. */
  #keep(splits: readonly KafkaSplit[]): void {
    for (const split of splits) {
      if (!this.#isChosen(split.topic)) {
        const message = `${CONNECTOR}: topic ${split.topic} is not chosen any more; partition ${split.partition} stays at offset ${split.offset}`
        this.#context.report?.({ code: 'KAFKA_TOPIC_LEFT', message })
        continue
      }
      const { endOffset, ...endless } = split
      const end = this.#ends.get(split.id)?.offset ?? endOffset
      this.#unassigned.push(this.#isBounded && end !== undefined ? { ...endless, endOffset: end } : endless)
    }
  }

  #isChosen(topic: string): boolean {
    const { topics } = this.#settings
    return topics instanceof RegExp ? topics.test(topic) : topics.includes(topic)
  }

  #noTopic(): void {
    const error = engineError('KAFKA_NO_TOPIC', { pattern: String(this.#settings.topics) })
    if (this.#isBounded || this.#settings.discoverEveryMs === undefined) throw error
    this.#context.report?.({ code: 'KAFKA_NO_TOPIC', message: error.message })
  }

  /** The chosen topics that are there. @throws where one that is named is missing at the start */
  async #find(isFirst: boolean): Promise<readonly KnownTopic[]> {
    const { topics } = this.#settings
    if (topics instanceof RegExp) {
      const all = await this.#client.admin.listTopics()
      return all.filter(({ name, isInternal }) => !isInternal && topics.test(name)).map(knownTopic)
    }
    if (isFirst) return (await Promise.all(topics.map((name) => this.#client.topic(name, { waitMs: TOPIC_WAIT_MS })))).map(knownTopic)
    const found = await Promise.all(topics.map((name) => this.#client.admin.describeTopic(name).catch(missing)))
    return found.filter((topic) => topic !== undefined).map(knownTopic)
  }

  async #splits(topics: readonly KnownTopic[], added: readonly TopicPartition[], start: StartAt): Promise<KafkaSplit[]> {
    const { end, groupId, isolation } = this.#settings
    const starts = await startOffsets(this.#client, added, start, groupId, isolation)
    const ends = end === undefined ? undefined : await endOffsets(this.#client, added, end, isolation)
    const ids = new Map(topics.map(({ name, id }) => [name, id]))
    return added.map(({ topic, partition }) => {
      const id = splitId({ topic, partition })
      const split = { id, topic, topicId: ids.get(topic)!, partition, ...starts.get(id)! }
      return ends === undefined ? split : { ...split, endOffset: ends.get(id)!.offset }
    })
  }

  /** Gives what is unassigned to its readers, as far as they are up. */
  #assign(): void {
    for (const split of this.#unassigned) this.#shares.ownerOf(split)
    const given = Map.groupBy(this.#unassigned, (split) => this.#shares.ownerOf(split))
    this.#unassigned = this.#unassigned.filter((split) => !this.#readers.has(this.#shares.ownerOf(split)))
    for (const [owner, splits] of given) if (this.#readers.has(owner)) this.#context.assign(owner, splits)
  }

  #schedule(delayMs: number | undefined): void {
    if (delayMs === undefined || this.#isClosed) return
    this.#cancelLook = this.#context.clock.after(delayMs, () => {
      this.#looking = this.#look()
    })
  }

  async #look(): Promise<void> {
    try {
      await this.#discover()
    } catch (error) {
      if (this.#isClosed) return
      if (!(error as MillraceError).retry) return this.#context.fail(error)
      this.#context.report?.({ code: 'KAFKA_DISCOVERY_FAILED', message: `${CONNECTOR}: ${(error as Error).message}` })
      return this.#schedule(this.#settings.discoverEveryMs ?? LOOK_AGAIN_MS)
    }
    this.#schedule(this.#settings.discoverEveryMs ?? (this.#isSettled ? undefined : LOOK_AGAIN_MS))
  }

  /** Whether another look would find no more than what comes while the job runs. */
  get #isSettled(): boolean {
    const { topics } = this.#settings
    const isKnown = (name: string): boolean => this.#topics.some((topic) => topic.name === name)
    return this.#suspects.size === 0 && (this.#isBounded || topics instanceof RegExp || topics.every(isKnown))
  }

  async #discover(): Promise<void> {
    const found = discover(this.#topics, await this.#find(false), this.#suspects)
    this.#suspects = found.suspects
    this.#checkLost(found)
    // A bounded source has been promised to take nothing more.
    const splits = this.#isBounded ? [] : await this.#splits(found.topics, found.added, 'earliest')
    if (this.#isClosed) return
    const lost = new Map([...found.deleted, ...found.recreated].map((topic) => [topic.name, topic]))
    for (const topic of lost.values()) this.#drop(topic)
    // What a bounded source does not read stays unknown to it: it may be made to read on.
    this.#topics = this.#isBounded ? this.#topics.filter(({ name }) => !lost.has(name)) : found.topics
    this.#unassigned.push(...splits)
    this.#assign()
  }

  #checkLost({ deleted, recreated }: Discovery): void {
    if (this.#settings.onTopicLost === 'skip') return
    if (deleted[0] !== undefined) throw engineError('KAFKA_TOPIC_DELETED', { topic: deleted[0].name })
    if (recreated[0] !== undefined) throw engineError('KAFKA_TOPIC_RECREATED', { topic: recreated[0].name })
  }

  #drop(topic: KnownTopic): void {
    const message = `${CONNECTOR}: topic ${topic.name} was deleted; what had not been read of it is lost`
    this.#context.report?.({ code: 'KAFKA_TOPIC_LOST', message })
    this.#unassigned = this.#unassigned.filter((split) => split.topic !== topic.name)
    for (const at of partitionsOf([topic])) {
      const owner = this.#shares.find(at)
      this.#shares.remove(at)
      const order: SplitOrder = { id: splitId(at), order: 'drop', ...at }
      if (owner !== undefined) this.#context.assign(owner, [order])
    }
  }
}

function missing(error: unknown): undefined {
  if ((error as Partial<MillraceError>).code !== 'CLIENT_TOPIC_UNKNOWN') throw error
}

function knownTopic({ name, id, partitions }: TopicView): KnownTopic {
  return { name, id: id.every((byte) => byte === 0) ? '' : Buffer.from(id).toString('hex'), partitions: partitions.length }
}

function partitionsOf(topics: readonly KnownTopic[]): readonly TopicPartition[] {
  return topics.flatMap(({ name: topic, partitions }) => Array.from({ length: partitions }, (_, partition) => ({ topic, partition })))
}
