import type { Cancel } from '@millrace/core'
import { engineError } from '../../errors.ts'
import { LineCutter } from '../lines/line-cutter.ts'
import type { ReaderContext, SourceOutput, SourceReader, Split } from '../source.ts'
import type { Chunk, Content, ContentStream } from './content.ts'
import { emptyFingerprint, fingerprintBytesMax, fingerprintOf } from './fingerprint.ts'
import { statIfThere, type FoundFile } from './finder.ts'
import { findCopy, findLaterCopies, isSameContent, locate } from './locate.ts'
import type { FileSplit } from './split.ts'
import { Tail } from './tail.ts'

/** Emits what becomes of a line, if anything. */
export type EmitLine<T> = (output: SourceOutput<T>, line: string, place: LinePlace) => void

/** Where the line stood that is being read; changes with the next one. The offset is only computed when asked for. */
export interface LinePlace {
  readonly file: string
  /** Bytes before the line, in the decompressed content. */
  readonly offset: number
}

export interface FileReaderOptions<T> {
  readonly paths: readonly string[]
  readonly follow: boolean
  readonly encoding: 'utf8' | 'latin1'
  readonly lineBytesMax: number
  readonly overlong: 'fail' | 'skip' | 'truncate'
  readonly onLostFile: 'fail' | 'skip'
  readonly rotatedForMs: number
  readonly emit: EmitLine<T>
}

const linesPerPoll = 256
const checkMinMs = 20
const checkMaxMs = 1_000
/** A file that grows as fast as it is read makes way for others after so many chunks. */
const chunksPerTurn = 64

/**
 * Reads its files line by line, one at a time.
 *
 * 1. One tail is active; its offset is the cutter's, that of all others is their own. An offset is always the beginning of a line
 *    that has not been emitted.
 * 2. Of a lineage, a tail is read only when all before it have been read to their ends.
 * 3. A line without an end is emitted only when nothing can follow it any more.
 * 4. All that waits (disk, timers) runs in the background and ends with `wake`.
 */
export class FileReader<T> implements SourceReader<T> {
  readonly #context: ReaderContext
  readonly #options: FileReaderOptions<T>
  readonly #cutter: LineCutter
  readonly #place: LinePlace
  #tails: Tail[] = []
  #active: Tail | undefined
  #stream: ContentStream | undefined
  /** The beginning of the file, as far as the fingerprint covers it. */
  #head: Buffer = Buffer.alloc(0)
  /** Where the last chunk ends. */
  #endOffset = 0
  #chunks = 0
  #lastPath = ''
  #ends = false
  #isClosed = false
  #background: Promise<void> | undefined
  #checking: Promise<void> | undefined
  #cancelTimer: Cancel | undefined

  constructor(context: ReaderContext, options: FileReaderOptions<T>) {
    this.#context = context
    this.#options = options
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
    for (const split of splits as readonly FileSplit[]) this.#add(new Tail(split))
    this.#context.wake()
  }

  noMoreSplits(): void {
    this.#ends = true
    this.#context.wake()
  }

