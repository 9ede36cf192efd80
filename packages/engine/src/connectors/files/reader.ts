import { engineError } from '../../errors.ts'
import { LineCutter } from '../lines/line-cutter.ts'
import type { ReaderContext, SourceOutput, SourceReader, Split, SplitOutput } from '../source.ts'
import type { Chunk, ContentStream } from './content.ts'
import { fingerprintBytesMax, fingerprintOf } from './fingerprint.ts'
import { GrowthChecks } from './growth-checks.ts'
import type { FileSplit } from './split.ts'
import { TailOpener, type TailOpenerOptions } from './tail-opener.ts'
import { TailQueue } from './tail-queue.ts'
import { Tail } from './tail.ts'

/** Emits what becomes of a line, if anything. */
export type EmitLine<T> = (output: SplitOutput<T>, line: string, place: LinePlace) => void

/** Where the line stood that is being read; changes with the next one. The offset is only computed when asked for. */
export interface LinePlace {
  readonly file: string
  /** Bytes before the line, in the decompressed content. */
  readonly offset: number
}

export interface FileReaderOptions<T> extends TailOpenerOptions {
  readonly encoding: 'utf8' | 'latin1'
  readonly lineBytesMax: number
  readonly overlong: 'fail' | 'skip' | 'truncate'
  readonly rotatedForMs: number
  readonly emit: EmitLine<T>
}

const linesPerPoll = 256
/** A file that grows as fast as it is read makes way for others after so many chunks. */
const chunksPerTurn = 64

/**
 * Reads its files line by line, one at a time.
 *
 * 1. One tail is active; its offset is the cutter's, that of all others is their own. An offset is always the beginning of a line
 *    that has not been emitted.
 * 2. A line without an end is emitted only when nothing can follow it any more.
 * 3. All that waits (disk, timers) runs in the background and ends with `wake`.
 * 4. Where a file stood that was read to its end is kept, unless it was followed: whoever follows it later reads on there. That is as much as there are files that were found.
 * 5. All its files have one event time, in the order in which they are read. While there is none for it, which it has been told, it holds nobody's time back.
 */
export class FileReader<T> implements SourceReader<T> {
  readonly timesSplits = true
  readonly #context: ReaderContext
  readonly #options: FileReaderOptions<T>
  readonly #cutter: LineCutter
  readonly #place: LinePlace
  readonly #tails: TailQueue = new TailQueue()
  readonly #opener: TailOpener
  readonly #checks: GrowthChecks
  readonly #ended: FileSplit[] = []
  #active: Tail | undefined
  #stream: ContentStream | undefined
  /** The beginning of the file, as far as the fingerprint covers it. */
  #head: Buffer = Buffer.alloc(0)
  /** Where the last chunk ends. */
  #endOffset = 0
  #chunks = 0
  #lastPath = ''
  /** The line before the one that comes next had no end when it was given. */
  #unended = false
  #ends = false
  /** Whether all files that there are for it have been assigned once. */
  #isAssigned = false
  /** Of all its files; undefined while it has none, and outside of the runtime. */
  #timed: SplitOutput<T> | undefined
  #isTimeless = false
  #isClosed = false
  #background: Promise<void> | undefined

