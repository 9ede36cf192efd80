/**
 * The cluster as calls see it: links to its brokers, and metadata that is refreshed when it is old, wrong, or asked for.
 *
 * 1. One refresh at a time; topics asked for meanwhile go into the next one.
 * 2. Refreshes that were brought about by errors keep `retryBackoffMs` between them.
 * 3. A broker is asked over one link a lane ('control', 'produce', 'fetch', a group, …): a long poll holds up its own lane only.
 * 4. When no broker that is known answers, the bootstrap brokers are asked again.
 */
import type { MillraceError } from '@millrace/core'
import { ERROR_CODE, errorCode, type ApiName, type ApiRequestToSend, type ApiResponse } from '../../protocol/index.ts'
import { formatAddress } from '../connection/address.ts'
import { backoffMs } from '../connection/backoff.ts'
import { BrokerLink, type AskOptions } from '../connection/broker-link.ts'
import { clientError, refusal } from '../errors.ts'
import type { ClientSettings } from '../options.ts'
import { Waits, type Wait } from '../waits.ts'
import { ClusterView, type PartitionView, type TopicView } from './cluster-view.ts'

export class Cluster {
  readonly settings: ClientSettings
  readonly view: ClusterView = new ClusterView()
  readonly waits: Waits
  readonly #links = new Map<string, BrokerLink>()
  readonly #seeds: readonly BrokerLink[]
  readonly #wanted = new Set<string>()
  readonly #autoCreate = new Set<string>()
  readonly #listeners = new Set<() => void>()
  readonly #dependants = new Set<() => void>()
  /** Waits that end when the client does. */
  readonly #sleepers = new Set<() => void>()
  #refreshing: { readonly topics: readonly string[] | null; readonly done: Promise<void> } | undefined
  /** Who waits for their turn to ask. */
  #waiting = 0
  #refreshedAtMs = Number.NEGATIVE_INFINITY
  /** Why the cluster did not say what it was last asked; undefined where it did. */
  refreshProblem: MillraceError | undefined
  #isClosed = false

  constructor(settings: ClientSettings) {
    this.settings = settings
    this.waits = new Waits(settings.clock, settings.logger)
    this.#seeds = settings.bootstrap.map((address) => new BrokerLink(settings, this.waits, address, undefined))
  }

  get isClosed(): boolean {
    return this.#isClosed
  }

