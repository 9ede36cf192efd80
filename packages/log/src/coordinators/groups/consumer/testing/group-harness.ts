/** The store of all groups on a clock that a test moves, its log in memory. Every record passes through its bytes. */
import type { Clock, Random } from '@millrace/core'
import type { Facts, Ticket } from '../../../framework/index.ts'
import { applyGroupRecord, groupRecordFormat, newGroupState, type GroupOperation, type GroupState } from '../../group-store.ts'
import type { ClassicGroupSettings } from '../../classic/settings.ts'
import type { ConsumerGroupConfig } from '../decision.ts'
import { migrationPolicy, type ConsumerGroupEnvironment } from '../environment.ts'
import { RegexTopics } from '../regex-topics.ts'
import type { TopicsAtHand } from './topics-at-hand.ts'

interface LoggedRecord {
  readonly key: Uint8Array
  readonly value: Uint8Array | null
}

export class GroupHarness {
  readonly state: GroupState = newGroupState()
  readonly log: LoggedRecord[] = []
  readonly environment: ConsumerGroupEnvironment
  config: ConsumerGroupConfig = {
    heartbeatIntervalMs: 5000,
    sessionTimeoutMs: 45_000,
    maxSize: 1000,
    assignors: ['uniform', 'range'],
    regexRefreshIntervalMs: 600_000,
  }
  classicSettings: ClassicGroupSettings = {
    initialRebalanceDelayMs: 0,
    minSessionTimeoutMs: 1,
    maxSessionTimeoutMs: 1_000_000,
    maxSize: 1000,
  }
  policy = 'bidirectional'
  nowMs = 1_000_000
  readonly #random: Random
  readonly #timers = new Map<string, { readonly deadlineMs: number; readonly operation: GroupOperation<void> }>()
  readonly #replies = new Map<number, unknown>()
  #tickets = 0

  constructor(topics: TopicsAtHand, random: Random) {
    this.#random = random
    const clock: Clock = {
      now: () => this.nowMs,
      monotonic: () => this.nowMs,
      after: () => () => undefined,
      soon: (callback) => {
        callback()
        return () => undefined
      },
    }
    this.environment = {
      topics,
      regexes: new RegexTopics(topics, clock),
      migration: () => migrationPolicy(this.policy),
      configOf: () => this.config,
      classicSettings: () => this.classicSettings,
    }
  }

  get facts(): Facts {
    return { nowMs: this.nowMs, monotonicMs: this.nowMs, random: this.#random }
  }

  get timerCount(): number {
    return this.#timers.size
  }

  /** Runs the operation; gives the ticket under which its reply is, or will be. */
  submit<T>(operation: GroupOperation<T>): Ticket<T> {
    const ticket: Ticket<T> = { id: ++this.#tickets }
    this.#run(operation, ticket)
    return ticket
  }

  /** The reply that the ticket has got by now. */
  reply<T>(ticket: Ticket<T>): T | undefined {
    return this.#replies.get(ticket.id) as T | undefined
  }

  ask<T>(operation: GroupOperation<T>): T {
    return this.reply(this.submit(operation)) as T
  }

  /** Lets time pass; what is due runs in its order. */
  advance(ms: number): void {
    const untilMs = this.nowMs + ms
    for (;;) {
      const due = [...this.#timers]
        .filter(([, { deadlineMs }]) => deadlineMs <= untilMs)
        .sort((one, other) => one[1].deadlineMs - other[1].deadlineMs)[0]
      if (due === undefined) break
      const [key, { deadlineMs, operation }] = due
      this.#timers.delete(key)
      this.nowMs = Math.max(this.nowMs, deadlineMs)
      this.#run(operation, { id: 0 })
    }
    this.nowMs = untilMs
  }

  /** What a broker reads that starts now. @param log the log, or what compaction left of it */
  replayed(log: readonly LoggedRecord[] = this.log): GroupState {
    const state = newGroupState()
    for (const [index, record] of log.entries()) apply(state, record, index, this.nowMs)
    return state
  }

  /** The log as compaction leaves it: the last record of each key, tombstones or not. */
  compacted(keepsTombstones: boolean): LoggedRecord[] {
    const last = new Map(this.log.map((record) => [Buffer.from(record.key).toString('hex'), record]))
    return this.log.filter((record) => {
      if (last.get(Buffer.from(record.key).toString('hex')) !== record) return false
      return keepsTombstones || record.value !== null
    })
  }

  #run<T>(operation: GroupOperation<T>, ticket: Ticket<T>): void {
    const { records = [], remember, answers = [], timers = [] } = operation(this.state, this.facts, ticket)
    for (const record of records) {
      const encoded = groupRecordFormat.encode(record)
      apply(this.state, encoded, this.log.length, this.nowMs)
      this.log.push(encoded)
    }
    remember?.(this.state)
    for (const { ticket: answered, reply } of answers) this.#replies.set(answered.id, reply)
    for (const change of timers) {
      if (change.delayMs === undefined) this.#timers.delete(change.key)
      else this.#timers.set(change.key, { deadlineMs: this.nowMs + change.delayMs, operation: change.operation })
    }
  }
}

function apply(state: GroupState, { key, value }: LoggedRecord, order: number, timestampMs: number): void {
  const record = groupRecordFormat.decode(key, value)
  if (record !== undefined) applyGroupRecord(state, record, { order, timestampMs, producer: undefined })
}