  constructor(context: ReaderContext, options: FileReaderOptions<T>) {
    this.#context = context
    this.#options = options
    this.#opener = new TailOpener(context, options, this.#tails)
    this.#checks = new GrowthChecks(context, this.#tails, options.rotatedForMs)
    const { encoding, lineBytesMax, overlong } = options
    const cutter = new LineCutter({ encoding, lineBytesMax, overlong, onOverlong: (offset) => this.#onOverlong(offset) })
    this.#cutter = cutter
    const path = (): string => this.#lastPath
    this.#place = {
      get file() {
        return path()
      },
      get offset() {
        return cutter.lineOffset()
      },
    }
  }

  addSplits(splits: readonly Split[]): void {
    for (const split of splits as readonly FileSplit[]) this.#tails.add(new Tail(split))
    this.#isAssigned = true
    this.#context.wake()
  }

  noMoreSplits(): void {
    this.#ends = true
    this.#context.wake()
  }

  poll(output: SourceOutput<T>): 'more' | 'wait' | 'end' {
    this.#keepTime(output)
    if (this.#stream === undefined) return this.#next()
    const { emit } = this.#options
    const place = this.#place
    const timed = this.#timed ?? output
    for (let count = 0; count < linesPerPoll; count++) {
      const line = this.#cutter.next()
      if (line !== undefined) {
        if (this.#unended && this.#isEndOfGiven(line)) continue
        emit(timed, line, place)
        if (output.enough === true) break
      } else {
        const answer = this.#load(timed)
        if (answer !== undefined) return answer
      }
    }
    return 'more'
  }

  snapshot(): readonly FileSplit[] {
    const open = this.#tails.all.map((tail) =>
      tail.split(tail === this.#active && this.#stream !== undefined ? this.#cutter.offset() : tail.offset),
    )
    return [...open, ...this.#ended]
  }

  position(): string {
    return this.#lastPath === '' ? '' : `${this.#lastPath}:${this.#cutter.lineOffset()}`
  }

  async close(): Promise<void> {
    this.#isClosed = true
    const checked = this.#checks.close()
    await this.#background
    await checked
    await this.#stream?.close()
    for (const tail of this.#tails.all) await tail.content?.close().catch(() => {})
  }

  #keepTime(output: SourceOutput<T>): void {
    if (this.#tails.all.length > 0) {
      this.#timed ??= output.ofSplit?.('files', () => this.#stream !== undefined || this.#tails.anyReady)
      this.#isTimeless = false
    } else if (this.#options.follow && this.#isAssigned && !this.#isTimeless) {
      const timed = this.#timed ?? output.ofSplit?.('files')
      timed?.close?.()
      this.#timed = undefined
      this.#isTimeless = true
    }
  }

  /** Begins with the next tail that may be read, in the background. */
  #next(): 'wait' | 'end' {
    if (this.#active !== undefined || this.#background !== undefined) return 'wait'
    // What is open can be read to its end, whatever becomes of its names meanwhile.
    const closed = this.#options.follow ? this.#tails.all.find(({ content }) => content === undefined) : undefined
    if (closed !== undefined) {
      this.#run(async () => void (await this.#opener.open(closed)))
      return 'wait'
    }
    const tail = this.#tails.next
    if (tail === undefined) {
      this.#checks.schedule()
      return this.#ends && this.#tails.all.length === 0 ? 'end' : 'wait'
    }
    tail.phase = 'active'
    this.#active = tail
    this.#run(() => this.#begin(tail))
    return 'wait'
  }

  #run(work: () => Promise<void>): void {
    const running = (async (): Promise<void> => {
      try {
        await work()
      } catch (error) {
        if (!this.#isClosed) this.#context.fail(error)
      }
      this.#background = undefined
      this.#context.wake()
    })()
    this.#background = running
  }

  async #begin(tail: Tail): Promise<void> {
    const content = await this.#opener.open(tail)
    if (content === undefined || this.#isClosed) {
      this.#active = undefined
      return
    }
    tail.isOutdated = false
    tail.seenModifiedMs = (await content.stat()).modifiedMs
    this.#head = Buffer.from(await content.head(fingerprintBytesMax))
    if (this.#head.length > tail.fingerprint.bytes) tail.fingerprint = fingerprintOf(this.#head)
    this.#cutter.reset(tail.offset)
    this.#endOffset = tail.offset
    this.#chunks = 0
    this.#unended = tail.unended
    this.#lastPath = tail.path
    this.#stream = content.stream(tail.offset, () => this.#context.wake())
  }

  /** Gives the cutter more, or says how to go on without. */
  #load(output: SplitOutput<T>): 'more' | 'wait' | undefined {
    const tail = this.#active!
    if (this.#options.follow && this.#chunks >= chunksPerTurn && this.#tails.anyReady) {
      this.#leave(tail, 'ready')
      this.#tails.moveToEnd(tail)
      return 'more'
    }
    const chunk = this.#stream!.take()
    if (chunk === undefined) return 'wait'
    if (chunk !== 'end') {
      this.#chunks++
      this.#endOffset = chunk.offset + chunk.bytes.length
      if (this.#head.length < fingerprintBytesMax) this.#extendHead(tail, chunk)
      this.#cutter.load(chunk.bytes, chunk.offset)
      return undefined
    }
    this.#reachEnd(tail, output)
    return 'more'
  }

  /** A young file's fingerprint covers all that was read of it. */
  #extendHead(tail: Tail, { bytes, offset }: Chunk): void {
    const known = this.#head.length
    if (offset > known || offset + bytes.length <= known) return
    this.#head = Buffer.concat([this.#head, bytes.subarray(known - offset, fingerprintBytesMax - offset)])
    tail.fingerprint = fingerprintOf(this.#head)
  }

  #reachEnd(tail: Tail, output: SplitOutput<T>): void {
    const isLast = !this.#options.follow || tail.detached || tail.isFinal || tail.content!.isCompressed
    if (!isLast) {
      this.#checks.begin(tail)
      return this.#leave(tail, tail.isOutdated ? 'ready' : 'idle')
    }
    const isUnended = this.#cutter.offset() < this.#endOffset || (tail.unended && this.#endOffset === tail.offset)
    const rest = this.#cutter.rest()
    if (rest !== undefined) this.#options.emit(output, rest, this.#place)
    this.#leave(tail, 'done')
    if (this.#options.follow || tail.content!.isCompressed) return
    tail.offset = this.#endOffset
    tail.ended = true
    tail.unended = isUnended
    this.#ended.push(tail.split())
  }

  /** The first line of a turn, after one that was given without its end. */
  #isEndOfGiven(line: string): boolean {
    this.#unended = false
    return line === ''
  }

  /** Ends the tail's turn. */
  #leave(tail: Tail, phase: 'ready' | 'idle' | 'done'): void {
    const stream = this.#stream!
    const offset = this.#cutter.offset()
    if (offset !== tail.offset) tail.unended = false
    tail.offset = offset
    tail.seenBytes = this.#endOffset
    tail.phase = phase
    this.#stream = undefined
    if (phase === 'done') this.#tails.remove(tail)
    this.#run(async () => {
      await stream.close()
      if (phase === 'done') await tail.content!.close()
      this.#active = undefined
    })
  }

  #onOverlong(offset: number): void {
    const { lineBytesMax: limit, overlong } = this.#options
    const file = this.#active!.path
    if (overlong === 'fail') throw engineError('FILES_LINE_TOO_LONG', { file, offset, limit })
    const message = `the line at ${file}:${offset} is longer than ${limit} bytes: ${overlong === 'skip' ? 'skipped' : 'cut'}`
    this.#context.report?.({ code: overlong === 'skip' ? 'FILE_LINE_SKIPPED' : 'FILE_LINE_CUT', message })
  }
}
