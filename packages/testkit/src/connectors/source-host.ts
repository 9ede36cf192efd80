import { deepEqual, equal, ok } from 'node:assert/strict'
import type { ConnectorNotice, Source, SourceOutput, SourceReader, Split, SplitEnumerator } from '@millrace/engine'
import type { MachinePorts, TestMachine } from './machine.ts'
import { throughCheckpoint } from './plain-data.ts'

/** All of a source that a checkpoint keeps. */
export interface SourceSnapshot {
  readonly enumerator: unknown
  readonly splits: readonly Split[]
}

/** More than this from one `poll` keeps a task from its other work for too long. */
const recordsPerPollMax = 1_000

interface HostedReader<T> {
  readonly reader: SourceReader<T>
  /** Calls on the reader that are under way, as they would be between two processes. */
  readonly mail: (() => void)[]
  mayPoll: boolean
  hasEnded: boolean
  /** What it answered last. */
  answer: 'more' | 'wait' | 'end' | 'nothing yet'
  hasAllSplits: boolean
}

/**
 * One life of a source: its enumerator and its readers, driven as a runtime drives them.
 *
 * 1. A reader that has answered `wait` is polled again only after it woke its task or was given splits.
 * 2. What has been assigned is with its reader before a snapshot is taken; else it comes in its order, but some time later and not all at once.
 * 3. A reader emits while it is polled, and at no other time.
 * 4. Now and then it is told after a few records that it is enough.
 */
export class SourceHost<T> {
  readonly emitted: { readonly value: T; readonly subtask: number }[] = []
  readonly notices: ConnectorNotice[] = []
  /** Polls that went on when it was enough. */
  overran = 0
  readonly #machine: TestMachine
  readonly #enumerator: SplitEnumerator
  readonly #readers: HostedReader<T>[]
  readonly #snapshots: { readonly given: unknown; readonly copy: unknown; readonly what: string }[] = []
  #polled: number | undefined
  #failure: { readonly error: unknown } | undefined