  poll(output: SourceOutput<T>): 'more' | 'wait' | 'end' {
    if (this.#stream === undefined) return this.#next()
    const { emit } = this.#options
    const place = this.#place
    for (let count = 0; count < linesPerPoll; count++) {
      const line = this.#cutter.next()
      if (line !== undefined) emit(output, line, place)
      else {
        const answer = this.#load(output)
        if (answer !== undefined) return answer
      }
    }
    return 'more'
  }

  snapshot(): readonly FileSplit[] {
    return this.#tails.map((tail) => tail.split(tail === this.#active && this.#stream !== undefined ? this.#cutter.offset() : tail.offset))
  }

  position(): string {
    return `${this.#lastPath}:${this.#cutter.lineOffset()}`
  }

  async close(): Promise<void> {
    this.#isClosed = true
    this.#cancelTimer?.()
    await this.#background
    await this.#checking
    await this.#stream?.close()
    for (const tail of this.#tails) await tail.content?.close().catch(() => {})
  }

  #add(tail: Tail): void {
    this.#tails.push(tail)
    // What came before is read to its end once more first: it may have grown just before it was rotated.
    for (const before of this.#tails) {
      if (!tail.follows(before)) continue
      before.isOutdated = true
      if (before.phase === 'idle') before.phase = 'ready'
    }
  }

  /** Begins with the next tail that may be read, in the background. */
  #next(): 'wait' | 'end' {
    if (this.#active !== undefined || this.#background !== undefined) return 'wait'
    // What is open can be read to its end, whatever becomes of its names meanwhile.
    const closed = this.#options.follow ? this.#tails.find(({ content }) => content === undefined) : undefined
    if (closed !== undefined) {
      this.#run(async () => void (await this.#open(closed)))
      return 'wait'
    }
    const tail = this.#tails.find((candidate) => candidate.phase === 'ready' && !this.#isBehind(candidate))
    if (tail === undefined) {
      this.#scheduleChecks()
      return this.#ends && this.#tails.length === 0 ? 'end' : 'wait'
    }
    tail.phase = 'active'
    this.#active = tail
    this.#run(() => this.#begin(tail))
    return 'wait'
  }

  #isBehind(tail: Tail): boolean {
    return this.#tails.some((other) => tail.follows(other) && other.phase !== 'idle')
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
    const content = await this.#open(tail)
    if (content === undefined || this.#isClosed) {
      this.#active = undefined
      return
    }
    tail.isOutdated = false
    this.#head = Buffer.from(await content.head(fingerprintBytesMax))
    if (this.#head.length > tail.fingerprint.bytes) tail.fingerprint = fingerprintOf(this.#head)
    this.#cutter.reset(tail.offset)
    this.#endOffset = tail.offset
    this.#chunks = 0
    this.#lastPath = tail.path
    this.#stream = content.stream(tail.offset, () => this.#context.wake())
  }

  /** The tail's content, found again where necessary; undefined if it turned out not to be read now. */
  async #open(tail: Tail): Promise<Content | undefined> {
    if (tail.content === undefined) {
      const location = await locate(this.#context.disk, tail.split(), this.#options.follow)
      if (location.kind === 'lost') this.#lose(tail)
      if (location.kind === 'truncated') await this.#restart(tail)
      if (location.kind !== 'here') return undefined
      tail.content = location.content
      tail.detached ||= location.as === 'copy'
    } else if (!tail.content.isCompressed && !(await isSameContent(tail.content, tail.split()))) {
      await this.#restart(tail)
      return undefined
    }
    if (!(await this.#wasTruncatedUnread(tail))) return tail.content
    await this.#restart(tail)
    return undefined
  }

  /** Of a file of which nothing was read the content cannot tell whether it was truncated meanwhile; copies can. */
  async #wasTruncatedUnread(tail: Tail): Promise<boolean> {
    if (tail.fingerprint.bytes > 0 || (await this.#laterCopies(tail, tail.modifiedMs)).length === 0) return false
    return (await statIfThere(this.#context.disk, tail.path))?.inode === tail.inode
  }

  /** The file was truncated: what copies still have of its former content is read first, then the file from its start. */
  async #restart(tail: Tail): Promise<void> {
    const { disk } = this.#context
    const former = tail.split()
    const copy = former.fingerprint.bytes === 0 ? undefined : await findCopy(disk, former)
    const later = await this.#laterCopies(tail, copy?.modifiedMs ?? tail.modifiedMs)
    const copies: Tail[] = []
    if (copy !== undefined) {
      const rest = new Tail({ ...former, detached: true })
      rest.content = copy.content
      copies.push(rest)
    }
    for (const { stat } of later) {
      const { inode, size: sizeBytes, modifiedMs } = stat
      const start = { offset: 0, fingerprint: emptyFingerprint, detached: true, inode, sizeBytes, modifiedMs }
      copies.push(new Tail({ ...former, ...start, generation: ++tail.generation }))
    }
    this.#tails.splice(this.#tails.indexOf(tail), 0, ...copies)
    const message = `${tail.path} was truncated; it is read from its start again${copies.length === 0 ? ', what was not read before is lost' : ''}`
    this.#context.report?.({ code: 'FILE_TRUNCATED', message })
    tail.modifiedMs = later.at(-1)?.stat.modifiedMs ?? copy?.modifiedMs ?? tail.modifiedMs
    tail.generation++
    tail.offset = 0
    tail.fingerprint = emptyFingerprint
    tail.phase = 'ready'
  }

  /** In a folder that is followed as a whole, copies are files like others: those of a file that is followed by name are its reader's. */
  async #laterCopies(tail: Tail, modifiedMs: number): Promise<readonly FoundFile[]> {
    if (!this.#options.follow || tail.detached || !this.#options.paths.includes(tail.path)) return []
    const copies = await findLaterCopies(this.#context.disk, tail.split(), modifiedMs)
    return copies.filter(({ stat }) => !this.#tails.some(({ inode }) => inode === stat.inode))
  }

  #lose(tail: Tail): void {
    const { path, offset } = tail
    // A file that never had any content, as far as we know, lost nothing.
    if (this.#options.onLostFile === 'fail' && tail.fingerprint.bytes > 0) throw engineError('FILES_LOST', { file: path, offset })
    this.#context.report?.({ code: 'FILE_LOST', message: `${path} is gone; what followed byte ${offset} is lost` })
    this.#remove(tail)
  }

  /** Gives the cutter more, or says how to go on without. */
  #load(output: SourceOutput<T>): 'more' | 'wait' | undefined {
    const tail = this.#active!
    if (this.#options.follow && this.#chunks >= chunksPerTurn && this.#tails.some((other) => other.phase === 'ready')) {
      this.#leave(tail, 'ready')
      this.#tails.push(...this.#tails.splice(this.#tails.indexOf(tail), 1))
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

  #reachEnd(tail: Tail, output: SourceOutput<T>): void {
    const isLast = !this.#options.follow || tail.detached || tail.isFinal || tail.content!.isCompressed
    if (!isLast) {
      tail.checkEveryMs = checkMinMs
      tail.nextCheckMs = this.#context.clock.monotonic() + checkMinMs
      return this.#leave(tail, tail.isOutdated ? 'ready' : 'idle')
    }
    const rest = this.#cutter.rest()
    if (rest !== undefined) this.#options.emit(output, rest, this.#place)
    this.#leave(tail, 'done')
  }

  /** Ends the tail's turn. */
  #leave(tail: Tail, phase: 'ready' | 'idle' | 'done'): void {
    const stream = this.#stream!
    tail.offset = this.#cutter.offset()
    tail.seenBytes = this.#endOffset
    tail.phase = phase
    this.#stream = undefined
    if (phase === 'done') this.#remove(tail)
    this.#run(async () => {
      await stream.close()
      if (phase === 'done') await tail.content!.close()
      this.#active = undefined
    })
  }

  #remove(tail: Tail): void {
    this.#tails = this.#tails.filter((other) => other !== tail)
  }

  #scheduleChecks(): void {
    if (this.#cancelTimer !== undefined || this.#checking !== undefined || this.#isClosed) return
    const due = Math.min(...this.#tails.filter(({ phase }) => phase === 'idle').map(({ nextCheckMs }) => nextCheckMs))
    if (due === Infinity) return
    this.#cancelTimer = this.#context.clock.after(Math.max(1, due - this.#context.clock.monotonic()), () => {
      this.#cancelTimer = undefined
      this.#checking = this.#check()
    })
  }

  async #check(): Promise<void> {
    await this.#checkDue()
    this.#checking = undefined
    if (this.#tails.some(({ phase }) => phase === 'ready')) this.#context.wake()
    else this.#scheduleChecks()
  }

  async #checkDue(): Promise<void> {
    try {
      const nowMs = this.#context.clock.monotonic()
      for (const tail of this.#tails) {
        if (this.#isClosed) return
        if (tail.phase === 'idle' && tail.nextCheckMs <= nowMs) await this.#checkTail(tail)
      }
    } catch (error) {
      if (!this.#isClosed) this.#context.fail(error)
    }
  }

  /** Makes a tail ready that has grown or shrunk, or whose time after its rotation is over. */
  async #checkTail(tail: Tail): Promise<void> {
    const { size } = await tail.content!.stat()
    const atPath = await statIfThere(this.#context.disk, tail.path)
    const nowMs = this.#context.clock.monotonic()
    if (atPath?.inode === tail.inode) tail.rotatedMs = undefined
    else tail.rotatedMs ??= nowMs
    tail.isFinal = tail.rotatedMs !== undefined && nowMs - tail.rotatedMs >= this.#options.rotatedForMs
    if (tail.phase === 'idle' && (size !== tail.seenBytes || tail.isFinal)) tail.phase = 'ready'
    tail.checkEveryMs = Math.min(checkMaxMs, tail.checkEveryMs * 2)
    tail.nextCheckMs = nowMs + tail.checkEveryMs
  }

  #onOverlong(offset: number): void {
    const { lineBytesMax: limit, overlong } = this.#options
    const file = this.#active!.path
    if (overlong === 'fail') throw engineError('FILES_LINE_TOO_LONG', { file, offset, limit })
    const message = `the line at ${file}:${offset} is longer than ${limit} bytes: ${overlong === 'skip' ? 'skipped' : 'cut'}`
    this.#context.report?.({ code: overlong === 'skip' ? 'FILE_LINE_SKIPPED' : 'FILE_LINE_CUT', message })
  }
}