  /** Called after each refresh; answers how to be called no more. */
  onRefresh(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** Called when the client is closed: what it made ends with it, also what waits or would try again. Answers how to be called no more. */
  onClose(end: () => void): () => void {
    this.#dependants.add(end)
    return () => this.#dependants.delete(end)
  }

  /** @throws `CLIENT_CLOSED`, `CLIENT_NO_BROKER` */
  link(nodeId: number, lane = 'control'): BrokerLink {
    this.#checkOpen()
    const node = this.view.nodes.get(nodeId)
    if (node === undefined) throw clientError('CLIENT_NO_BROKER', { brokers: `${nodeId}`, problem: 'the cluster does not list it' })
    const key = `${nodeId} ${lane}`
    const known = this.#links.get(key)
    if (known !== undefined && known.address.host === node.host && known.address.port === node.port) return known
    known?.close()
    const link = new BrokerLink(this.settings, this.waits, node, nodeId)
    this.#links.set(key, link)
    return link
  }

  /** Ends the connections of a lane that nobody uses any more. */
  closeLane(lane: string): void {
    for (const [key, link] of this.#links) {
      if (key.slice(key.indexOf(' ') + 1) !== lane) continue
      link.close()
      this.#links.delete(key)
    }
  }

  /** 'host:port (id)' of a broker, for errors. */
  describe(nodeId: number): string {
    const node = this.view.nodes.get(nodeId)
    return node === undefined ? `${nodeId}` : `${formatAddress(node)} (${nodeId})`
  }

  ask<N extends ApiName>(
    nodeId: number,
    api: N,
    request: ApiRequestToSend<N>,
    options?: AskOptions,
    lane?: string,
  ): Promise<ApiResponse<N>> {
    return this.link(nodeId, lane).ask(api, request, options)
  }

  /** Asks any broker: those with a connection first, the bootstrap brokers last. @throws `CLIENT_NO_BROKER`, and what is not about a connection */
  async askAny<N extends ApiName>(api: N, request: ApiRequestToSend<N>, options?: AskOptions): Promise<ApiResponse<N>> {
    let problem: MillraceError | undefined
    for (const link of this.#anyLinks()) {
      try {
        const response = await link.ask(api, request, options)
        if (!this.waits.isEmpty) this.waits.over('answer to', api)
        return response
      } catch (error) {
        problem = error as MillraceError
        if (!problem.retry) throw error
        // Of connections that could not be made their links tell.
        if (problem.code !== 'CLIENT_CONNECT') this.waits.failed('answer to', api, problem.message)
      }
    }
    throw clientError('CLIENT_NO_BROKER', { brokers: this.brokers, problem: problem?.message ?? 'none is known' }, problem)
  }

  /** All that are known, 'a:9092, b:9092', for errors. */
  get brokers(): string {
    return [...new Set([...this.view.nodes.values(), ...this.settings.bootstrap].map(formatAddress))].join(', ')
  }

  #anyLinks(): readonly BrokerLink[] {
    this.#checkOpen()
    const links = [...this.view.nodes.keys()].map((id) => this.link(id))
    const rank = (link: BrokerLink): number => (link.open === undefined ? 1 + link.failures : 0)
    return [...links.toSorted((a, b) => rank(a) - rank(b)), ...this.#seeds]
  }

  /** Any broker's id; the cluster is asked who is there where nothing is known yet. */
  async nodeIds(): Promise<readonly number[]> {
    if (this.view.nodes.size === 0) await this.patiently(() => this.refresh([]))
    return [...this.view.nodes.keys()]
  }

  async clusterId(): Promise<string> {
    if (this.view.clusterId === null) await this.patiently(() => this.refresh([]))
    return this.view.clusterId ?? ''
  }

  /**
   * The topic, known for sure: asked for until the cluster has it, or `apiTimeoutMs` have passed.
   * @throws `CLIENT_TOPIC_UNKNOWN`, `CLIENT_REFUSED`, `CLIENT_NO_BROKER`
   */
  async topic(name: string, options: { readonly waitMs?: number; readonly autoCreate?: boolean } = {}): Promise<TopicView> {
    if (options.autoCreate === true) this.#autoCreate.add(name)
    const deadlineMs = this.settings.clock.monotonic() + (options.waitMs ?? this.settings.apiTimeoutMs)
    let wait: Wait | undefined
    try {
      for (let attempt = 1; ; attempt++) {
        const known = this.view.isStale(name) ? undefined : this.view.topic(name)
        if (known !== undefined && !this.#isOld()) return known
        const problem = await this.#tryRefresh([name])
        const found = this.view.topic(name)
        if (found !== undefined && problem === undefined) return found
        const { errorCode: code = ERROR_CODE.UNKNOWN_TOPIC_OR_PARTITION } = this.view.problem(name) ?? {}
        const final = problem ?? topicProblem(name, code, this.settings.bootstrap.map(formatAddress).join(', '))
        if (!final.retry || this.settings.clock.monotonic() >= deadlineMs) throw final
        if (problem === undefined) wait ??= this.waits.begin('topic', name, this.view.topicProblem(name))
        await this.backOff(attempt)
      }
    } finally {
      wait?.end(true)
    }
  }

  /** @throws as `topic`, and `CLIENT_PARTITION_UNKNOWN`, `CLIENT_NO_LEADER` */
  async leader(topic: string, partition: number): Promise<PartitionView> {
    const deadlineMs = this.settings.clock.monotonic() + this.settings.apiTimeoutMs
    let wait: Wait | undefined
    try {
      for (let attempt = 1; ; attempt++) {
        const { partitions } = await this.topic(topic)
        const view = partitions[partition]
        if (view !== undefined && view.leader >= 0 && this.view.nodes.has(view.leader)) return view
        if (this.settings.clock.monotonic() >= deadlineMs) {
          if (view === undefined) throw clientError('CLIENT_PARTITION_UNKNOWN', { topic, partition, count: partitions.length })
          throw clientError('CLIENT_NO_LEADER', { topic, partition })
        }
        wait ??= this.waits.begin('leader of', `${topic}-${partition}`, this.view.leaderProblem(topic, partition))
        this.view.invalidate(topic, partition)
        await this.backOff(attempt)
      }
    } finally {
      wait?.end(true)
    }
  }

  /** Why nothing that is tried again could find the topic, as the cluster last said: it may not be read. */
  refusalOf(topic: string): MillraceError | undefined {
    const problem = this.view.problem(topic)
    if (problem === undefined) return undefined
    const error = topicProblem(topic, problem.errorCode, this.brokers)
    return error.retry ? undefined : error
  }

  /** Has the topic refreshed soon; failures are tried again by whoever still needs it. `autoCreate`: a cluster that makes topics on demand may make it. */
  want(topic: string, autoCreate = false): void {
    this.#wanted.add(topic)
    if (autoCreate) this.#autoCreate.add(topic)
    this.#refreshWanted()
  }

  /** Has all that is known looked up again once it is older than `metadataMaxAgeMs`: for whoever goes by it without asking each time. */
  keepFresh(): void {
    const wasRefreshed = this.#refreshedAtMs > Number.NEGATIVE_INFINITY
    if (wasRefreshed && this.#isOld() && this.#refreshing === undefined && !this.#isClosed) void this.#tryRefresh([])
  }

  #refreshWanted(): void {
    if (this.#refreshing === undefined && this.#wanted.size > 0 && !this.#isClosed) void this.#tryRefresh([])
  }

  /** Asks the cluster for these topics, or all with null. @throws `CLIENT_NO_BROKER`, `CLIENT_CLOSED` */
  async refresh(topics: readonly string[] | null): Promise<void> {
    this.#checkOpen()
    while (this.#refreshing !== undefined) {
      const { done, topics: asked } = this.#refreshing
      const isCovered = topics !== null && asked !== null && topics.every((name) => asked.includes(name))
      if (isCovered && topics.length > 0) return await done
      this.#waiting++
      await done.catch(() => undefined)
      this.#waiting--
    }
    const old = this.#isOld() ? [...this.view.topics()].map(({ name }) => name) : []
    const names = topics === null ? null : [...new Set([...topics, ...this.#wanted, ...old])]
    this.#wanted.clear()
    const done = this.#refreshNow(names)
    this.#refreshing = { topics: names, done }
    try {
      await done
    } finally {
      this.#refreshing = undefined
      // Who waits asks for what is wanted as well; where something is always wanted its turn would never come.
      if (this.#waiting === 0) this.#refreshWanted()
    }
  }

  /** Does again what a retry may mend, for `apiTimeoutMs`: for questions, and for what may be done twice. @throws the last problem */
  async patiently<T>(work: () => Promise<T>): Promise<T> {
    const deadlineMs = this.settings.clock.monotonic() + this.settings.apiTimeoutMs
    for (let attempt = 1; ; attempt++) {
      try {
        return await work()
      } catch (error) {
        if (!(error as MillraceError).retry || this.settings.clock.monotonic() >= deadlineMs || this.#isClosed) throw error
        await this.backOff(attempt)
      }
    }
  }

  /** Waits before attempt `attempt` + 1, longer each time; ends early when the client is closed. */
  backOff(attempt: number): Promise<void> {
    const { retryBackoffMs, retryBackoffMaxMs, random } = this.settings
    return this.sleep(backoffMs(attempt, retryBackoffMs, retryBackoffMaxMs, random))
  }

  sleep(delayMs: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    const wake = (): void => {
      cancel()
      this.#sleepers.delete(wake)
      resolve()
    }
    const cancel = this.settings.clock.after(delayMs, wake)
    this.#sleepers.add(wake)
    if (this.#isClosed) wake()
    return promise
  }

  close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    for (const end of this.#dependants) end()
    this.waits.close()
    for (const link of [...this.#links.values(), ...this.#seeds]) link.close()
    for (const wake of this.#sleepers) wake()
  }

  #checkOpen(): void {
    if (this.#isClosed) throw clientError('CLIENT_CLOSED', { what: 'client' })
  }

  #isOld(): boolean {
    return this.settings.clock.monotonic() - this.#refreshedAtMs > this.settings.metadataMaxAgeMs
  }

  async #tryRefresh(topics: readonly string[]): Promise<MillraceError | undefined> {
    try {
      await this.refresh(topics)
      return undefined
    } catch (error) {
      return (this.refreshProblem = error as MillraceError)
    }
  }

  async #refreshNow(names: readonly string[] | null): Promise<void> {
    const sinceMs = this.settings.clock.monotonic() - this.#refreshedAtMs
    const { retryBackoffMs } = this.settings
    if (
      sinceMs < retryBackoffMs &&
      names !== null &&
      names.some((name) => this.view.problem(name) !== undefined || this.view.isStale(name))
    ) {
      await this.sleep(retryBackoffMs - sinceMs)
      this.#checkOpen()
    }
    const topics = names?.map((name) => ({ name })) ?? null
    const missing = names?.filter((name) => this.view.topic(name) === undefined) ?? []
    const allowAutoTopicCreation = missing.length > 0 && missing.every((name) => this.#autoCreate.has(name))
    const response = await this.askAny('Metadata', { topics, allowAutoTopicCreation })
    if (response.errorCode === ERROR_CODE.REBOOTSTRAP_REQUIRED) this.view.nodes.clear()
    this.view.apply(response, names)
    this.#refreshedAtMs = this.settings.clock.monotonic()
    this.refreshProblem = undefined
    for (const listener of this.#listeners) listener()
  }
}

function topicProblem(name: string, code: number, broker: string): MillraceError {
  if (code === ERROR_CODE.UNKNOWN_TOPIC_OR_PARTITION || code === ERROR_CODE.LEADER_NOT_AVAILABLE) {
    return clientError('CLIENT_TOPIC_UNKNOWN', { topic: name, error: errorCode(code).name })
  }
  return refusal({ api: 'Metadata', subject: `topic ${name}`, broker, errorCode: code, details: { topic: name } })
}