  constructor(source: Source<T>, machine: TestMachine, ports: MachinePorts, parallelism: number) {
    this.#machine = machine
    const fail = (error: unknown): void => void (this.#failure ??= { error })
    const report = (notice: ConnectorNotice): void => void this.notices.push(notice)
    this.#readers = Array.from({ length: parallelism }, (_, subtask) => {
      const wake = (): void => {
        if (this.#readers[subtask] !== undefined) this.#readers[subtask].mayPoll = true
      }
      return {
        reader: source.createReader({ ...ports, subtask, parallelism, wake, fail, report }),
        mail: [],
        mayPoll: true,
        hasEnded: false,
        answer: 'nothing yet',
        hasAllSplits: false,
      }
    })
    this.#enumerator = source.createEnumerator({
      ...ports,
      parallelism,
      fail,
      report,
      assign: (subtask, splits) => {
        const { reader, mail } = this.#reader(subtask)
        const copy = throughCheckpoint(splits, `what the enumerator assigns to subtask ${subtask}`)
        // A reader may be given splits at any time, so one by one as well as together.
        const cuts = this.#machine.random.chance(0.5) ? copy.map((split) => [split]) : [copy]
        for (const part of cuts) if (part.length > 0) mail.push(() => reader.addSplits(part))
      },
      noMoreSplits: (subtask) => {
        const hosted = this.#reader(subtask)
        hosted.mail.push(() => {
          hosted.hasAllSplits = true
          hosted.reader.noMoreSplits()
        })
      },
    })
  }

  get hasEnded(): boolean {
    return this.#readers.every((hosted) => hosted.hasEnded)
  }

  async start(restored: SourceSnapshot | undefined): Promise<void> {
    const snapshot = structuredClone(restored)
    for (const { reader } of this.#readers) await this.#machine.run(Promise.resolve(reader.open?.()))
    await this.#machine.run(Promise.resolve(this.#enumerator.start(snapshot?.enumerator)))
    if (snapshot !== undefined) this.#enumerator.addSplitsBack(snapshot.splits)
    for (const subtask of this.#readers.keys()) this.#enumerator.addReader(subtask)
    this.check()
  }

  /** Delivers mail to one subtask, perhaps a part of it, and polls it; answers whether it may have got further. */
  step(subtask: number): boolean {
    const hosted = this.#reader(subtask)
    const { random } = this.#machine
    this.#deliver(hosted, random.chance(0.5) ? hosted.mail.length : random.between(0, hosted.mail.length))
    if (!hosted.mayPoll || hosted.hasEnded) return false
    const before = this.emitted.length
    hosted.mayPoll = false
    const answer = this.#poll(hosted, subtask)
    const count = this.emitted.length - before
    ok(
      count <= recordsPerPollMax,
      `one poll has emitted ${count} records, while nothing else of the task can run: a few hundred are enough, then answer 'more'`,
    )
    if (answer === 'more') hosted.mayPoll = true
    if (answer === 'end') this.#end(hosted)
    this.check()
    return true
  }

  snapshot(): SourceSnapshot {
    for (const hosted of this.#readers) this.#deliver(hosted)
    const splits = this.#readers.flatMap(({ reader }, subtask) =>
      this.#keep(reader.snapshot(), `snapshot() of the reader of subtask ${subtask}`),
    )
    const ids = splits.map(({ id }) => id)
    const twice = ids.filter((id, index) => ids.indexOf(id) < index)
    ok(
      twice.length === 0,
      `two splits have the same id, ${twice[0]}: either ids are not unique, or a split was assigned although a reader had it`,
    )
    return { enumerator: this.#keep(this.#enumerator.snapshot(), 'snapshot() of the enumerator'), splits }
  }

  checkpointComplete(checkpointId: number): void {
    for (const { reader } of this.#readers) reader.checkpointComplete?.(checkpointId)
  }

  /** Throws what the source failed its task with. */
  check(): void {
    if (this.#failure !== undefined) throw this.#failure.error
  }

  /** What each reader is about, for whoever finds that nothing comes. */
  describe(): string {
    const states = this.#readers.map(({ hasEnded, answer, mayPoll, hasAllSplits }, subtask) => {
      if (hasEnded) return `reader ${subtask} has ended`
      const said = `reader ${subtask} has answered ${answer === 'nothing yet' ? answer : `'${answer}'`}`
      if (answer === 'wait' && !mayPoll)
        return `${said} and not called wake since${hasAllSplits ? '' : ', and noMoreSplits was not called for it'}`
      return `${said}${answer === 'more' ? ", though it has nothing to emit: that is for 'wait', and wake" : ''}`
    })
    return states.join('; ')
  }

  async close(): Promise<void> {
    for (const { given, copy, what } of this.#snapshots) deepEqual(given, copy, `${what} changed after it was given: answer a copy`)
    for (const { reader } of this.#readers) await this.#machine.run(Promise.resolve(reader.close()))
    await this.#machine.run(Promise.resolve(this.#enumerator.close()))
  }

  #reader(subtask: number): HostedReader<T> {
    const hosted = this.#readers[subtask]
    ok(hosted !== undefined, `there is no subtask ${subtask}`)
    return hosted
  }

  #poll(hosted: HostedReader<T>, subtask: number): 'more' | 'wait' | 'end' {
    const { random } = this.#machine
    const enoughAt = this.emitted.length + (random.chance(0.3) ? random.between(1, 20) : Infinity)
    const isEnough = (): boolean => this.emitted.length >= enoughAt
    this.#polled = subtask
    try {
      const output: SourceOutput<T> = {
        emit: (value) => this.#emit(value, subtask),
        get enough() {
          return isEnough()
        },
      }
      hosted.answer = hosted.reader.poll(output)
      if (this.emitted.length > enoughAt) this.overran++
      return hosted.answer
    } finally {
      this.#polled = undefined
    }
  }

  #emit(value: T, subtask: number): void {
    if (this.#polled !== subtask)
      this.#failure ??= {
        error: new Error(`the reader of subtask ${subtask} emits while it is not polled: keep what has come, call wake, and emit in poll`),
      }
    else this.emitted.push({ value, subtask })
  }

  #deliver(hosted: HostedReader<T>, count: number = hosted.mail.length): void {
    for (const call of hosted.mail.splice(0, count)) {
      ok(!hosted.hasEnded, `a reader answered 'end' before noMoreSplits was called: splits may still come, so answer 'wait'`)
      call()
      hosted.mayPoll = true
    }
  }

  #end(hosted: HostedReader<T>): void {
    const before = this.emitted.length
    equal(this.#poll(hosted, this.#readers.indexOf(hosted)), 'end', `a reader that answered 'end' goes on`)
    equal(this.emitted.length, before, `a reader that answered 'end' emits`)
    const left = hosted.reader.snapshot().filter(({ ended }) => ended !== true)
    deepEqual(left, [], `a reader that answered 'end' still holds splits that have not ended`)
    hosted.hasEnded = true
  }

  #keep<V>(given: V, what: string): V {
    const copy = throughCheckpoint(given, what)
    this.#snapshots.push({ given, copy: structuredClone(copy), what })
    return copy
  }
}
